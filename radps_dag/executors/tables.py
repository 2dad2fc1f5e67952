"""Tables of a profile to frozen settings: a reader for each key, an error of one line for each.

A settings class is a frozen dataclass whose fields are made by `option`; `settings_from` reads a
table into it. An executor of another package does the same for its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from radps_dag.language.quantities import octets_in, seconds
from radps_dag.problem import UsageError, allowed, did_you_mean

__all__ = [
    "At",
    "amount",
    "count",
    "duration",
    "file",
    "flag",
    "free",
    "lines",
    "number",
    "option",
    "settings_from",
    "tables_of",
    "text",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class At:
    """Place of a value in a profile: its file, and the keys that lead to it."""

    path: Path
    key: str

    def __str__(self) -> str:
        return f"{self.path}: {self.key}"

    def below(self, key: str) -> At:
        """Place of a member."""
        return At(self.path, f"{self.key}.{key}")


Reader = Callable[[At, Any], Any]


def option(read: Reader, default: Any = None) -> Any:
    """Field of a settings class that `read` reads."""
    return field(default=default, metadata={"read": read}, hash=False)


def settings_from(kind: type[T], at: At, table: Any) -> T:
    """The settings of a table. Raises UsageError for a key or a value that does not fit."""
    if not isinstance(table, Mapping):
        raise UsageError(f"{at} must be a table, not {table!r:.60}")
    readers = {member.name: member.metadata["read"] for member in fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in readers:
            hint = did_you_mean(key, readers) or f"; allowed: {allowed(readers)}"
            raise UsageError(f"{at.path}: unknown key {at.key + '.' + key!r}{hint}")
    settings = kind(**{key: readers[key](at.below(key), value) for key, value in table.items()})
    check = getattr(settings, "check", None)
    if check is not None:
        check(at)
    return settings


def tables_of(kind: type[T]) -> Reader:
    """Reader of an array of tables."""

    def read(at: At, value: Any) -> tuple[T, ...]:
        if not isinstance(value, list) or not value:
            raise UsageError(f"{at} must be tables: [[{at.key}]]")
        return tuple(
            settings_from(kind, At(at.path, f"{at.key}[{number}]"), item)
            for number, item in enumerate(value)
        )

    return read


def text(at: At, value: Any) -> str:
    """Text with something in it."""
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{at} must be a text, not {value!r:.60}")
    return value


def count(at: At, value: Any) -> int:
    """Whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise UsageError(f"{at} must be a whole number of at least 1, not {value!r:.60}")
    return value


def number(at: At, value: Any) -> int:
    """Whole number of at least 0."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise UsageError(f"{at} must be a whole number, not {value!r:.60}")
    return value


def flag(at: At, value: Any) -> bool:
    """Truth value."""
    if not isinstance(value, bool):
        raise UsageError(f"{at} must be true or false, not {value!r:.60}")
    return value


def duration(at: At, value: Any) -> float:
    """Duration, in seconds."""
    parts = re.findall(r"\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d)", value) if _is_text(value) else []
    total = sum(map(seconds, parts))
    if not total or "".join(parts) != value:
        raise UsageError(f'{at} must be a duration such as "90s" or "23h30m", not {value!r:.60}')
    return float(total)


def amount(at: At, value: Any) -> int:
    """Amount of memory, in bytes."""
    octets = octets_in(value) if isinstance(value, str) else None
    if not octets:
        raise UsageError(f'{at} must be an amount such as "64GB", not {value!r:.60}')
    return octets


def lines(at: At, value: Any) -> tuple[str, ...]:
    """Lines of text."""
    if not isinstance(value, list):
        raise UsageError(f"{at} must be a list of texts, not {value!r:.60}")
    return tuple(text(at, line) for line in value)


def file(at: At, value: Any) -> Path:
    """File that exists, relative to the profile."""
    name = text(at, value)
    try:
        path = at.path.resolve().parent / Path(name).expanduser()
        there = path.is_file()
    except (RuntimeError, ValueError, OSError) as error:
        raise UsageError(f"{at}: {name!r:.60} is not a file name: {error}") from error
    if not there:
        raise UsageError(f"{at}: {path} is not a file")
    return path


def free(at: At, value: Any) -> Mapping[str, Any]:
    """Table that goes on as it is."""
    if not isinstance(value, Mapping):
        raise UsageError(f"{at} must be a table, not {value!r:.60}")
    return value


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
