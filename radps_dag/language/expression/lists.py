"""Filters and functions of lists and mappings."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from radps_dag.language.expression.bounds import Absent, Budget, Wrong, finite, text_of
from radps_dag.language.expression.operation import Operation, list_in, number_in, string_in
from radps_dag.language.shape import (
    ANY,
    INTEGER,
    NUMBER,
    STRING,
    Shape,
    from_hint,
    list_of,
    members_of,
    show,
    union,
)

__all__ = ["LIST_FILTERS", "LIST_FUNCTIONS", "items_of", "same_list"]

MAX_RANGE = 100_000
_LIST = list_of()
_MAPPING = from_hint(dict)
_LONG = union(_LIST, STRING, _MAPPING)
_SEQUENCE = union(_LIST, STRING)


def items_of(budget: Budget, value: Any, name: str) -> Sequence[Any]:
    """Items of a list, paid from the budget."""
    items = list_in(value, f"'{name}'")
    budget.spend(len(items))
    return items


def _length(_: Budget, value: Any) -> int:
    if not isinstance(value, str | list | tuple | Mapping):
        raise Wrong(f"'length' takes a list, a string or a mapping, found {show(value)}")
    return len(value)


def _end(name: str, index: int) -> Callable[[Budget, Any], Any]:
    def call(_: Budget, value: Any) -> Any:
        items = value if isinstance(value, str) else list_in(value, f"'{name}'")
        if not items:
            raise Absent(f"'{name}' of an empty list has no value; add default(...)")
        return items[index]

    return call


def _extreme(name: str, pick: Callable[[Sequence[Any]], Any]) -> Callable[[Budget, Any], Any]:
    def call(budget: Budget, value: Any) -> Any:
        items = items_of(budget, value, name)
        if not items:
            raise Absent(f"'{name}' of an empty list has no value; add default(...)")
        _orderable(items, name)
        return pick(items)

    return call


def _orderable(items: Sequence[Any], name: str) -> None:
    """Refuse a mixture: numbers have an order, strings have an order, and nothing else."""
    if all(isinstance(item, str) for item in items):
        return
    for item in items:
        if isinstance(item, bool) or not isinstance(item, int | float):
            other = next((text for text in items if isinstance(text, str)), item)
            raise Wrong(f"'{name}' takes numbers only or strings only, found {show(other)}")


def _numbers(budget: Budget, value: Any, name: str) -> Sequence[int | float]:
    return [number_in(item, f"'{name}'") for item in items_of(budget, value, name)]


def _sum(budget: Budget, value: Any) -> Any:
    return finite(sum(_numbers(budget, value, "sum")))


def _mean(budget: Budget, value: Any) -> float:
    numbers = _numbers(budget, value, "mean")
    if not numbers:
        raise Absent("'mean' of an empty list has no value; add default(...)")
    return float(finite(math.fsum(numbers) / len(numbers)))


def _median(budget: Budget, value: Any) -> float:
    numbers = sorted(_numbers(budget, value, "median"))
    if not numbers:
        raise Absent("'median' of an empty list has no value; add default(...)")
    middle = len(numbers) // 2
    both = numbers[middle - 1 : middle + 1] if len(numbers) % 2 == 0 else numbers[middle:][:1]
    return float(finite(sum(both) / len(both)))


def _sort(budget: Budget, value: Any, reverse: Any = False) -> list[Any]:
    items = items_of(budget, value, "sort")
    _orderable(items, "sort")
    return sorted(items, reverse=bool(reverse))


def _reverse(budget: Budget, value: Any) -> list[Any]:
    return list(reversed(items_of(budget, value, "reverse")))


def _unique(budget: Budget, value: Any) -> list[Any]:
    items = items_of(budget, value, "unique")
    firsts: dict[Any, Any] = {}
    for item in items:
        firsts.setdefault(_identity(item, budget), item)
    return list(firsts.values())


def _identity(item: Any, budget: Budget) -> Any:
    if isinstance(item, list | tuple | Mapping):
        budget.weigh(item)
        return json.dumps(item, sort_keys=True, default=dict)
    return (isinstance(item, bool), item)


def _flatten(budget: Budget, value: Any) -> list[Any]:
    flat: list[Any] = []
    for item in items_of(budget, value, "flatten"):
        inner = list_in(item, "'flatten'")
        budget.make(len(inner))
        flat.extend(inner)
    return flat


def _join(budget: Budget, value: Any, separator: Any = "") -> str:
    between = string_in(separator, "'join'")
    parts = [text_of(item, budget) for item in items_of(budget, value, "join")]
    budget.make(sum(map(len, parts)) + len(between) * max(0, len(parts) - 1))
    return between.join(parts)


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Wrong(f"'{name}' takes a mapping, found {show(value)}")
    return value


def _keys(budget: Budget, value: Any) -> list[Any]:
    members = _mapping(value, "keys")
    budget.spend(len(members))
    return list(members)


def _values(budget: Budget, value: Any) -> list[Any]:
    members = _mapping(value, "values")
    budget.spend(len(members))
    return list(members.values())


def _pairs(budget: Budget, value: Any) -> list[Any]:
    members = _mapping(value, "items")
    budget.spend(2 * len(members))
    return [[key, member] for key, member in members.items()]


def _range(budget: Budget, start: Any, stop: Any = None, step: Any = 1) -> list[int]:
    bounds = (0, start, step) if stop is None else (start, stop, step)
    for bound in bounds:
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise Wrong(f"'range' takes integers, found {show(bound)}")
    if step == 0:
        raise Wrong("'range' takes a step that is not zero")
    numbers = range(*bounds)
    # `len` of a huge range overflows; its last index does not.
    count = max(
        0, (numbers.stop - numbers.start + numbers.step - (numbers.step > 0 or -1)) // numbers.step
    )
    if count > MAX_RANGE:
        raise Wrong(f"'range' of {count:,} numbers; {MAX_RANGE:,} is the most")
    budget.make(count)
    return list(numbers)


def _zip(budget: Budget, *lists: Any) -> list[Any]:
    members = [items_of(budget, items, "zip") for items in lists]
    lengths = {len(items) for items in members}
    if len(lengths) > 1:
        raise Wrong(
            f"'zip' takes lists of one length, found {', '.join(map(str, sorted(lengths)))}"
        )
    budget.make(sum(map(len, members)))
    return [list(group) for group in zip(*members, strict=True)]


def _items_shape(value: Shape, *_: Shape) -> Shape:
    return (value.items or ANY) if value.kinds == {"array"} else ANY


def same_list(value: Shape, *_: Shape, **_named: Shape) -> Shape:
    """Shape of a list with the items of another."""
    return list_of(value.items) if value.kinds == {"array"} else _LIST


def _flat(value: Shape) -> Shape:
    inner = _items_shape(value)
    return list_of(inner.items) if inner.kinds == {"array"} else _LIST


def _end_shape(index: int) -> Callable[[Shape], Shape]:
    def gives(value: Shape) -> Shape:
        if value.members:
            return value.members[index]
        return STRING if value.kinds == {"string"} else _items_shape(value)

    return gives


def _zipped(*lists: Shape) -> Shape:
    return list_of(members_of(map(_items_shape, lists)))


def _values_shape(value: Shape) -> Shape:
    if value.kinds != {"object"}:
        return _LIST
    others = () if value.values is None else (value.values,)
    return list_of(union(*(shape for _, shape, _ in value.fields), *others))


def _pairs_shape(value: Shape) -> Shape:
    return list_of(members_of((STRING, _items_shape(_values_shape(value)))))


def _summed(value: Shape) -> Shape:
    return INTEGER if _items_shape(value).kinds == {"integer"} else NUMBER


def _filter(name: str, usage: str, summary: str, call: Any, gives: Any, **more: Any) -> Operation:
    return Operation(name, usage, summary, call, gives, takes=more.pop("takes", _LIST), **more)


LIST_FILTERS: tuple[Operation, ...] = (
    _filter(
        "first", "xs | first", "the first item", _end("first", 0), _end_shape(0), takes=_SEQUENCE
    ),
    _filter("flatten", "xs | flatten", "one list of a list of lists", _flatten, _flat),
    _filter("items", "m | items", "the [key, value] pairs", _pairs, _pairs_shape, takes=_MAPPING),
    _filter(
        "join",
        "xs | join(separator='')",
        "the items as text, one after the other",
        _join,
        STRING,
        parameters=("separator",),
    ),
    _filter("keys", "m | keys", "the keys of a mapping", _keys, list_of(STRING), takes=_MAPPING),
    _filter(
        "last", "xs | last", "the last item", _end("last", -1), _end_shape(-1), takes=_SEQUENCE
    ),
    _filter("length", "xs | length", "how many", _length, INTEGER, takes=_LONG),
    _filter("max", "xs | max", "the largest", _extreme("max", max), _items_shape),
    _filter("mean", "xs | mean", "the average", _mean, NUMBER),
    _filter("median", "xs | median", "the middle one", _median, NUMBER),
    _filter("min", "xs | min", "the smallest", _extreme("min", min), _items_shape),
    _filter("reverse", "xs | reverse", "the last first", _reverse, same_list),
    _filter(
        "sort",
        "xs | sort(reverse=false)",
        "numbers or strings in order",
        _sort,
        same_list,
        parameters=("reverse",),
    ),
    _filter("sum", "xs | sum", "the sum of numbers", _sum, _summed),
    _filter("unique", "xs | unique", "without repetition", _unique, same_list),
    _filter(
        "values", "m | values", "the values of a mapping", _values, _values_shape, takes=_MAPPING
    ),
)

LIST_FUNCTIONS = (
    Operation(
        "range",
        "range(stop) or range(start, stop, step)",
        f"whole numbers below `stop`, at most {MAX_RANGE:,}",
        _range,
        list_of(INTEGER),
        ("start", "stop", "step"),
        1,
    ),
    Operation("zip", "zip(xs, ys)", "lists of one length, item by item", _zip, _zipped, ("*",), 1),
)
