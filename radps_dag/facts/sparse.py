"""A frozen value to its members that say more than their defaults, so that rows stay short."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from operator import attrgetter
from typing import Any

__all__ = ["without_defaults"]


def without_defaults(value: Any) -> dict[str, Any]:
    """The members of a dataclass's value that differ from their defaults, by name."""
    kind = type(value)
    names, defaults, members_of = _KNOWN.get(kind) or _KNOWN.setdefault(kind, _members(kind))
    return {
        name: member
        for name, default, member in zip(names, defaults, members_of(value), strict=True)
        if member is not default and member != default
    }


_Members = tuple[tuple[str, ...], tuple[Any, ...], Callable[[Any], tuple[Any, ...]]]
_KNOWN: dict[type[Any], _Members] = {}


def _members(kind: type[Any]) -> _Members:
    """The names of a kind's members (two or more), their defaults, and what gets their values."""
    names = tuple(item.name for item in fields(kind))
    defaults = tuple(
        item.default_factory() if item.default_factory is not MISSING else item.default
        for item in fields(kind)
    )
    return names, defaults, attrgetter(*names)
