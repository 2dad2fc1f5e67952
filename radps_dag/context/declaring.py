"""Declarations of the context by a pipeline and every file that it uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radps_dag.language.model import Pipeline, Use, walk
from radps_dag.workloads.contract.knowledge import Declared

__all__ = ["as_recorded", "declared_by"]


def declared_by(pipeline: Pipeline) -> dict[str, Declared]:
    """The keys that are declared; a run has one context, whichever file speaks of it."""
    files = [pipeline, *(node.pipeline for _, node in walk(pipeline) if isinstance(node, Use))]
    return {
        key.name: Declared(key.schema, key.collection, key.description)
        for file in reversed(files)
        for key in file.context
    }


def as_recorded(
    declared: dict[str, Declared], order: list[str], adopted: Mapping[str, str]
) -> dict[str, Any]:
    """The same as JSON, as the run records it, with the order of the nodes, and the runs that left
    the stages which this one does not do."""
    keys = {
        name: {
            "schema": dict(declaration.schema),
            "collection": declaration.collection,
            "description": declaration.description,
        }
        for name, declaration in declared.items()
    }
    return {"declared": keys, "order": order, **({"left": dict(adopted)} if adopted else {})}
