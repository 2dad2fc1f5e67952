"""The vocabulary: which JSON values a place takes, and how shapes combine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any, Literal, NamedTuple

__all__ = [
    "ANY",
    "BOOLEAN",
    "INTEGER",
    "NULL",
    "NUMBER",
    "STRING",
    "Kind",
    "Shape",
    "is_number",
    "list_of",
    "members_of",
    "object_of",
    "of_kinds",
    "of_value",
    "union",
]

Kind = Literal["any", "null", "boolean", "integer", "number", "string", "array", "object"]


NUMERIC: frozenset[Kind] = frozenset(("integer", "number"))
# Of longer lists of choices only the kind is known: nobody would read them in a message.
MAX_CHOICES = 100


class Shape(NamedTuple):
    """A set of JSON values.

    `kinds` are the JSON types allowed ("any" alone allows all). `items` is the shape of an array's
    elements, and `members` are the shapes of each, where it is known how many there are.
    `fields` are an object's known members (name, shape, required) and `values` the shape
    of its other members; None where no others are allowed. `choices` restricts to listed values.
    `minimum` and `maximum` bound numbers. `name` is what people call it ("Product", "caltable").
    """

    kinds: frozenset[Kind]
    items: Shape | None = None
    members: tuple[Shape, ...] | None = None
    fields: tuple[tuple[str, Shape, bool], ...] = ()
    values: Shape | None = None
    choices: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    name: str = ""

    @property
    def unknown(self) -> bool:
        """Whether nothing is known of the values."""
        return "any" in self.kinds


def _kind(kind: Kind) -> Shape:
    return Shape(frozenset({kind}))


ANY = _kind("any")
NULL = _kind("null")
BOOLEAN = _kind("boolean")
INTEGER = _kind("integer")
NUMBER = _kind("number")
STRING = _kind("string")


def list_of(items: Shape | None = None) -> Shape:
    """Arrays of `items`; of anything where not said."""
    return Shape(frozenset({"array"}), items=items)


def members_of(members: Iterable[Shape]) -> Shape:
    """Arrays of these members, each in its place."""
    shapes = tuple(members)
    return Shape(frozenset({"array"}), items=union(*shapes) if shapes else None, members=shapes)


def object_of(fields: Iterable[tuple[str, Shape, bool]], values: Shape | None, name: str) -> Shape:
    """Objects with these members, and others only where `values` says so."""
    return Shape(frozenset({"object"}), fields=tuple(fields), values=values, name=name)


def union(*shapes: Shape) -> Shape:
    """The shape of values that have one of the shapes. Widens where the vocabulary has no exact
    word for it.

    >>> from radps_dag.language.shape import describe
    >>> describe(union(INTEGER, STRING))
    'an integer or a string'
    """
    if shapes and all(shape is shapes[0] for shape in shapes):
        return shapes[0]
    distinct = _distinct(shapes)
    if len(distinct) == 1:
        return distinct[0]
    kinds = frozenset[Kind]().union(*[shape.kinds for shape in distinct])
    if not kinds or "any" in kinds:
        return ANY
    numeric = [shape for shape in distinct if not shape.kinds.isdisjoint(NUMERIC)]
    return Shape(
        kinds=kinds,
        items=_united_items([shape for shape in distinct if "array" in shape.kinds]),
        **_united_members([shape for shape in distinct if "object" in shape.kinds]),
        choices=_united_choices(distinct),
        minimum=_united_bound([shape.minimum for shape in numeric], min),
        maximum=_united_bound([shape.maximum for shape in numeric], max),
        name=_united_name(distinct),
    )


def _distinct(shapes: tuple[Shape, ...]) -> tuple[Shape, ...]:
    try:
        return tuple({(shape, repr(shape.choices)): shape for shape in shapes}.values())
    except TypeError:  # choices that are lists or mappings have no hash
        return tuple(shape for n, shape in enumerate(shapes) if shape not in shapes[:n])


def _united_items(arrays: list[Shape]) -> Shape | None:
    items = [shape.items for shape in arrays]
    shapes = [item for item in items if item is not None]
    return union(*shapes) if shapes and len(shapes) == len(items) else None


def _united_members(objects: list[Shape]) -> dict[str, Any]:
    if len(objects) == 1:
        return {"fields": objects[0].fields, "values": objects[0].values}
    return {"values": ANY if objects else None}


def _united_choices(shapes: tuple[Shape, ...]) -> tuple[Any, ...] | None:
    if any(shape.choices is None and shape.kinds != NULL.kinds for shape in shapes):
        return None
    choices = [choice for shape in shapes for choice in (shape.choices or (None,))]
    if len(choices) > MAX_CHOICES:
        return None
    # By their text: 0 and false are two, which Python takes for the same.
    return tuple({repr(choice): choice for choice in choices}.values())


def _united_bound(bounds: list[float | None], pick: Any) -> float | None:
    extreme: float | None = None if None in bounds else pick(bounds, default=None)
    return None if extreme is None or not isfinite(extreme) else extreme


def _united_name(shapes: tuple[Shape, ...]) -> str:
    named = [shape.name for shape in shapes if shape.kinds != NULL.kinds]
    return named[0] if len(named) == 1 else ""


def of_kinds(shape: Shape) -> Shape:
    """The same without bounds, choices and what is inside: all that holds for any such value."""
    return Shape(shape.kinds, values=ANY if "object" in shape.kinds else None)


def of_value(value: Any) -> Shape:
    """The narrowest shape without choices and bounds that a JSON value has."""
    match value:
        case None:
            return NULL
        case bool():
            return BOOLEAN
        case int():
            return INTEGER
        case float():
            return NUMBER
        case str():
            return STRING
        case list() | tuple():
            # A long list is known by its first items; the rest is checked value by value.
            return list_of(union(*map(of_value, value[:100])) if value else None)
        case Mapping():
            return object_of(
                ((name, of_value(member), True) for name, member in value.items()), None, ""
            )
    return ANY


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; `true` is not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
