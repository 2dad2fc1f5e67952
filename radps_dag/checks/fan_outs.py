"""A fan-out has items that can be told apart, and asks for what it can get."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import Seat, View
from radps_dag.language.expression import Listing, Literal, Value
from radps_dag.language.model import ForEach, Task
from radps_dag.language.shape import show
from radps_dag.problem import Location, Problem

__all__ = ["check", "repeated", "size"]

RULE = "for-each"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of `for_each`."""
    for seat in view.seats:
        if seat.node.for_each is not None:
            for at, message in _wrong(seat, seat.node.for_each):
                yield Problem(at, RULE, message)


def _wrong(seat: Seat, fan: ForEach) -> Iterator[tuple[Location, str]]:
    for item in fan.items:
        if item.name == "index":
            yield item.at, "'index' is the number of the instance; take another name"
        if isinstance(item.value, Literal) and isinstance(item.value.value, list):
            yield from repeated(item.value.value, fan, item.value.at)
    if fan.batch > 1 and not isinstance(seat.node, Task):
        yield fan.at, "'batch' is for nodes that `run` a workload"
    if fan.key is not None and isinstance(fan.key, Literal):
        yield fan.key.at, "the key is the same for every instance; use each.NAME in it"
    sizes = [size(item.value) for item in fan.items]
    total = None if None in sizes else math.prod(size or 0 for size in sizes)
    if total is not None and not fan.percent and fan.min_success > total:
        count = f"{fan.min_success:g}"
        yield fan.at, f"min_success: {count} can never be met by {total} instances"
    if fan.percent and not 0 <= fan.min_success <= 100:
        yield fan.at, "min_success is a share from 0% to 100%, or a number of instances"


def size(value: Value) -> int | None:
    """The number of items of a value, if it is written down."""
    if isinstance(value, Listing):
        return len(value.items)
    if isinstance(value, Literal) and isinstance(value.value, list):
        return len(value.value)
    return None


def repeated(items: list[Any], fan: ForEach, at: Location) -> Iterator[tuple[Location, str]]:
    """Two items alike make two instances of one name."""
    if fan.key is not None:
        return
    seen: set[str] = set()
    for item in items:
        # As the engine names them: 1 and "1" are one key.
        word = item if isinstance(item, str) else json.dumps(item, sort_keys=True)
        if word in seen and not isinstance(item, list | dict):
            yield at, f"the item {show(item)} is there twice; each instance needs a name of its own"
            return
        seen.add(word)
