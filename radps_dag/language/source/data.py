"""Data that know their places: mappings and sequences of JSON values, made from a text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from radps_dag.problem import Location, Problem, Source

__all__ = ["Document", "Report", "Series", "Table"]

Report = Callable[[Problem], None]
Place = tuple[int, int]  # line and column, from 1


class Table(dict[str, Any]):
    """A mapping that knows the place of every key and value."""

    __slots__ = ("places", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.places: dict[str, tuple[int, int, int, int]] = {}

    def key_at(self, key: str) -> Location:
        """Place of a key."""
        line, column, _, _ = self.places[key]
        return Location(self.source, line, column)

    def value_at(self, key: str) -> Location:
        """Place of a key's value."""
        _, _, line, column = self.places[key]
        return Location(self.source, line, column)


class Series(list[Any]):
    """A sequence that knows the place of every item."""

    __slots__ = ("places", "source")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.places: list[Place] = []

    def value_at(self, index: int) -> Location:
        """Place of an item."""
        return Location(self.source, *self.places[index])

    def leave_out(self, index: int) -> None:
        """Remove an item, with its place."""
        del self[index], self.places[index]


class Document(NamedTuple):
    """The content of one file: data made of `Table`, `Series` and JSON scalars."""

    source: Source
    data: Any
    at: Location
