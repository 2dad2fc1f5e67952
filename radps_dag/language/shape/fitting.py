"""Shapes against shapes, shapes against values, and values against JSON."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any

from radps_dag.language.shape.kinds import NUMERIC, Kind, Shape, is_number, of_value
from radps_dag.language.shape.words import describe, show

__all__ = ["fits", "mismatch", "not_json"]

# Values nested deeper than this are refused wherever values are looked at.
MAX_DEPTH = 100


def fits(expected: Shape, given: Shape) -> bool:
    """Whether some value of `given` may be accepted by `expected`: no alarm without certainty."""
    if expected.unknown or given.unknown:
        return True
    if expected.choices is not None and given.choices is not None:
        return any(not mismatch(expected, choice) for choice in given.choices)
    for kind in given.kinds:  # noqa: SIM110 - `any` takes twice the time
        if _kind_fits(kind, expected, given):
            return True
    return False


def _kind_fits(kind: Kind, expected: Shape, given: Shape) -> bool:
    if kind in ("integer", "number"):
        # A number may be whole, and 3.0 is accepted as an integer.
        return not expected.kinds.isdisjoint(NUMERIC) and _ranges_meet(expected, given)
    if kind not in expected.kinds:
        return False
    if expected.choices is not None:
        return True
    if kind == "array":
        if expected.items is None or given.items is None:
            return True
        return fits(expected.items, given.items)
    if kind == "object":
        return _members_fit(expected, given)
    return True


def _ranges_meet(shape: Shape, other: Shape) -> bool:
    return not (_apart(shape.minimum, other.maximum) or _apart(other.minimum, shape.maximum))


def _apart(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and low > high


def _members_fit(expected: Shape, given: Shape) -> bool:
    wanted = {name: shape for name, shape, _ in expected.fields}
    offered = {name: shape for name, shape, _ in given.fields}
    for name, shape, required in expected.fields:
        if name in offered:
            if not fits(shape, offered[name]):
                return False
        elif required and given.values is None:
            return False
    if expected.values is None:
        return all(name in wanted for name, _, always in given.fields if always)
    others = (shape for name, shape, always in given.fields if always and name not in wanted)
    return all(fits(expected.values, shape) for shape in others)


def mismatch(shape: Shape, value: Any) -> str:
    """Say what is wrong with `value` where `shape` is expected; "" if it fits.

    >>> from radps_dag.language.shape import INTEGER, list_of
    >>> mismatch(Shape(frozenset({"number"}), minimum=0, maximum=1), "abc")
    "expected a number from 0 to 1, found 'abc'"
    >>> mismatch(list_of(INTEGER), [1, "two"])
    "[1]: expected an integer, found 'two'"
    """
    return _mismatch(shape, value, "", 0)


def _mismatch(shape: Shape, value: Any, path: str, depth: int) -> str:
    if shape.unknown:
        return ""
    if depth > MAX_DEPTH:
        return f"{path}: nested deeper than {MAX_DEPTH}"
    if not _accepts(shape, value):
        return f"{path}: {_expected(shape, value)}".removeprefix(": ")
    if shape.choices is not None:
        return ""  # equal to a choice, with all that is inside
    if isinstance(value, (list, tuple)) and shape.items is not None and not shape.items.unknown:
        inner = (
            _mismatch(shape.items, item, f"{path}[{index}]", depth + 1)
            for index, item in enumerate(value)
        )
        return next(filter(None, inner), "")
    if isinstance(value, Mapping):
        return _member_mismatch(shape, value, path, depth)
    return ""


def _expected(shape: Shape, value: Any) -> str:
    return f"expected {describe(shape)}, found {show(value)}"


def _accepts(shape: Shape, value: Any) -> bool:
    """Whether the value itself fits, its inside not looked at."""
    if shape.choices is not None:
        return any(_same(choice, value) for choice in shape.choices)
    if is_number(value):
        if isinstance(value, float) and not isfinite(value):
            return False
        integral = isinstance(value, int) or value.is_integer()
        if "number" not in shape.kinds and not (integral and "integer" in shape.kinds):
            return False
        low, high = shape.minimum, shape.maximum
        return (low is None or value >= low) and (high is None or value <= high)
    return bool(of_value(() if isinstance(value, (list, tuple)) else value).kinds & shape.kinds)


def _same(choice: Any, value: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    return bool(choice == value) and isinstance(choice, bool) == isinstance(value, bool)


def _member_mismatch(shape: Shape, value: Mapping[str, Any], path: str, depth: int) -> str:
    members = {name: of for name, of, _ in shape.fields}
    missing = [name for name, _, required in shape.fields if required and name not in value]
    if missing:
        words = ", ".join(map(repr, missing))
        return f"{path}: {describe(shape)} needs {words}".removeprefix(": ")
    for name, member in value.items():
        of = members.get(name, shape.values)
        inner = f"{path}.{name}" if path else str(name)
        if of is None:
            allowed = ", ".join(members) or "none"
            return f"{inner}: {describe(shape)} has no such member; it has: {allowed}"
        misfit = _mismatch(of, member, inner, depth + 1)
        if misfit:
            return misfit
    return ""


def not_json(value: Any) -> str:
    """Say why a value does not fit JSON, with the path inside it; "" if it does.

    >>> not_json({"snr": [1.0, float("nan")]})
    'snr[1]: nan is not a JSON number'
    """
    return _not_json(value, "", 0)


def _not_json(value: Any, path: str, depth: int) -> str:
    if value is None or isinstance(value, (bool, int, str)):
        return _odd_scalar(value, path)
    if isinstance(value, float):
        return "" if isfinite(value) else f"{path}: {value} is not a JSON number".removeprefix(": ")
    if depth >= MAX_DEPTH:
        return f"{path}: nested deeper than {MAX_DEPTH}".removeprefix(": ")
    if isinstance(value, (list, tuple)):
        parts = (_not_json(item, f"{path}[{n}]", depth + 1) for n, item in enumerate(value))
        return next(filter(None, parts), "")
    if isinstance(value, dict):
        for name, member in value.items():
            if not isinstance(name, str):
                return f"{path}: key {show(name)} is not a string".removeprefix(": ")
            misfit = _not_json(member, f"{path}.{name}" if path else name, depth + 1)
            if misfit:
                return misfit
        return ""
    kind = type(value)
    article = "an" if kind.__name__[:1] in "aeiou" else "a"
    where = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{path}: {article} {where} has no JSON form".removeprefix(": ")


def _odd_scalar(value: Any, path: str) -> str:
    if isinstance(value, int) and value.bit_length() > 64:
        # Other programs' numbers end there, and Python itself does not write much longer ones.
        return f"{path}: an integer of more than 64 bits".removeprefix(": ")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"{path}: text that is no valid Unicode".removeprefix(": ")
    return ""
