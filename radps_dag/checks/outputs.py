"""Every output that is read is one that the node has, and so are the members inside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import Reading, View
from radps_dag.language.expression import no_member
from radps_dag.language.model import Leaf
from radps_dag.problem import Problem, allowed, did_you_mean

__all__ = ["check"]

OUTPUT = "unknown-output"
MEMBER = "unknown-member"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of outputs that are read, and of their members."""
    for reading in view.readings:
        reference = reading.reference
        path = reference.path
        if reference.root in ("stages", "steps"):
            problem = _output(reading, shapes) if len(path) > 1 else None
            checked = 2
        elif reference.root == "outputs":
            problem = _own(reading, shapes) if path else None
            checked = 1
        else:
            problem, checked = None, 1
        if problem is not None:
            yield problem
        elif len(path) > checked:
            yield from _members(reading, checked, shapes)


def _output(reading: Reading, shapes: Shapes) -> Problem | None:
    """`steps.ID.OUTPUT`, where the node has no such output."""
    target = reading.target
    if target is None:
        return None
    names = shapes.names(target)
    name = reading.reference.path[1]
    if names is None or name in names:
        return None
    seat = reading.sight.seat
    if seat is not None and any(target is around for around in (seat, *seat.enclosing())):
        return None  # it reads itself, whatever the name
    if not isinstance(target.node, Leaf) and not names:
        words = f"; {target.node.id!r} shows none, give it `outputs:`"
    else:
        words = did_you_mean(name, names) or f"; it has {allowed(names) or 'none'}"
    message = f"{target.node.id!r} has no output {name!r}{words}"
    return Problem(reading.reference.at, OUTPUT, message)


def _own(reading: Reading, shapes: Shapes) -> Problem | None:
    """`outputs.NAME` in the node's own `qa` or `loop`."""
    seat = reading.sight.seat
    if seat is None or not reading.sight.outputs:
        return None
    names = shapes.names(seat, inside=True)
    if names is not None and seat.node.loop and reading.sight.slot.name.startswith("qa."):
        names = {**names, "outcome": None, "iterations": None, "history": None}
    name = reading.reference.path[0]
    if names is None or name in names:
        return None
    words = did_you_mean(name, names) or f"; it has {allowed(names) or 'none'}"
    message = f"{seat.node.id!r} has no output {name!r}{words}"
    return Problem(reading.reference.at, OUTPUT, message)


def _members(reading: Reading, checked: int, shapes: Shapes) -> Iterator[Problem]:
    """Check the members that follow: `steps.solve.caltable.uri`."""
    look = shapes.seen_from(reading.sight)
    reference = reading.reference
    path = (reference.root, *reference.path)
    for end in range(checked + 1, len(path)):
        shape, name = look(path[:end]), path[end]
        message, certain = no_member(shape, name)
        if message:
            text = f"{'.'.join(path[:end])!r} {message}"
            # A guard says what to do without the value, and a list never has members.
            if not reference.guarded or "object" not in shape.kinds:
                severity: Literal["error", "warning"] = "error" if certain else "warning"
                yield Problem(reference.at, MEMBER, text, severity)
            return
