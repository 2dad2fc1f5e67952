"""A loop can end for the reason it gives, and carries nothing that nobody reads."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.expression import Literal, Value, references
from radps_dag.language.model import Loop
from radps_dag.problem import Problem

__all__ = ["check"]

RULE = "loop"
UNUSED = "unused-state"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of loops: their ends, and their state."""
    read = {
        (id(reading.sight.state.get(reading.reference.path[0])), reading.reference.path[0])
        for reading in view.readings
        if reading.reference.root == "state" and reading.reference.path
    }
    # `state` as a whole reads every variable in sight.
    fully_read = {
        id(seat)
        for reading in view.readings
        if reading.reference.root == "state" and not reading.reference.path
        for seat in reading.sight.state.values()
    }
    for seat in view.seats:
        loop = seat.node.loop
        if loop is None:
            continue
        yield from _ends(loop)
        for variable in loop.state:
            if (id(seat), variable.name) not in read and id(seat) not in fully_read:
                message = f"state variable {variable.name!r} is never read"
                yield Problem(variable.at, UNUSED, message)


def _ends(loop: Loop) -> Iterator[Problem]:
    if loop.keep == "best" and loop.score is None:
        yield Problem(loop.at, RULE, "'keep: best' needs a 'score' that says which is best")
    for name, value in (("until", loop.until), ("diverged", loop.diverged)):
        if value is None:
            continue
        if isinstance(value, Literal):
            fixed = "true" if value.value else "false"
            if isinstance(value.value, bool):
                yield Problem(value.at, RULE, f"`{name}` is {fixed} in every iteration")
        elif _never_changes(value, loop):
            message = f"`{name}` reads only state that no `next` changes: it is always the same"
            yield Problem(value.at, RULE, message)


def _never_changes(value: Value, loop: Loop) -> bool:
    fixed = {variable.name for variable in loop.state if variable.next is None}
    read = list(references(value))
    return bool(read) and all(
        reference.root == "state" and reference.path and reference.path[0] in fixed
        for reference in read
    )
