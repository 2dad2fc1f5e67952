"""The grammar of pipeline files: a JSON Schema."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["KINDS", "OVERLAY_KEYS", "schema", "schema_text"]

KINDS = ("run", "steps", "use", "pause")
# What a site may say of calls.
OVERLAY_KEYS = ("timeout", "retries", "resources")


def schema_text(of: str = "pipeline") -> str:
    """The grammar of pipeline files, or of those of another kind, as a JSON Schema for editors."""
    path = files("radps_dag.language") / "schemas" / f"{of}.schema.json"
    return path.read_text(encoding="utf-8")


@cache
def schema() -> dict[str, Any]:
    """The grammar as data, not to be changed."""
    parsed: dict[str, Any] = json.loads(schema_text())
    return parsed
