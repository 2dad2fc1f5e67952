"""Declarations of the context by files: they can be met, and do not contradict each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from radps_dag.checks.params import unmeetable
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.model import ContextKey, Pipeline, Use, children
from radps_dag.language.shape import describe, from_schema
from radps_dag.problem import Problem

__all__ = ["check"]

RULE = "context"
# What is for people decides nothing.
_FOR_PEOPLE = ("title", "examples", "unit")


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of context declarations, of this file and of those that it uses."""
    declared: dict[str, tuple[ContextKey, str]] = {}
    for key in view.pipeline.context:
        yield from _key(key)
        declared[key.name] = (key, "")
    for seat in view.seats:
        node = seat.node
        if not isinstance(node, Use):
            continue
        for key in _declared(node.pipeline):
            other, file = declared.setdefault(key.name, (key, node.file))
            if _meaning(other) == _meaning(key):
                continue
            if file:
                what = f"{node.file} and {file} contradict each other about context key"
                at = node.file_at
            else:
                what, at = f"{node.file} says otherwise about context key", other.at
            words = f"{_words(key)} there" if not file else f"{_words(key)}, and {_words(other)}"
            yield Problem(at, RULE, f"{what} {key.name!r}: {words}; a run has one context")


def _key(key: ContextKey) -> Iterator[Problem]:
    if key.collection and key.schema.get("type") != "array":
        message = (
            f"context key {key.name!r} is a collection, so its value is a list: "
            "write type: array, and the schema of what is added as items"
        )
        yield Problem(key.at, RULE, message)
    elif wrong := unmeetable(key.schema):
        yield Problem(key.at, RULE, f"context key {key.name!r} can have no value: {wrong}")


def _declared(pipeline: Pipeline) -> Iterator[ContextKey]:
    """The keys of a file and of those that it uses, each once; what contradicts inside is told
    where it is."""
    seen: set[str] = set()
    waiting, files = [pipeline], {id(pipeline)}
    while waiting:
        file = waiting.pop(0)
        for key in file.context:
            if key.name not in seen:
                seen.add(key.name)
                yield key
        for node in _uses(file):
            if id(node.pipeline) not in files:
                files.add(id(node.pipeline))
                waiting.append(node.pipeline)


def _uses(pipeline: Pipeline) -> Iterator[Use]:
    waiting = list(pipeline.stages)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, Use):
            yield node
        else:
            waiting += children(node)


def _meaning(key: ContextKey) -> Any:
    return key.collection, {word: of for word, of in key.schema.items() if word not in _FOR_PEOPLE}


def _words(key: ContextKey) -> str:
    return f"a collection: {_shape(key)}" if key.collection else _shape(key)


def _shape(key: ContextKey) -> str:
    return describe(from_schema(key.schema))
