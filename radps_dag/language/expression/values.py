"""The values of a pipeline file: constants, expressions, and what is made of both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from jinja2 import nodes

from radps_dag.problem import Location, RadpsDagError

__all__ = [
    "Expression",
    "ExpressionError",
    "Listing",
    "Literal",
    "Names",
    "Object",
    "Reference",
    "Template",
    "Value",
    "references",
]

# The names that expressions see. A missing member (a skipped node's outputs) is not an entry.
Names = Mapping[str, Any]


class ExpressionError(RadpsDagError):
    """An expression cannot be evaluated with the values it got."""

    def __init__(self, at: Location, message: str) -> None:
        self.at = at
        self.message = message
        super().__init__(f"{at}: {message}")


class Reference(NamedTuple):
    """A name with its path that an expression reads: root `steps`, path `("solve", "caltable")`.

    `guarded` where the expression says what to do without it: under `default(...)` or in a test
    `is defined`. The path ends before the first subscript that is not a constant. `instead` are
    the paths (with their roots) that have no value where a chain of `default` gets to this one.
    """

    root: str
    path: tuple[str, ...]
    at: Location
    guarded: bool = False
    instead: tuple[tuple[str, ...], ...] = ()

    def __str__(self) -> str:
        return ".".join((self.root, *self.path))


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: any JSON value without an expression in it."""

    value: Any = field(hash=False)
    at: Location


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """One `${{ EXPR }}`, parsed and known to use only what is allowed."""

    text: str
    tree: nodes.Expr = field(repr=False)
    references: tuple[Reference, ...]
    at: Location  # of the expression's first character
    plain: bool = False  # nothing but one reference with a constant path

    def place(self, offset: int | None) -> Location:
        """The place of a character of the text, where it stands in the source as it is."""
        if offset and self.at.text[self.at.column - 1 :].startswith(self.text):
            return self.at.shifted(offset)
        return self.at


@dataclass(frozen=True, slots=True)
class Template:
    """Text with expressions in it; its value is a string."""

    parts: tuple[str | Expression, ...]
    at: Location


@dataclass(frozen=True, slots=True)
class Listing:
    """A sequence in which at least one item is not constant."""

    items: tuple[Value, ...]
    at: Location


@dataclass(frozen=True, slots=True)
class Object:
    """A mapping in which at least one value is not constant."""

    entries: tuple[tuple[str, Value], ...]
    at: Location


Value = Literal | Expression | Template | Listing | Object


def references(value: Value) -> tuple[Reference, ...]:
    """Every reference in a value, in the order of the text."""
    match value:
        case Expression():
            return value.references
        case Template():
            inside: Iterable[str | Value] = value.parts
        case Listing():
            inside = value.items
        case Object():
            inside = (item for _, item in value.entries)
        case Literal():
            return ()
    return tuple(
        reference for part in inside if not isinstance(part, str) for reference in references(part)
    )
