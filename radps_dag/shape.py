"""Shapes: which JSON values a place takes. Made from type hints and from JSON Schema.

One small vocabulary for workload signatures, params, outputs and expressions, so that `validate`
can say before the run whether a value fits. It is gradual: what is not known is `ANY` and fits.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

__all__ = [
    "ANY",
    "BOOLEAN",
    "INTEGER",
    "NULL",
    "NUMBER",
    "STRING",
    "Kind",
    "Shape",
    "describe",
    "fits",
    "from_hint",
    "from_schema",
    "list_of",
    "mismatch",
    "not_json",
    "object_of",
    "of_kinds",
    "of_value",
    "show",
    "union",
]

Kind = Literal["any", "null", "boolean", "integer", "number", "string", "array", "object"]

# Values nested deeper than this are refused wherever values are looked at.
MAX_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Shape:
    """A set of JSON values.

    `kinds` are the JSON types allowed ("any" alone allows all). `items` is the shape of an array's
    elements. `fields` are an object's known members (name, shape, required) and `values` the shape
    of its other members; None where no others are allowed. `choices` restricts to listed values.
    `minimum` and `maximum` bound numbers. `name` is what people call it ("Product", "caltable").
    """

    kinds: frozenset[Kind]
    items: Shape | None = None
    fields: tuple[tuple[str, Shape, bool], ...] = ()
    values: Shape | None = None
    choices: tuple[Any, ...] | None = None
    minimum: float | None = None
    maximum: float | None = None
    name: str = ""

    @property
    def unknown(self) -> bool:
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


def object_of(fields: Iterable[tuple[str, Shape, bool]], values: Shape | None, name: str) -> Shape:
    """Objects with these members, and others only where `values` says so."""
    return Shape(frozenset({"object"}), fields=tuple(fields), values=values, name=name)


def union(*shapes: Shape) -> Shape:
    """What is of one of the shapes. Widens where the vocabulary has no exact word for it.

    >>> describe(union(INTEGER, STRING))
    'an integer or a string'
    """
    distinct = tuple(dict.fromkeys(shapes))
    if len(distinct) == 1:
        return distinct[0]
    if not distinct or any(shape.unknown for shape in distinct):
        return ANY
    return Shape(
        kinds=frozenset[Kind]().union(*(shape.kinds for shape in distinct)),
        items=_united_items([shape for shape in distinct if "array" in shape.kinds]),
        **_united_members([shape for shape in distinct if "object" in shape.kinds]),
        choices=_united_choices(distinct),
        minimum=_united_bound([_lowest(shape) for shape in distinct], min),
        maximum=_united_bound([_highest(shape) for shape in distinct], max),
        name=_united_name(distinct),
    )


def _united_items(arrays: list[Shape]) -> Shape | None:
    items = [shape.items for shape in arrays]
    known = [item for item in items if item is not None]
    return union(*known) if known and len(known) == len(items) else None


def _united_members(objects: list[Shape]) -> dict[str, Any]:
    if len(objects) == 1:
        return {"fields": objects[0].fields, "values": objects[0].values}
    return {"values": ANY if objects else None}


def _united_choices(shapes: tuple[Shape, ...]) -> tuple[Any, ...] | None:
    if any(shape.choices is None and shape.kinds != NULL.kinds for shape in shapes):
        return None
    choices = [choice for shape in shapes for choice in (shape.choices or (None,))]
    return tuple(choice for n, choice in enumerate(choices) if choice not in choices[:n])


def _lowest(shape: Shape) -> float | None:
    numeric = shape.kinds & {"integer", "number"}
    return shape.minimum if numeric else float("inf")


def _highest(shape: Shape) -> float | None:
    numeric = shape.kinds & {"integer", "number"}
    return shape.maximum if numeric else float("-inf")


def _united_bound(bounds: list[float | None], pick: Any) -> float | None:
    if any(bound is None for bound in bounds):
        return None
    found: float = pick(bounds)
    return found if isfinite(found) else None


def _united_name(shapes: tuple[Shape, ...]) -> str:
    named = [shape.name for shape in shapes if shape.kinds != NULL.kinds]
    return named[0] if len(named) == 1 else ""


def of_kinds(shape: Shape) -> Shape:
    """The same without bounds, choices and what is inside: all that holds for any such value."""
    return Shape(shape.kinds, values=ANY if "object" in shape.kinds else None)


# --- from type hints


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
        return union(*(dataclasses.replace(of_value(one), choices=(one,)) for one in arguments))
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
        known = _HINTS.get(hint)
    except TypeError:
        known = None
    if known is not None:
        return known
    if hint in inside:
        return ANY  # A type that contains itself: known one level deep.
    if typing.is_typeddict(hint):
        hints = typing.get_type_hints(hint, include_extras=True)
        members = ((name, hints[name], _is_required(hint, name, hints[name])) for name in hints)
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint, include_extras=True)
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


# --- from JSON Schema


def from_schema(schema: Any) -> Shape:
    """The shape of a JSON Schema: never narrower than the schema, wider where shapes have no word.

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
        return Shape(kinds, choices=choices)
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
    fields = tuple((name, from_schema(of), name in required) for name, of in properties.items())
    others = schema.get("additionalProperties", True)
    if "patternProperties" in schema:
        others = True
    return {"fields": fields, "values": None if others is False else from_schema(others)}


def _bound(schema: Mapping[str, Any], *words: str) -> float | None:
    found = [schema[word] for word in words if _is_number(schema.get(word))]
    return found[0] if found else None


# --- of values


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
            return object_of(((name, of_value(one), True) for name, one in value.items()), None, "")
    return ANY


def fits(expected: Shape, given: Shape) -> bool:
    """Whether some value of `given` may be accepted by `expected`: no alarm without certainty."""
    if expected.unknown or given.unknown:
        return True
    if expected.choices is not None and given.choices is not None:
        return any(not mismatch(expected, choice) for choice in given.choices)
    return any(_kind_fits(kind, expected, given) for kind in given.kinds)


def _kind_fits(kind: Kind, expected: Shape, given: Shape) -> bool:
    if kind in ("integer", "number"):
        # A number may be whole, and 3.0 is accepted as an integer.
        return bool(expected.kinds & {"integer", "number"}) and _ranges_meet(expected, given)
    if kind not in expected.kinds:
        return False
    if kind == "array":
        if expected.items is None or given.items is None:
            return True
        return fits(expected.items, given.items)
    if kind == "object":
        return _members_fit(expected, given)
    return True


def _ranges_meet(one: Shape, other: Shape) -> bool:
    def apart(low: float | None, high: float | None) -> bool:
        return low is not None and high is not None and low > high

    return not (apart(one.minimum, other.maximum) or apart(other.minimum, one.maximum))


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
    """What is wrong with `value` where `shape` is expected, in words; "" if it fits.

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
    if isinstance(value, list | tuple) and shape.items is not None and not shape.items.unknown:
        inner = (
            _mismatch(shape.items, one, f"{path}[{index}]", depth + 1)
            for index, one in enumerate(value)
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
    if _is_number(value):
        if isinstance(value, float) and not isfinite(value):
            return False
        whole = isinstance(value, int) or value.is_integer()
        if "number" not in shape.kinds and not (whole and "integer" in shape.kinds):
            return False
        low, high = shape.minimum, shape.maximum
        return (low is None or value >= low) and (high is None or value <= high)
    return bool(of_value(() if isinstance(value, list | tuple) else value).kinds & shape.kinds)


def _same(choice: Any, value: Any) -> bool:
    """Equality as JSON has it: true is not 1."""
    return bool(choice == value) and isinstance(choice, bool) == isinstance(value, bool)


def _member_mismatch(shape: Shape, value: Mapping[str, Any], path: str, depth: int) -> str:
    known = {name: of for name, of, _ in shape.fields}
    missing = [name for name, _, required in shape.fields if required and name not in value]
    if missing:
        words = ", ".join(map(repr, missing))
        return f"{path}: {describe(shape)} needs {words}".removeprefix(": ")
    for name, one in value.items():
        of = known.get(name, shape.values)
        inner = f"{path}.{name}" if path else str(name)
        if of is None:
            allowed = ", ".join(known) or "none"
            return f"{inner}: {describe(shape)} has no such member; it has: {allowed}"
        found = _mismatch(of, one, inner, depth + 1)
        if found:
            return found
    return ""


def not_json(value: Any) -> str:
    """Why a value does not fit JSON, with the path inside it; "" if it does.

    >>> not_json({"snr": [1.0, float("nan")]})
    'snr[1]: nan is no JSON number'
    """
    return _not_json(value, "", 0)


def _not_json(value: Any, path: str, depth: int) -> str:
    if value is None or isinstance(value, bool | int | str):
        return _odd_scalar(value, path)
    if isinstance(value, float):
        return "" if isfinite(value) else f"{path}: {value} is no JSON number".removeprefix(": ")
    if depth >= MAX_DEPTH:
        return f"{path}: nested deeper than {MAX_DEPTH}".removeprefix(": ")
    if isinstance(value, list | tuple):
        parts = (_not_json(one, f"{path}[{n}]", depth + 1) for n, one in enumerate(value))
        return next(filter(None, parts), "")
    if isinstance(value, dict):
        for name, one in value.items():
            if not isinstance(name, str):
                return f"{path}: key {show(name)} is no string".removeprefix(": ")
            found = _not_json(one, f"{path}.{name}" if path else name, depth + 1)
            if found:
                return found
        return ""
    kind = type(value)
    article = "an" if kind.__name__[:1] in "aeiou" else "a"
    where = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{path}: {article} {where} has no JSON form".removeprefix(": ")


def _odd_scalar(value: Any, path: str) -> str:
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            return f"{path}: text that is no valid Unicode".removeprefix(": ")
    return ""


# --- in words

_WORDS: Mapping[Kind, tuple[str, str]] = {
    "boolean": ("true or false", "booleans"),
    "integer": ("an integer", "integers"),
    "number": ("a number", "numbers"),
    "string": ("a string", "strings"),
    "array": ("a list", "lists"),
    "object": ("a mapping", "mappings"),
    "null": ("null", "nulls"),
    "any": ("anything", "anything"),
}


def describe(shape: Shape) -> str:
    """The shape in words that follow "expected".

    >>> describe(from_hint(Literal["mfs", "cube"]))
    "one of 'mfs', 'cube'"
    >>> describe(list_of(STRING))
    'a list of strings'
    """
    if shape.choices is not None:
        words = ", ".join(show(choice) for choice in shape.choices)
        return words if len(shape.choices) == 1 else f"one of {words}"
    parts = [_describe_kind(kind, shape) for kind in _WORDS if kind in _reduced(shape.kinds)]
    return " or ".join(parts)


def _reduced(kinds: frozenset[Kind]) -> frozenset[Kind]:
    return kinds - {"integer"} if "number" in kinds else kinds


def _describe_kind(kind: Kind, shape: Shape) -> str:
    word = _WORDS[kind][0]
    if kind in ("integer", "number"):
        return word + _describe_range(shape)
    if kind == "array" and shape.items is not None:
        return f"a list of {_plural(shape.items)}"
    if kind == "object" and shape.name:
        article = "an" if shape.name[:1] in "AEIOUaeiou" else "a"
        return f"{article} {shape.name} ({', '.join(name for name, _, _ in shape.fields)})"
    if kind == "object" and not shape.fields and shape.values and not shape.values.unknown:
        return f"a mapping of {_plural(shape.values)}"
    return word


def _describe_range(shape: Shape) -> str:
    low, high = shape.minimum, shape.maximum
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" of at least {low}"
    return "" if high is None else f" of at most {high}"


def _plural(shape: Shape) -> str:
    plain = Shape(shape.kinds)
    kinds = _reduced(shape.kinds)
    if kinds == {"object"} and shape.name:
        return f"{shape.name.removesuffix('s')}s"
    if shape == plain and len(kinds) == 1:
        return _WORDS[next(iter(kinds))][1]
    return f"({describe(shape)})" if len(kinds) > 1 else describe(shape)


def show(value: Any, most: int = 60) -> str:
    """A value in a message: as YAML would have it, cut where it is long."""
    if isinstance(value, list | tuple) and len(value) > 10:
        return f"a list of {len(value)}"
    if isinstance(value, Mapping) and len(value) > 10:
        return f"a mapping of {len(value)}"
    words = {True: "true", False: "false"}[value] if isinstance(value, bool) else None
    text = words or ("null" if value is None else _short_repr(value, most))
    return text if len(text) <= most else text[: most - 3] + "..."


def _short_repr(value: Any, most: int) -> str:
    if isinstance(value, str):
        return repr(value[:most])
    try:
        return repr(value)
    except (RecursionError, ValueError):
        return f"a {type(value).__name__}"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
