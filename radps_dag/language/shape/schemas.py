"""A shape to JSON Schema, for editors: an expression may stand wherever a value may."""

from __future__ import annotations

from typing import Any

from radps_dag.language.shape.kinds import Shape

__all__ = ["to_schema"]

_EXPRESSION = {"type": "string", "pattern": r"\$\{\{"}


def to_schema(shape: Shape) -> dict[str, Any]:
    """The JSON Schema of a value of the shape in a file; it and all in it may be an expression.

    >>> from radps_dag.language.shape import INTEGER, list_of
    >>> to_schema(list_of(INTEGER))["else"]["items"]["else"]
    {'type': 'integer'}
    """
    if shape.unknown:
        return {}
    return {"if": _EXPRESSION, "else": _literal(shape)}


def _literal(shape: Shape) -> dict[str, Any]:
    if shape.choices is not None:
        return {"enum": list(shape.choices)}
    kinds = sorted(shape.kinds)
    schema: dict[str, Any] = {"type": kinds[0] if len(kinds) == 1 else kinds}
    if shape.items is not None:
        schema["items"] = to_schema(shape.items)
    if "object" in kinds:
        schema["properties"] = {name: to_schema(of) for name, of, _ in shape.fields}
        schema["required"] = [name for name, _, required in shape.fields if required]
        schema["additionalProperties"] = shape.values is not None and to_schema(shape.values)
    bounds = {"minimum": shape.minimum, "maximum": shape.maximum}
    return schema | {name: bound for name, bound in bounds.items() if bound is not None}
