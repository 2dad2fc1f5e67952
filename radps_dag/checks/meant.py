"""Likely meaning of a text that looks like a reference: `params.x`, `{{ params.x }}`."""

from __future__ import annotations

import re
from typing import Any

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import NodeView
from radps_dag.language.shape import show

__all__ = ["meant"]

_NAME = r"(?:params|stages|steps|each|state|loop|outputs|run)(?:\.[A-Za-z_][A-Za-z0-9_]*)+"
# As other languages write it: {{ x }}, ${ x }, {x}, $(x), $x.
_WRAPPED = re.compile(rf"\$?\{{\{{?\s*({_NAME})([^{{}}]*)\}}\}}?|\$\(\s*({_NAME})\s*\)|\$({_NAME})")


def meant(value: Any, sight: NodeView, shapes: Shapes, alone: bool = True) -> str:
    """The likely fix for a text that names what there is without `${{ }}`; "" for any other.

    `alone` says that it is all that stands there.
    """
    if not isinstance(value, str):
        return ""
    if alone and re.fullmatch(_NAME, value.strip()) and _is_there(value.strip(), sight, shapes):
        return f"; did you mean '${{{{ {value.strip()} }}}}'?"
    names = [match[1] or match[3] or match[4] for match in _WRAPPED.finditer(value)]
    if not names or not all(_is_there(name, sight, shapes) for name in names):
        return ""
    return f"; did you mean {show(_WRAPPED.sub(_delimited, value))}?"


def _delimited(match: re.Match[str]) -> str:
    return f"${{{{ {(match[1] or match[3] or match[4]) + (match[2] or '').rstrip()} }}}}"


def _is_there(name: str, sight: NodeView, shapes: Shapes) -> bool:
    """Whether an expression could read that there."""
    root, first, *rest = name.split(".")
    match root:
        case "params":
            return first in sight.view.params
        case "each":
            return first in sight.each or (first == "index" and bool(sight.each))
        case "state":
            return first in sight.state
        case "loop":
            return sight.loop is not None and first == "index"
        case "run":
            return first in ("id", "workdir") and not rest
        case "outputs":
            names = None if sight.seat is None else shapes.names(sight.seat, inside=True)
            return sight.outputs and first in (names or ())
    seat = sight.step(first) if root == "steps" else sight.view.top.seats.get(first)
    outputs = None if seat is None else shapes.names(seat)
    return bool(rest) and rest[0] in (outputs or ())
