"""Functions of fan-outs: the outputs of an instance by its key, and instances paired by key.

A fan-out is read as a mapping of lists, with the keys of the instances in `keys`. Any mapping of
that form will do, so a group can hand on what it has fanned out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from radps_dag.language.expression.bounds import Absent, Budget, Wrong
from radps_dag.language.expression.operation import Operation
from radps_dag.language.shape import ANY, STRING, Shape, list_of, object_of, show

__all__ = ["FAN_OUT_MEMBERS", "KEYED_FUNCTIONS", "key_text"]

# What a fan-out adds to the lists of its outputs.
FAN_OUT_MEMBERS = ("keys", "failed")
_FAN_OUT = object_of([("keys", list_of(), True)], ANY, "fan-out")


def key_text(item: Any) -> str:
    """The key of an instance that goes by this item."""
    if isinstance(item, bool) or item is None:
        return {True: "true", False: "false", None: "null"}[item]
    return str(item)


def _numbers(budget: Budget, fan: Any, name: str) -> dict[str, int]:
    """The number of each instance, by its key."""
    keys = fan.get("keys") if isinstance(fan, Mapping) else None
    if not isinstance(keys, list | tuple):
        old = isinstance(fan, Mapping) and "failed" in fan
        hint = "; an earlier version left its outputs without keys: run it again" if old else ""
        raise Wrong(f"'{name}' takes a node with for_each, as a whole, found {show(fan)}{hint}")
    budget.spend(len(keys))
    numbers = {key_text(key): number for number, key in enumerate(keys)}
    if len(numbers) < len(keys):
        raise Wrong(f"'{name}' takes keys that differ, found {show(keys)}")
    return numbers


def _lists(fan: Mapping[str, Any], name: str) -> Iterator[tuple[str, Sequence[Any]]]:
    for member, items in fan.items():
        if member in FAN_OUT_MEMBERS or not isinstance(items, list | tuple):
            continue
        if len(items) != len(fan["keys"]):
            words = f"{len(fan['keys'])} keys, and {len(items)} items of {member!r}"
            raise Wrong(f"'{name}' takes lists as long as `keys`, found {words}")
        yield member, items


def _at(budget: Budget, fan_out: Any, key: Any) -> dict[str, Any]:
    numbers = _numbers(budget, fan_out, "at")
    if isinstance(key, list | tuple | Mapping):
        raise Wrong(f"'at' takes a key, which is a text or a number, found {show(key)}")
    number = numbers.get(key_text(key))
    if number is None:
        lost = [key_text(failed) for failed in fan_out.get("failed", ())]
        why = ": it has failed" if key_text(key) in lost else ""
        raise Absent(f"no instance has the key {key_text(key)!r}{why}; add default(...)")
    return {member: items[number] for member, items in _lists(fan_out, "at")}


def _align(budget: Budget, /, **fans: Any) -> list[dict[str, Any]]:
    numbers = {name: _numbers(budget, fan, "align") for name, fan in fans.items()}
    lists = {name: dict(_lists(fan, "align")) for name, fan in fans.items()}
    first, *others = numbers.values()
    keys = [key for key in first if all(key in other for other in others)]
    budget.make(len(keys) * (1 + sum(1 + len(members) for members in lists.values())))
    return [
        {"key": key}
        | {
            name: {member: items[numbers[name][key]] for member, items in members.items()}
            for name, members in lists.items()
        }
        for key in keys
    ]


def _instance(fan: Shape = ANY, *_: Shape, **__: Shape) -> Shape:
    """The outputs of one instance."""
    if fan.kinds != {"object"}:
        return ANY
    fields = [
        (name, (of.items or ANY) if of.kinds == {"array"} else ANY, True)
        for name, of, _ in fan.fields
        if name not in FAN_OUT_MEMBERS and (of.unknown or "array" in of.kinds)
    ]
    return object_of(fields, None if fan.values is None else ANY, "")


def _pairs(**fans: Shape) -> Shape:
    members = [(name, _instance(fan), True) for name, fan in fans.items()]
    return list_of(object_of([("key", STRING, True), *members], None, ""))


KEYED_FUNCTIONS = (
    Operation(
        "at",
        "at(stages.ID, key)",
        "the outputs of the instance of a fan-out that has this key",
        _at,
        _instance,
        ("fan_out", "key"),
        2,
        _FAN_OUT,
    ),
    Operation(
        "align",
        "align(a=stages.ID, b=stages.OTHER)",
        "for each key that all these fan-outs have: `key`, and their outputs as `a` and `b`",
        _align,
        _pairs,
        ("**",),
        1,
        _FAN_OUT,
    ),
)
