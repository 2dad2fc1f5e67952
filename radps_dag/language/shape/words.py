"""Shapes and values in words, for messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radps_dag.language.shape.kinds import Kind, Shape

__all__ = ["describe", "show"]

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

    >>> from typing import Literal
    >>> from radps_dag.language.shape import STRING, from_hint, list_of
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
