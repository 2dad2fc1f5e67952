"""A question that goes on with the defaults has them."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.model import Pause
from radps_dag.problem import Problem

__all__ = ["check"]

RULE = "pause"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of pauses that time out."""
    for seat in view.seats:
        node = seat.node
        if isinstance(node, Pause) and node.on_timeout == "defaults":
            for field in node.inputs:
                if field.default is None:
                    message = f"input {field.name!r} needs a default, for 'on_timeout: defaults'"
                    yield Problem(field.at, RULE, message)
