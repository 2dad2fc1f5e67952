"""A value against a JSON Schema itself, where shapes have no word for what it asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["violation"]


def violation(schema: Mapping[str, Any], value: Any) -> str:
    """What of a schema a value breaks, in words; "" if nothing."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError, best_match

    try:
        error = best_match(Draft202012Validator(dict(schema)).iter_errors(value))
    except (SchemaError, TypeError, ValueError):
        return ""
    return "" if error is None else str(error.message)
