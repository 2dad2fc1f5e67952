"""Comparisons that can never hold, from what is known of both sides before the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jinja2 import nodes

from radps_dag.language.expression.grammar import path_of
from radps_dag.language.shape import Shape, describe, mismatch

__all__ = ["constant_parts", "may_equal", "may_hold"]

_WORDS = {
    "eq": "==",
    "ne": "!=",
    "lt": "<",
    "lteq": "<=",
    "gt": ">",
    "gteq": ">=",
    "in": "in",
    "notin": "not in",
}
_POSITIVE = {"ne": "eq", "notin": "in"}

_NUMERIC = {"integer", "number", "boolean"}  # true == 1, as the evaluation has it


def constant_parts(
    node: nodes.Node, sign: str, left: tuple[Any, Shape], right: tuple[Any, Shape]
) -> Iterator[tuple[nodes.Node, str]]:
    """Report the parts of a comparison with a name that come to the same for all values."""
    sides = [_of_side(path_of(operand), shape) for operand, shape in (left, right)]
    if not any(sides):
        return
    positive, sure = _POSITIVE.get(sign, sign), "always" if sign in _POSITIVE else "never"
    said = " and ".join(filter(None, sides))
    if not may_hold(positive, left[1], right[1]):
        yield node, f"this {_WORDS[sign]!r} {sure} holds: {said}"
    elif positive == "in" and isinstance(right[0], nodes.List | nodes.Tuple):
        for item, shape in zip(right[0].items, right[1].members or (), strict=False):
            if isinstance(item, nodes.Const) and not may_equal(left[1], shape):
                yield item, f"{describe(shape)} is never found here: {said}"


def may_hold(sign: str, left: Shape, right: Shape) -> bool:
    """Whether `left sign right` can be true of some values; `sign` as Jinja2 names it."""
    match sign:
        case "eq":
            return may_equal(left, right)
        case "in":
            inside = right.items if right.kinds == {"array"} else None
            return inside is None or may_equal(left, inside)
        case "gt" | "gteq":
            left, right = right, left
    if not left.kinds | right.kinds <= {"integer", "number"}:
        return True
    low, high = left.minimum, right.maximum
    if low is None or high is None or sign not in ("lt", "gt", "lteq", "gteq"):
        return True
    return low <= high if sign in ("lteq", "gteq") else low < high


def may_equal(shape: Shape, other: Shape) -> bool:
    """Whether a value of the one can be equal to a value of the other."""
    if shape.unknown or other.unknown:
        return True
    if shape.choices is not None and other.choices is not None:
        return any(choice in other.choices for choice in shape.choices)
    if shape.choices is None and other.choices is None:
        common = shape.kinds & other.kinds - _NUMERIC
        return bool(common) or _numbers_meet(shape, other)
    listed, free = (shape, other) if shape.choices is not None else (other, shape)
    crossing = bool(listed.kinds & _NUMERIC and free.kinds & {"boolean"})
    crossing |= bool("boolean" in listed.kinds and free.kinds & _NUMERIC)
    return crossing or any(not mismatch(free, choice) for choice in listed.choices or ())


def _numbers_meet(shape: Shape, other: Shape) -> bool:
    if not (shape.kinds & _NUMERIC and other.kinds & _NUMERIC):
        return False
    if "boolean" in shape.kinds | other.kinds:
        return True
    return not any(
        low is not None and high is not None and low > high
        for low, high in ((shape.minimum, other.maximum), (other.minimum, shape.maximum))
    )


def _of_side(path: tuple[str, ...] | None, shape: Shape) -> str:
    """Describe the possible values of one side of a comparison; "" if its name does not decide
    them.
    """
    if path is None:
        return ""
    name = ".".join(path)
    first = {"loop.index": " and counts from 1", "each.index": " and counts from 0"}
    return f"{name} is {describe(shape)}{first.get(name, '')}"
