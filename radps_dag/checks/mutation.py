"""Data changed in place by one node are not given to another that may run at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from radps_dag.checks.conditions import Conditions
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.sources import Origin, Sources
from radps_dag.checks.view import Seat, View
from radps_dag.language.expression import Literal, infer
from radps_dag.language.model import Group, Named, Pause, Pipeline, Task, Use, arguments
from radps_dag.problem import Problem
from radps_dag.workloads.contract.changing import can_name_data

__all__ = ["check"]

RULE = "mutation"


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """Data that a node is given, and whether it changes them in place."""

    seat: Seat
    argument: Named
    origins: frozenset[Origin]
    changes: bool


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of data that one node changes while another may read it."""
    changed = {seat: names for seat in view.seats if (names := _changed_by(seat, shapes))}
    if not changed:
        return
    given = list(_given(view, shapes, changed))
    by_origin: dict[tuple[str, int, str], list[_Given]] = {}
    for data in given:
        for key in {origin.key for origin in data.origins}:
            by_origin.setdefault(key, []).append(data)
    beside = _Beside(view)
    number = {seat: position for position, seat in enumerate(view.seats)}
    for data in given:
        if not data.changes:
            continue
        yield from _instances(data)
        told = {data.seat}
        for key in sorted({origin.key for origin in data.origins}):
            for other in by_origin[key]:
                # Of two that change the same, the first one tells.
                second = other.changes and number[other.seat] < number[data.seat]
                if other.seat in told or second or not _meet(data, other):
                    continue
                if at_once := beside.at_once(data.seat, other.seat):
                    told.add(other.seat)
                    yield _problem(data, other, *at_once)


def _changed_by(seat: Seat, shapes: Shapes) -> frozenset[str]:
    """The arguments whose data a node changes in place."""
    match seat.node:
        case Task() as node:
            workload = shapes.workloads.get(node.run)
            return frozenset(workload.changes) if workload is not None else frozenset()
        case Use() as node:
            return _changed_params(node.pipeline, shapes)
        case Group() | Pause():
            return frozenset()
        case _:
            assert_never(seat.node)


def _changed_params(pipeline: Pipeline, shapes: Shapes) -> frozenset[str]:
    """The params of a file that name data which something in it changes in place."""
    view = shapes.view(pipeline)
    changed = {seat: names for seat in view.seats if (names := _changed_by(seat, shapes))}
    return frozenset(
        origin.path[0]
        for data in (_given(view, shapes, changed) if changed else ())
        for origin in data.origins
        if data.changes and origin.root == "params"
    )


def _given(view: View, shapes: Shapes, changed: Mapping[Seat, frozenset[str]]) -> Iterator[_Given]:
    sources = Sources(view, shapes)
    for seat in view.seats:
        takes = _takes(seat, shapes)
        for argument in arguments(seat.node):
            sight = view.sight(seat, f"with.{argument.name}")
            if sight is None or argument.name not in takes:
                continue
            origins = sources.of(sight)
            if origins and can_name_data(infer(argument.value, shapes.seen_from(sight))):
                yield _Given(seat, argument, origins, argument.name in changed.get(seat, ()))


def _takes(seat: Seat, shapes: Shapes) -> frozenset[str]:
    """The inputs of a node that can be data."""
    match seat.node:
        case Task() as node:
            workload = shapes.workloads.get(node.run)
            inputs = workload.inputs if workload is not None else ()
            return frozenset(item.name for item in inputs if can_name_data(item.shape))
        case Use() as node:
            params = shapes.view(node.pipeline).params
            return frozenset(name for name, shape in params.items() if can_name_data(shape))
        case Group() | Pause():
            return frozenset()
        case _:
            assert_never(seat.node)


def _meet(given: _Given, other: _Given) -> bool:
    return any(a.meets(b) for a in given.origins for b in other.origins)


def _instances(given: _Given) -> Iterator[Problem]:
    """Instances of a fan-out that all change the same data."""
    for fan in (given.seat, *given.seat.enclosing()):
        each = fan.node.for_each
        if each is None or (
            isinstance(each.max_parallel, Literal) and each.max_parallel.value == 1
        ):
            continue
        if any(_is_shared(origin, fan) for origin in given.origins):
            name, who = given.argument.name, given.seat.node.id
            around = "" if fan is given.seat else f" in all instances of {fan.node.id!r}"
            message = (
                f"{who!r} changes {name!r} in place{around}, and its instances all get the same "
                "at the same time; give each its own, or say max_parallel: 1"
            )
            yield Problem(given.argument.at, RULE, message)
            return


def _is_shared(origin: Origin, fan: Seat) -> bool:
    """Whether all instances of a fan-out get it: neither an item, nor made inside."""
    inside = origin.node is not None and fan in origin.node.enclosing()
    return fan not in origin.items and not inside


def _problem(given: _Given, other: _Given, first: Seat, second: Seat) -> Problem:
    verb = "changes the same data as" if other.changes else "gets the same data as"
    who, whom = given.seat.node.id, other.seat.path
    message = (
        f"{who!r} changes {given.argument.name!r} in place, and {whom!r} (line "
        f"{other.argument.at.line}) {verb} {other.argument.name!r}; they may run at the same time: "
        f"write needs: [{first.node.id}] in {second.node.id!r}, or the other way round, or let one "
        "read the outputs of the other"
    )
    return Problem(given.argument.at, RULE, message)


class _Beside:
    """Lookup of the nodes of a file that may run at the same time."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._conditions = Conditions(view)
        self._after: dict[tuple[str, str], frozenset[str]] = {}

    def at_once(self, seat: Seat, other: Seat) -> tuple[Seat, Seat] | None:
        """The two nodes, side by side, in which these are and of which neither waits."""
        around = {id(each.level): each for each in (seat, *seat.enclosing())}
        for second in (other, *other.enclosing()):
            first = around.get(id(second.level))
            if first is None:
                continue
            ordered = self._waits(first, second) or self._waits(second, first)
            if first is second or ordered or self._conditions.exclude(first, second):
                return None
            return first, second
        return None

    def _waits(self, first: Seat, second: Seat) -> bool:
        return second.node.id in self._following(first)

    def _following(self, seat: Seat) -> frozenset[str]:
        """The nodes of a level that wait for one, directly or through others."""
        path = seat.level.path
        key = path, seat.node.id
        if key not in self._after:
            waits: dict[str, list[str]] = {}
            for edge in self._view.edges.get(path, ()):
                waits.setdefault(edge.source, []).append(edge.target)
            following: set[str] = set()
            waiting = [seat.node.id]
            while waiting:
                for id_ in waits.get(waiting.pop(), ()):
                    if id_ not in following:
                        following.add(id_)
                        waiting.append(id_)
            self._after[key] = frozenset(following)
        return self._after[key]
