"""Settings and provenance that a run records of itself, as far as they are read again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

__all__ = ["Provenance", "Settings"]

# What `resume` asks for again. One of the names is a keyword.
Settings = TypedDict(
    "Settings",
    {
        "library": str | None,
        "modules": list[str],
        "profile": str | None,
        "only": list[str],
        "from": list[str],
        "until": list[str],
        "max_parallel": int | None,
        "reuse": bool,
        "prefect": bool,
        "products": str | None,
        "thresholds": Mapping[str, Any],
        "secrets": list[str],
        "name": str,
        "nodes": Mapping[str, str],
    },
    total=False,
)


class Declared(TypedDict, total=False):
    """A key of the context."""

    schema: Mapping[str, Any]
    collection: bool
    description: str


class ContextSettings(TypedDict, total=False):
    """The declarations that a reader needs to see the context as the nodes of the run do."""

    declared: Mapping[str, Declared]
    order: list[str]
    left: Mapping[str, str]


class Provenance(TypedDict, total=False):
    """Software, machine and settings of a run."""

    sources: Mapping[str, str]
    sources_sha256: str
    packages: Mapping[str, str]
    python: str
    platform: str
    host: str
    cpu: str
    cpus: int | None
    user: str
    pid: int
    directory: str
    command: list[str]
    context: ContextSettings
