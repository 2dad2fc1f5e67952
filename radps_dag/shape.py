"""Shapes: which JSON values a place takes. Made from type hints and from JSON Schema.

One small vocabulary for workload signatures, params, outputs and expressions, so that `validate`
can say before the run whether a value fits. It is gradual: what is not known is `ANY` and fits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["ANY", "Kind", "Shape"]

Kind = Literal["any", "null", "boolean", "integer", "number", "string", "array", "object"]


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


ANY = Shape(frozenset({"any"}))
