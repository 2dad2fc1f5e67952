"""JSON objects against the type hints of a dataclass: what does not fit is refused by its name.

Stricter and quicker than shapes: `true` is not a number here, and every row of a journal passes.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import types
import typing
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Literal

__all__ = ["Id", "Moment", "Text", "check", "like"]

Check = Callable[[Any], bool]

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|")
_MOST = 2**63  # no database has a larger integer
_LATEST = 253_402_300_799  # the last second of the year 9999


def _is_moment(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= _LATEST


# Seconds since the epoch that a calendar can show.
Moment = typing.Annotated[float, _is_moment]


def _is_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


# A string without halves of characters, which neither files nor databases take.
Text = typing.Annotated[str, _is_text]


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


# What Prefect calls its records; "" for none.
Id = typing.Annotated[str, _is_uuid]


def like(hint: Any) -> Check:
    """Annotates a field with the check of a narrower type than programs need to know."""
    return _of(hint)


def check(kind: type[Any], values: Mapping[str, Any]) -> None:
    """Raises TypeError where a value is not what the dataclass says of the field of its name."""
    checks = _CHECKS.get(kind) or _CHECKS.setdefault(kind, _checks_of(kind))
    if not isinstance(values, (dict, Mapping)):
        raise TypeError(f"{values!r:.60} is not an object")
    for name, value in values.items():
        if name not in checks:
            raise TypeError(f"unknown member {name!r:.60}")
        if not checks[name](value):
            raise TypeError(f"{name} cannot be {value!r:.60}")


_CHECKS: dict[type[Any], dict[str, Check]] = {}


def _checks_of(kind: type[Any]) -> dict[str, Check]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return {item.name: _of(hints[item.name]) for item in dataclasses.fields(kind)}


def _of(hint: Any) -> Check:
    """Build the check for values of a type."""
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return typing.cast(Check, inner[1])
    if origin is Literal:
        return lambda value: isinstance(value, str) and value in inner
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(_either, map(_of, inner))
    if origin is tuple:
        return _tuple(inner)
    if origin is list:
        return _tuple((inner[0], ...))
    if origin is Mapping:
        return _mapping(_of(inner[1]))
    if typing.is_typeddict(hint):
        return _typed_dict(hint)
    # A dataclass has been made of its own object, and that was checked.
    return lambda value: isinstance(value, hint)


def _either(first: Check, second: Check) -> Check:
    return lambda value: first(value) or second(value)


def _tuple(inner: tuple[Any, ...]) -> Check:
    if inner[-1] is Ellipsis:
        each = _of(inner[0])
        return lambda value: isinstance(value, list | tuple) and all(map(each, value))
    parts = [_of(item) for item in inner]
    return lambda value: (
        isinstance(value, list | tuple)
        and len(value) == len(parts)
        and all(part(item) for part, item in zip(parts, value, strict=True))
    )


def _mapping(each: Check) -> Check:
    if each is _anything:
        return lambda value: isinstance(value, dict)
    return lambda value: isinstance(value, dict) and all(map(each, value.values()))


def _typed_dict(hint: Any) -> Check:
    """Members that have other names may be anything: a later program has more of them."""
    members = {name: _of(of) for name, of in typing.get_type_hints(hint).items()}
    return lambda value: (
        isinstance(value, dict)
        and all(members[name](item) for name, item in value.items() if name in members)
    )


def _anything(value: Any) -> bool:
    del value
    return True


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _MOST


def _is_number(value: Any) -> bool:
    return isfinite(value) if isinstance(value, float) else _is_whole(value)


_PLAIN: Mapping[Any, Check] = {
    Any: _anything,
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: _is_whole,
    float: _is_number,
    None: lambda value: value is None,
    type(None): lambda value: value is None,
}
