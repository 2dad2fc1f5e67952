"""The tests of expressions: what can stand after `is`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from radps_dag.language.expression.bounds import Budget, Wrong
from radps_dag.language.expression.operation import Operation
from radps_dag.language.shape import BOOLEAN, show

__all__ = ["TESTS", "contains", "ordered"]


def ordered(left: Any, right: Any) -> None:
    """Refuse what has no order: only numbers go with numbers and strings with strings."""
    if isinstance(left, str) and isinstance(right, str):
        return
    for operand, other in ((left, right), (right, left)):
        if isinstance(operand, bool) or not isinstance(operand, int | float):
            raise Wrong(f"{show(operand)} and {show(other)} have no order")


def contains(budget: Budget, container: Any, item: Any) -> bool:
    """`item in container`: an item of a list, a part of a string, a key of a mapping."""
    if isinstance(container, str):
        if not isinstance(item, str):
            raise Wrong(f"only a string can be in a string, found {show(item)}")
    elif not isinstance(container, list | tuple | Mapping):
        raise Wrong(f"'in' takes a list, a string or a mapping, found {show(container)}")
    elif isinstance(container, Mapping):
        return isinstance(item, str) and item in container
    budget.spend(len(container))
    return item in container


def _in(budget: Budget, value: Any, container: Any) -> bool:
    return contains(budget, container, value)


def _is(kind: type | tuple[type, ...]) -> Callable[[Budget, Any], bool]:
    numeric = bool not in (kind if isinstance(kind, tuple) else (kind,))

    def call(_: Budget, value: Any) -> bool:
        return isinstance(value, kind) and not (numeric and isinstance(value, bool))

    return call


def _in_order(compare: Callable[[Any, Any], bool]) -> Callable[[Budget, Any, Any], bool]:
    def call(_: Budget, value: Any, other: Any) -> bool:
        ordered(value, other)
        return bool(compare(value, other))

    return call


def _whole(value: Any, test: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(f"'{test}' takes an integer, found {show(value)}")
    return value


def _divisible(_: Budget, value: Any, by: Any) -> bool:
    if _whole(by, "divisibleby") == 0:
        raise Wrong("division by zero")
    return bool(_whole(value, "divisibleby") % by == 0)


def _test(name: str, summary: str, call: Callable[..., bool], *parameters: str) -> Operation:
    usage = f"x is {name}" + (f"({', '.join(parameters)})" if parameters else "")
    return Operation(name, usage, summary, call, BOOLEAN, parameters, len(parameters))


TESTS: Mapping[str, Operation] = {
    test.name: test
    for test in (
        _test("boolean", "true or false", lambda _, x: isinstance(x, bool)),
        _test("defined", "what is read has a value", lambda _, _x: True),
        _test("divisibleby", "a multiple of `by`", _divisible, "by"),
        _test("eq", "equal to `other`", lambda _, x, other: bool(x == other), "other"),
        _test("even", "a multiple of 2", lambda _, x: _whole(x, "even") % 2 == 0),
        _test("float", "a number with a fraction part", _is(float)),
        _test("ge", "at least `other`", _in_order(lambda x, y: bool(x >= y)), "other"),
        _test("gt", "more than `other`", _in_order(lambda x, y: bool(x > y)), "other"),
        _test("in", "in `container`", _in, "container"),
        _test("integer", "a whole number", _is(int)),
        _test("le", "at most `other`", _in_order(lambda x, y: bool(x <= y)), "other"),
        _test("list", "a list", _is((list, tuple))),
        _test("lt", "less than `other`", _in_order(lambda x, y: bool(x < y)), "other"),
        _test("mapping", "a mapping", lambda _, x: isinstance(x, Mapping)),
        _test("ne", "not equal to `other`", lambda _, x, other: bool(x != other), "other"),
        _test("none", "null", lambda _, x: x is None),
        _test("number", "a number", _is((int, float))),
        _test("odd", "no multiple of 2", lambda _, x: _whole(x, "odd") % 2 == 1),
        _test("string", "a string", _is(str)),
        _test("undefined", "what is read has no value", lambda _, _x: False),
    )
}
