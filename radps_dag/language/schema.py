"""Data against the grammar: jsonschema's errors in our words, each at its key or value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from typing import Any

from radps_dag.language.shape import show
from radps_dag.language.shape.conforming import Check, conforming
from radps_dag.language.shape.violations import no_registry
from radps_dag.language.source import MAX_PROBLEMS, Document, Series, Table
from radps_dag.problem import Location, Problem, allowed, did_you_mean

__all__ = ["KINDS", "Mistake", "breaches", "mistakes", "overlay_breaches", "schema", "schema_text"]

KINDS = ("run", "steps", "use", "pause")
# What a site may say of calls.
OVERLAY_KEYS = ("timeout", "retries", "resources")

# jsonschema's ValidationError, whose attributes it types as perhaps not set.
Error = Any


@dataclass(frozen=True, slots=True)
class Mistake:
    """A problem with the grammar, and what to leave out so that the rest can be understood."""

    problem: Problem
    container: Table | Series | None = None
    key: str | int = ""


def schema_text(of: str = "pipeline") -> str:
    """The grammar of pipeline files, or of those of another kind, as a JSON Schema for editors."""
    path = files("radps_dag.language") / "schemas" / f"{of}.schema.json"
    return path.read_text(encoding="utf-8")


@cache
def schema() -> dict[str, Any]:
    """The grammar as data, not to be changed."""
    parsed: dict[str, Any] = json.loads(schema_text())
    return parsed


def mistakes(document: Document) -> Iterator[Mistake]:
    """Every breach of the grammar, in no particular order."""
    if not isinstance(document.data, Table):
        message = f"expected a mapping with version, name and stages, found {_found(document.data)}"
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
        message = f"expected {rules['title']}, found {_found(document.data)}"
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
            yield Mistake(Problem(at, "type", f"expected {expected}, found {_found(node)}"))
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


Owner = tuple[Table | Series, Any]


@dataclass(frozen=True, slots=True)
class _Place:
    """Place of an error: the wrong value, its location, and its owner."""

    value: Any
    at: Location
    owner: Owner | None

    def inside(self, path: Iterable[Any]) -> _Place:
        """The place of a value further in."""
        place = self
        for key in path:
            owner = place.value
            place = _Place(owner[key], owner.value_at(key), (owner, key))
        return place

    @property
    def label(self) -> Location:
        """The key of the value, or the value itself where it has none."""
        if self.owner is not None and isinstance(self.owner[0], Table):
            return self.owner[0].key_at(self.owner[1])
        return self.at


def _checked(
    grammar: _Grammar, value: Any, at: Location, owner: Owner | None = None
) -> Iterator[Mistake]:
    top = _Place(value, at, owner)
    try:
        if grammar.conforms(value):
            return
        for error in grammar.validator.iter_errors(value):
            yield from _explained(error, top.inside(error.absolute_path))
    except RecursionError:
        message = "nested too deeply to be understood"
        yield _left_out(top, "depth", message)


def _explained(error: Error, place: _Place) -> Iterator[Mistake]:
    if "propertyNames" in error.absolute_schema_path:
        yield _name(error, place)
        return
    explain = _WORDS.get(str(error.validator))
    if explain is not None:
        yield from explain(error, place)
        return
    expected = _title(error)
    message = f"expected {expected}, found {_found(place.value)}" if expected else error.message
    yield _left_out(place, "value", message)


def _left_out(place: _Place, rule: str, message: str) -> Mistake:
    owner = place.owner
    problem = Problem(place.at, rule, message)
    return Mistake(problem) if owner is None else Mistake(problem, *owner)


def _name(error: Error, place: _Place) -> Mistake:
    """A key that is no name, or one that does not go with the node's kind."""
    key = str(error.instance)
    if error.validator == "not":
        return _beside(key, place)
    message = f"{show(key)} is not a name; expected {_title(error)}"
    return Mistake(Problem(place.value.key_at(key), "name", message))


def _beside(key: str, place: _Place) -> Mistake:
    node: Table = place.value
    kind = next(kind for kind in KINDS if kind in node)
    if key in KINDS:
        message = f"'{key}' cannot stand beside '{kind}'; a node is one of {allowed(KINDS)}"
        return Mistake(Problem(node.key_at(key), "node-kind", message), node, key)
    takes = [other for other in KINDS if key not in _not_beside(other)]
    message = f"'{key}' does not go with '{kind}', only with {' or '.join(map(repr, takes))}"
    if kind == "pause" and key == "timeout":
        message = "'timeout' of a question stands inside 'pause'"
    return Mistake(Problem(node.key_at(key), "node-kind", message), node, key)


def _not_beside(kind: str) -> list[str]:
    name = {"run": "only_task", "steps": "only_group"}.get(kind, f"only_{kind}")
    excluded: list[str] = schema()["$defs"][name]["propertyNames"]["not"]["enum"]
    return excluded


def _unknown_keys(error: Error, place: _Place) -> Iterator[Mistake]:
    keys = list(error.schema.get("properties", ()))
    for key in _extras(place.value, keys)[:MAX_PROBLEMS]:
        hint = did_you_mean(key, keys) or f"; allowed: {allowed(keys, 30)}"
        if place.value[key] is None and " " in key:
            # `{description: one, two}` is a description, and a key `two` without a value.
            hint = "; inside { } a text with a comma needs quotes"
        message = f"unknown key {show(key)}{hint}"
        problem = Problem(place.value.key_at(key), "unknown-key", message)
        yield Mistake(problem, place.value, key)


def _extras(table: Table, keys: Iterable[str]) -> list[str]:
    names = set(keys)
    return [key for key in table if key not in names]


def _missing_key(error: Error, place: _Place) -> Iterator[Mistake]:
    missing = str(error.message).split("'")[1]
    properties = error.schema.get("properties")
    if properties and any(
        did_you_mean(key, [missing]) for key in _extras(place.value, properties)[:MAX_PROBLEMS]
    ):
        return  # it is there, misspelt: told as an unknown key
    if missing == "run":
        if any(did_you_mean(key, KINDS) for key in list(place.value)[:MAX_PROBLEMS]):
            return
        message = f"the node does nothing; it needs one of {allowed(KINDS)}"
        yield Mistake(Problem(place.label, "node-kind", message))
        return
    who = _title(error) if "allOf" in error.absolute_schema_path else ""
    message = f"{who} needs '{missing}'" if who else f"missing key '{missing}'"
    yield Mistake(Problem(place.label, "missing-key", message))


def _missing_beside(error: Error, place: _Place) -> Iterator[Mistake]:
    _, needed, _, key, _ = str(error.message).split("'")
    message = f"'{key}' says something about '{needed}', which is not here"
    yield Mistake(Problem(place.value.key_at(key), "missing-key", message), place.value, key)


def _type(error: Error, place: _Place) -> Iterator[Mistake]:
    kinds = error.validator_value
    expected = _title(error) or " or ".join(
        _TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)
    )
    message = f"expected {expected}, found {_found(place.value)}"
    yield _left_out(place, "type", message)


def _choice(error: Error, place: _Place) -> Iterator[Mistake]:
    words = [str(word) for word in error.validator_value]
    value = place.value
    hint = did_you_mean(value, words) if isinstance(value, str) else ""
    message = f"{_found(value)} is not allowed here; allowed: {allowed(words)}{hint}"
    if value is None:
        # `type: [string, null]` is the usual way to get here.
        quoted = '; write "null" in quotes' if "null" in words else ""
        message = f"expected one of {allowed(words)}, found nothing{quoted}"
    yield _left_out(place, "value", message)


def _constant(error: Error, place: _Place) -> Iterator[Mistake]:
    message = f"expected {show(error.validator_value)}, found {_found(place.value)}"
    yield _left_out(place, "value", message)


def _bound(error: Error, place: _Place) -> Iterator[Mistake]:
    value, limit = show(place.value), error.validator_value
    relation = {
        "minimum": f"is less than the minimum of {limit}",
        "maximum": f"is more than the maximum of {limit}",
        "exclusiveMinimum": f"is not more than {limit}",
    }[str(error.validator)]
    yield _left_out(place, "value", f"{value} {relation}")


def _empty(error: Error, place: _Place) -> Iterator[Mistake]:
    what = {"minItems": "list", "minProperties": "mapping"}.get(str(error.validator), "text")
    message = f"the {what} is empty; it needs at least one entry"
    if what == "text":
        message = f"the text is empty; expected {_title(error)}"
    yield Mistake(Problem(place.label, "value", message), *(place.owner or ()))


_WORDS: dict[str, Callable[[Error, _Place], Iterator[Mistake]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_key,
    "dependentRequired": _missing_beside,
    "type": _type,
    "enum": _choice,
    "const": _constant,
    "minimum": _bound,
    "maximum": _bound,
    "exclusiveMinimum": _bound,
    "minItems": _empty,
    "minProperties": _empty,
    "minLength": _empty,
}

_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
}


def _title(error: Error) -> str:
    return str(error.schema.get("title", "")) if isinstance(error.schema, dict) else ""


def _found(value: Any) -> str:
    """Describe the value found, in a few words."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else show(value, 40)
