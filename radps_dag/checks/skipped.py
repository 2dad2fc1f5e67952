"""Readers of a node that may be skipped, or may fail and be tolerated, have a default."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.checks.conditions import Conditions
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import Level, Reading, Seat, View
from radps_dag.language.expression import Literal
from radps_dag.problem import Problem

__all__ = ["check"]

RULE = "may-be-skipped"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of references to what may be missing."""
    conditions = Conditions(view)
    contagious: dict[str, set[str]] = {}
    for reading in view.readings:
        target = reading.target
        if target is None or reading.reference.guarded or _is_around(reading, target):
            continue
        skipped = _skipped(view, reading, contagious)
        reason = _may_lack(reading, target, conditions, skipped)
        if not reason and _looks_inside(reading, target):
            reason = _rests_on(view, target, contagious)
        if reason:
            text = str(reading.reference)
            message = f"{text!r} may have no value: {reason}; write {text} | default(...)"
            yield Problem(reading.reference.at, RULE, message)


def _is_around(reading: Reading, target: Seat) -> bool:
    seat = reading.sight.seat
    return seat is not None and (seat is target or target in seat.enclosing())


def _skipped(view: View, reading: Reading, contagious: dict[str, set[str]]) -> tuple[Seat, ...]:
    """The nodes whose condition is false where a chain of `default` gets to this reading: those
    whose outputs have no value for no other reason."""
    problems = []
    for path in reading.reference.instead:
        seat = view.target(reading.sight, path[0], path[1:]) if len(path) == 3 else None
        if (
            seat is not None
            and seat.node.on_error == "fail"
            and not _rests_on(view, seat, contagious)
        ):
            problems.append(seat)
    return tuple(problems)


def _may_lack(
    reading: Reading, target: Seat, conditions: Conditions, skipped: tuple[Seat, ...]
) -> str:
    node = target.node
    if node.on_error == "continue":
        return f"{node.id!r} may fail and the rest goes on (on_error: continue)"
    if node.when is None or (isinstance(node.when, Literal) and node.when.value is True):
        return ""
    if conditions.implied(reading.sight, target, skipped):
        return ""
    return f"{node.id!r} is skipped unless its `when` is true"


def _looks_inside(reading: Reading, target: Seat) -> bool:
    """Whether this is a group's look at its own steps: it is not skipped with them."""
    seat = reading.sight.seat
    return target.level.owner is seat


def _rests_on(view: View, target: Seat, contagious: dict[str, set[str]]) -> str:
    level = target.level
    if level.path not in contagious:
        contagious[level.path] = _contagion(view, level)
    if target.node.id not in contagious[level.path]:
        return ""
    if target.node.on_error == "skip_dependents":
        return f"{target.node.id!r} may fail and the rest goes on (on_error: skip_dependents)"
    return f"{target.node.id!r} is skipped if what it depends on fails (on_error: skip_dependents)"


def _contagion(view: View, level: Level) -> set[str]:
    """The nodes of a level that `skip_dependents` can leave without a value."""
    contagious = {n for n, seat in level.seats.items() if seat.node.on_error == "skip_dependents"}
    if not contagious:
        return contagious
    after: dict[str, list[str]] = {}
    for edge in view.edges.get(level.path, ()):
        after.setdefault(edge.source, []).append(edge.target)
    waiting = list(contagious)
    while waiting:
        for following in after.get(waiting.pop(), ()):
            if following not in contagious:
                contagious.add(following)
                waiting.append(following)
    return contagious
