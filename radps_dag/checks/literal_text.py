"""Text that stands for itself is not a reference whose delimiters are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radps_dag.checks import types
from radps_dag.checks.meant import meant
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.expression import Listing, Literal, Object, Template, Value
from radps_dag.language.shape import show
from radps_dag.problem import Location, Problem

__all__ = ["check"]

RULE = "literal-text"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Warnings for literal text that looks like a reference."""
    problems = [
        Problem(at, RULE, f"the text {show(text)} is taken as it stands{fix}", "warning")
        for sight in view.sights
        for at, text, alone in _texts(sight.slot.value)
        if (fix := meant(text, sight, shapes, alone=alone))
    ]
    # What is no text at all there is told with its type.
    told = {problem.at for problem in types.check(view, shapes)} if problems else set()
    yield from (problem for problem in problems if problem.at not in told)


def _texts(value: Value) -> Iterator[tuple[Location, str, bool]]:
    """The constant texts in a value, with their places, and whether each stands alone."""
    match value:
        case Literal():
            yield from ((value.at, text, True) for text in _inside(value.value))
        case Template():
            yield from ((value.at, part, False) for part in value.parts if isinstance(part, str))
        case Listing():
            for item in value.items:
                yield from _texts(item)
        case Object():
            for _, item in value.entries:
                yield from _texts(item)


def _inside(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _inside(item)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _inside(item)
