"""Shapes: which JSON values a place takes. Made from type hints and from JSON Schema.

One small vocabulary for workload signatures, params, outputs and expressions, so that `validate`
can say before the run whether a value fits. It is gradual: what is not known is `ANY` and fits.
"""

from __future__ import annotations

from radps_dag.language.shape.filling import filled
from radps_dag.language.shape.fitting import fits, mismatch, not_json
from radps_dag.language.shape.kinds import (
    ANY,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    Kind,
    Shape,
    is_number,
    list_of,
    members_of,
    object_of,
    of_kinds,
    of_value,
    union,
)
from radps_dag.language.shape.schemas import to_schema
from radps_dag.language.shape.sources import from_hint, from_schema, hints_of
from radps_dag.language.shape.words import describe, show

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
    "filled",
    "fits",
    "from_hint",
    "from_schema",
    "hints_of",
    "is_number",
    "list_of",
    "members_of",
    "mismatch",
    "not_json",
    "object_of",
    "of_kinds",
    "of_value",
    "show",
    "to_schema",
    "union",
]
