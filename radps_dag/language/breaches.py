"""Data against the grammar: every breach of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from radps_dag.language.explaining import ErrorPlace, Mistake, explained, kind_found, left_out
from radps_dag.language.schema import OVERLAY_KEYS, schema
from radps_dag.language.shape.conforming import Check, conforming
from radps_dag.language.shape.violations import no_registry
from radps_dag.language.source import Document, Series, Table
from radps_dag.problem import Location, Problem

__all__ = ["breaches", "mistakes", "overlay_breaches"]


def mistakes(document: Document) -> Iterator[Mistake]:
    """Every breach of the grammar, in no particular order."""
    if not isinstance(document.data, Table):
        kind = kind_found(document.data)
        message = f"expected a mapping with version, name and stages, found {kind}"
        yield Mistake(Problem(document.at, "type", message))
        return
    pipeline, node = _grammars()
    yield from _checked(pipeline, document.data, document.at)
    yield from _nodes(node, document.data.get("stages"), set())


def breaches(document: Document, grammar: str) -> list[Problem]:
    """Every breach of another grammar than the pipelines', named by its file in `schemas`."""
    path = files("radps_dag.language") / "schemas" / grammar
    rules = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(document.data, Table):
        message = f"expected {rules['title']}, found {kind_found(document.data)}"
        return [Problem(document.at, "type", message)]
    mistakes = _checked(_Grammar(rules), document.data, document.at)
    return [mistake.problem for mistake in mistakes]


def overlay_breaches(document: Document) -> list[Problem]:
    """Every breach in what a profile may say of nodes: some keys of a node, as in a pipeline."""
    definitions = schema()["$defs"]
    keys = definitions["node"]["properties"]
    rules = {
        "title": 'a table, with lines such as timeout = "6h"',
        "type": "object",
        "additionalProperties": False,
        "properties": {key: keys[key] for key in OVERLAY_KEYS},
    }
    mistakes = _checked(_Grammar(_inlined(rules, definitions)), document.data, document.at)
    return [mistake.problem for mistake in mistakes]


class _Grammar:
    """A schema, quick to say that a value keeps it, and slow to explain what is wrong."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self.rules = rules

    @cached_property
    def conforms(self) -> Check:
        return conforming(self.rules)

    @cached_property
    def validator(self) -> Any:
        # Imported for what is wrong alone: it takes a tenth of a second.
        from jsonschema import Draft202012Validator

        return Draft202012Validator(self.rules, registry=no_registry())


def _nodes(grammar: _Grammar, nodes: Any, seen: set[int]) -> Iterator[Mistake]:
    # A node at a time, because jsonschema takes a dozen frames of Python for each level.
    if not isinstance(nodes, Table):
        return
    for name, node in nodes.items():
        if not isinstance(node, Table):
            at = nodes.value_at(name)
            expected = grammar.rules["title"]
            yield Mistake(Problem(at, "type", f"expected {expected}, found {kind_found(node)}"))
        elif id(node) not in seen:  # an alias shows the same node again
            seen.add(id(node))
            yield from _checked(grammar, node, nodes.value_at(name), (nodes, name))
            yield from _nodes(grammar, node.get("steps"), seen)


@cache
def _grammars() -> tuple[_Grammar, _Grammar]:
    """One for a pipeline without its nodes, one for a node without those inside it."""
    definitions = dict(schema()["$defs"])
    definitions["nodes"] = {
        key: value for key, value in definitions["nodes"].items() if key != "additionalProperties"
    }
    pipeline = _inlined(schema() | {"$defs": {}}, definitions)
    node = _inlined(definitions["node"], definitions)
    kept = {"$defs": {"param": definitions["param"], "type": definitions["type"]}}
    return _Grammar(pipeline | kept), _Grammar(node | kept)


def _inlined(part: Any, definitions: dict[str, Any]) -> Any:
    """The schema with its references replaced, which jsonschema would look up at every value.

    Only params' schemas contain themselves; a reference to them stays.
    """
    if isinstance(part, list):
        return [_inlined(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    name = str(part.get("$ref", "")).removeprefix("#/$defs/")
    if name in definitions and name != "param":
        beside = {key: value for key, value in part.items() if key != "$ref"}
        return _inlined({**definitions[name], **beside}, definitions)
    return {key: _inlined(value, definitions) for key, value in part.items()}


def _checked(
    grammar: _Grammar, value: Any, at: Location, owner: tuple[Table | Series, Any] | None = None
) -> Iterator[Mistake]:
    top = ErrorPlace(value, at, owner)
    try:
        if grammar.conforms(value):
            return
        for error in grammar.validator.iter_errors(value):
            yield from explained(error, top.inside(error.absolute_path))
    except RecursionError:
        message = "nested too deeply to be understood"
        yield left_out(top, "depth", message)
