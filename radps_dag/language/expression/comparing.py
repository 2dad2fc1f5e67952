"""Comparisons that can never hold, from what is known of both sides before the run."""

from __future__ import annotations

from radps_dag.language.shape import Shape, describe, mismatch

__all__ = ["may_equal", "may_hold", "of_side"]

_NUMERIC = {"integer", "number", "boolean"}  # true == 1, as the evaluation has it


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


def may_equal(one: Shape, other: Shape) -> bool:
    """Whether a value of the one can be equal to a value of the other."""
    if one.unknown or other.unknown:
        return True
    if one.choices is not None and other.choices is not None:
        return any(choice in other.choices for choice in one.choices)
    if one.choices is None and other.choices is None:
        common = one.kinds & other.kinds - _NUMERIC
        return bool(common) or _numbers_meet(one, other)
    listed, free = (one, other) if one.choices is not None else (other, one)
    crossing = bool(listed.kinds & _NUMERIC and free.kinds & {"boolean"})
    crossing |= bool("boolean" in listed.kinds and free.kinds & _NUMERIC)
    return crossing or any(not mismatch(free, choice) for choice in listed.choices or ())


def _numbers_meet(one: Shape, other: Shape) -> bool:
    if not (one.kinds & _NUMERIC and other.kinds & _NUMERIC):
        return False
    if "boolean" in one.kinds | other.kinds:
        return True
    return not any(
        low is not None and high is not None and low > high
        for low, high in ((one.minimum, other.maximum), (other.minimum, one.maximum))
    )


def of_side(path: tuple[str, ...] | None, shape: Shape) -> str:
    """What one side of a comparison can be, in words; "" where that is not its name's doing."""
    if path is None:
        return ""
    name = ".".join(path)
    first = {"loop.index": " and counts from 1", "each.index": " and counts from 0"}
    return f"{name} is {describe(shape)}{first.get(name, '')}"
