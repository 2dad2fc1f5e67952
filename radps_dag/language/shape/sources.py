"""Shapes from type hints and from JSON Schema."""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal

from radps_dag.language.shape.kinds import (
    ANY,
    BOOLEAN,
    INTEGER,
    MAX_CHOICES,
    NULL,
    NUMBER,
    STRING,
    Kind,
    Shape,
    is_number,
    list_of,
    object_of,
    of_value,
    union,
)

__all__ = ["from_hint", "from_schema", "hints_of"]

_HINTS: Mapping[Any, Shape] = {
    Any: ANY,
    object: ANY,
    None: NULL,
    type(None): NULL,
    bool: BOOLEAN,
    int: INTEGER,
    float: NUMBER,
    str: STRING,
    list: list_of(),
    tuple: list_of(),
    dict: object_of((), ANY, ""),
}


# A library has the same few classes in many results.
@functools.cache
def hints_of(of: Any) -> Mapping[str, Any]:
    """The type hints of a class, or of a function, resolved. Raises what `typing` raises."""
    return typing.get_type_hints(of, include_extras=True)


def from_hint(hint: Any) -> Shape:
    """The shape of a Python type hint; its string references already resolved.

    Raises TypeError, with what is supported, for a hint that no JSON value can have.
    """
    return _from_hint(hint, ())


def _from_hint(hint: Any, inside: tuple[Any, ...]) -> Shape:
    origin = typing.get_origin(hint)
    arguments = typing.get_args(hint)
    if origin is None:
        return _from_class(hint, inside)
    if origin in (typing.Annotated, typing.Required, typing.NotRequired):
        return _from_hint(arguments[0], inside)
    if origin is Literal:
        return union(*(of_value(argument)._replace(choices=(argument,)) for argument in arguments))
    if origin in (typing.Union, types.UnionType):
        return union(*(_from_hint(argument, inside) for argument in arguments))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if _from_hint(arguments[0], inside) != STRING:
            raise TypeError(f"{_hint_name(hint)}: the keys of a JSON object are strings")
        return object_of((), _from_hint(arguments[1], inside), "")
    if isinstance(origin, type) and issubclass(origin, list | tuple | typing.Sequence):
        members = [_from_hint(item, inside) for item in arguments if item is not Ellipsis]
        return list_of(union(*members) if members else None)
    raise TypeError(_unsupported(hint))


def _from_class(hint: Any, inside: tuple[Any, ...]) -> Shape:
    try:
        shape = _HINTS.get(hint)
    except TypeError:
        shape = None
    if shape is not None:
        return shape
    if hint in inside:
        return ANY  # A type that contains itself: known one level deep.
    if typing.is_typeddict(hint):
        hints = hints_of(hint)
        members = ((name, hints[name], _is_required(hint, name, hints[name])) for name in hints)
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = hints_of(hint)
        members = ((f.name, hints[f.name], _has_no_default(f)) for f in dataclasses.fields(hint))
    else:
        raise TypeError(_unsupported(hint))
    fields = [(name, _from_hint(of, (*inside, hint)), need) for name, of, need in members]
    return object_of(fields, None, hint.__name__)


def _is_required(hint: Any, name: str, member: Any) -> bool:
    # `__required_keys__` does not see NotRequired where annotations are strings.
    if typing.get_origin(member) in (typing.Required, typing.NotRequired):
        return typing.get_origin(member) is typing.Required
    return name in hint.__required_keys__


def _has_no_default(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _hint_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) else str(hint).replace("typing.", "")


def _unsupported(hint: Any) -> str:
    return (
        f"{_hint_name(hint)} has no JSON form; use bool, int, float, str, None, list, dict, "
        "Literal, a TypedDict or a dataclass of these, or a union"
    )


def from_schema(schema: Any) -> Shape:
    """The shape of a JSON Schema: never narrower than the schema, wider where shapes have no word.

    >>> from radps_dag.language.shape import describe
    >>> describe(from_schema({"type": "integer", "minimum": 1}))
    'an integer of at least 1'
    """
    if not isinstance(schema, Mapping):
        return ANY
    if "const" in schema:
        return from_schema({"enum": [schema["const"]]})
    if isinstance(schema.get("enum"), list | tuple) and schema["enum"]:
        choices = tuple(schema["enum"])
        kinds = union(*map(of_value, choices)).kinds
        kept = choices if len(choices) <= MAX_CHOICES else None
        return Shape(kinds, values=ANY if "object" in kinds else None, choices=kept)
    for word in ("anyOf", "oneOf"):
        if isinstance(schema.get(word), list | tuple) and "type" not in schema:
            return union(*map(from_schema, schema[word]))
    named = schema.get("type")
    kinds = frozenset(named if isinstance(named, list | tuple) else (named,))
    if not kinds <= set(typing.get_args(Kind)) - {"any"}:
        return ANY
    return Shape(
        kinds,
        items=from_schema(schema["items"]) if "items" in schema else None,
        **_schema_members(schema, kinds),
        minimum=_bound(schema, "minimum", "exclusiveMinimum"),
        maximum=_bound(schema, "maximum", "exclusiveMaximum"),
    )


def _schema_members(schema: Mapping[str, Any], kinds: frozenset[Kind]) -> dict[str, Any]:
    if "object" not in kinds:
        return {}
    properties = schema.get("properties")
    properties = properties if isinstance(properties, Mapping) else {}
    required = schema.get("required", ())
    required = required if isinstance(required, list | tuple) else ()
    # A member with a default may be left out by who gives the value.
    fields = tuple(
        (name, from_schema(of), name in required and not _has_default(of))
        for name, of in properties.items()
    )
    others = schema.get("additionalProperties", True)
    if "patternProperties" in schema:
        others = True
    return {"fields": fields, "values": None if others is False else from_schema(others)}


def _has_default(schema: Any) -> bool:
    return isinstance(schema, Mapping) and "default" in schema


def _bound(schema: Mapping[str, Any], *words: str) -> float | None:
    bounds = [schema[word] for word in words if is_number(schema.get(word))]
    return bounds[0] if bounds else None
