"""A value with the defaults that a JSON Schema gives to members inside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["filled"]


def filled(schema: Any, value: Any) -> Any:
    """The value, with the default of every member that is not there, at any depth.

    >>> filled({"properties": {"cell": {"default": 0.1}}}, {"size": 512})
    {'size': 512, 'cell': 0.1}
    """
    if not isinstance(schema, Mapping):
        return value
    if isinstance(value, list | tuple) and "items" in schema:
        return [filled(schema["items"], item) for item in value]
    if isinstance(value, Mapping):
        schemas, others = schema.get("properties", {}), schema.get("additionalProperties")
        completed = {
            name: filled(schemas.get(name, others), member) for name, member in value.items()
        }
        for name, of in schemas.items():
            if name not in completed and "default" in of:
                completed[name] = filled(of, of["default"])
        return completed
    return value
