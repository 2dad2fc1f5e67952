"""Values are of the kind that their place takes, and so is what their expressions compute with."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.checks.meant import meant
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import Sight, View
from radps_dag.expression import Listing, Literal, Object, Value, infer
from radps_dag.model import Pause, Task, Use
from radps_dag.problem import Location, Problem
from radps_dag.shape import (
    ANY,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    Shape,
    describe,
    fits,
    list_of,
    mismatch,
    union,
)

__all__ = ["check"]

RULE = "type"
_COUNT = Shape(INTEGER.kinds, minimum=1)
_SHARE = Shape(NUMBER.kinds, minimum=0, maximum=1)
_SCORE = union(NUMBER, NULL)
_EXPECTED = {
    "when": BOOLEAN,
    "max_parallel": _COUNT,
    "loop.max_iterations": _COUNT,
    "loop.until": BOOLEAN,
    "loop.diverged": BOOLEAN,
    "loop.score": _SCORE,
    "qa.warn_below": _SHARE,
    "qa.alert_below": _SHARE,
}


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    for sight in view.sights:
        found: list[Problem] = []

        def complain(at: Location, message: str, found: list[Problem] = found) -> None:
            found.append(Problem(at, RULE, message))

        value = sight.slot.value
        if not isinstance(value, Literal):
            infer(value, shapes.known(sight), complain)
        if not found:
            what, expected = _expected(sight, shapes)
            found += _misfits(value, expected, what, sight, shapes)
        yield from found


def _expected(sight: Sight, shapes: Shapes) -> tuple[str, Shape]:
    """What a place is called, and what it takes."""
    slot, seat = sight.slot.name, sight.seat
    if slot in _EXPECTED:
        return f"`{slot.removeprefix('loop.').removeprefix('qa.')}`", _EXPECTED[slot]
    if slot.startswith("for_each."):
        return f"`{slot}`", list_of()
    if slot.startswith("qa.metrics.") and slot.endswith(".score"):
        return "a score", _SCORE
    if seat is None:
        return "", ANY
    name = slot.partition(".")[2]
    match seat.node:
        case Task() if slot.startswith("with.") and seat.node.run in shapes.workloads:
            takes = {one.name: one.shape for one in shapes.workloads[seat.node.run].inputs}
            return f"input {name!r} of {seat.node.run!r}", takes.get(name, ANY)
        case Use() if slot.startswith("with."):
            params = shapes.view(seat.node.pipeline).params
            return f"param {name!r} of {seat.node.pipeline.name!r}", params.get(name, ANY)
        case Pause() if slot.startswith("pause.input."):
            name = slot.removeprefix("pause.input.").removesuffix(".default")
            return f"the default of {name!r}", shapes.fields(seat.node).get(name, ANY)
    return "", ANY


def _misfits(
    value: Value, expected: Shape, what: str, sight: Sight, shapes: Shapes
) -> Iterator[Problem]:
    """What does not fit, each at its own place inside the value."""
    if expected.unknown:
        return
    if isinstance(value, Literal):
        if wrong := mismatch(expected, value.value):
            hint = meant(value.value, sight, shapes)
            yield Problem(value.at, RULE, f"{what}: {wrong}{hint}")
        return
    if isinstance(value, Listing) and expected.kinds == {"array"}:
        for number, item in enumerate(value.items):
            inner = f"{what}[{number}]"
            yield from _misfits(item, expected.items or ANY, inner, sight, shapes)
        return
    if isinstance(value, Object) and expected.kinds == {"object"}:
        yield from _members(value, expected, what, sight, shapes)
        return
    given = infer(value, shapes.known(sight))
    if not fits(expected, given):
        hint = "; write a comparison, such as x > 0" if expected == BOOLEAN else ""
        words = f"expected {describe(expected)}, found {describe(given)}{hint}"
        yield Problem(value.at, RULE, f"{what}: {words}")


def _members(
    value: Object, expected: Shape, what: str, sight: Sight, shapes: Shapes
) -> Iterator[Problem]:
    fields = {name: shape for name, shape, _ in expected.fields}
    given = dict(value.entries)
    for name, _, required in expected.fields:
        if required and name not in given:
            yield Problem(value.at, RULE, f"{what}: {describe(expected)} needs {name!r}")
    for name, one in value.entries:
        shape = fields.get(name, expected.values)
        if shape is None:
            words = f"{describe(expected)} has no such member"
            yield Problem(one.at, RULE, f"{what}.{name}: {words}")
        else:
            yield from _misfits(one, shape, f"{what}.{name}", sight, shapes)
