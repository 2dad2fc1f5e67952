"""Errors of jsonschema to mistakes in our words, each at its key or value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from radps_dag.language.schema import KINDS, schema
from radps_dag.language.shape import show
from radps_dag.language.source import MAX_PROBLEMS, Series, Table
from radps_dag.problem import Location, Problem, allowed, did_you_mean

__all__ = ["ErrorPlace", "Mistake", "explained", "kind_found", "left_out"]

# jsonschema's ValidationError, whose attributes it types as perhaps not set.
Error = Any


class Mistake(NamedTuple):
    """A problem with the grammar, and what to leave out so that the rest can be understood."""

    problem: Problem
    container: Table | Series | None = None
    key: str | int = ""


Owner = tuple[Table | Series, Any]


class ErrorPlace(NamedTuple):
    """Place of an error: the wrong value, its location, and its owner."""

    value: Any
    at: Location
    owner: Owner | None

    def inside(self, path: Iterable[Any]) -> ErrorPlace:
        """The place of a value further in."""
        place = self
        for key in path:
            owner = place.value
            place = ErrorPlace(owner[key], owner.value_at(key), (owner, key))
        return place

    @property
    def label(self) -> Location:
        """The key of the value, or the value itself where it has none."""
        if self.owner is not None and isinstance(self.owner[0], Table):
            return self.owner[0].key_at(self.owner[1])
        return self.at


def explained(error: Error, place: ErrorPlace) -> Iterator[Mistake]:
    """The mistakes behind an error, which is at this place."""
    if "propertyNames" in error.absolute_schema_path:
        yield _name(error, place)
        return
    explain = _WORDS.get(str(error.validator))
    if explain is not None:
        yield from explain(error, place)
        return
    expected = _title(error)
    message = f"expected {expected}, found {kind_found(place.value)}" if expected else error.message
    yield left_out(place, "value", message)


def left_out(place: ErrorPlace, rule: str, message: str) -> Mistake:
    """A mistake for which the value is left out, so that the rest can be understood."""
    owner = place.owner
    problem = Problem(place.at, rule, message)
    return Mistake(problem) if owner is None else Mistake(problem, *owner)


def _name(error: Error, place: ErrorPlace) -> Mistake:
    """A key that is no name, or one that does not go with the node's kind."""
    key = str(error.instance)
    if error.validator == "not":
        return _beside(key, place)
    message = f"{show(key)} is not a name; expected {_title(error)}"
    return Mistake(Problem(place.value.key_at(key), "name", message))


def _beside(key: str, place: ErrorPlace) -> Mistake:
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


def _unknown_keys(error: Error, place: ErrorPlace) -> Iterator[Mistake]:
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


def _missing_key(error: Error, place: ErrorPlace) -> Iterator[Mistake]:
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


def _missing_beside(error: Error, place: ErrorPlace) -> Iterator[Mistake]:
    _, needed, _, key, _ = str(error.message).split("'")
    message = f"'{key}' says something about '{needed}', which is not here"
    yield Mistake(Problem(place.value.key_at(key), "missing-key", message), place.value, key)


def _type(error: Error, place: ErrorPlace) -> Iterator[Mistake]:
    kinds = error.validator_value
    expected = _title(error) or " or ".join(
        _TYPES[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)
    )
    message = f"expected {expected}, found {kind_found(place.value)}"
    yield left_out(place, "type", message)


def _choice(error: Error, place: ErrorPlace) -> Iterator[Mistake]:
    words = [str(word) for word in error.validator_value]
    value = place.value
    hint = did_you_mean(value, words) if isinstance(value, str) else ""
    message = f"{kind_found(value)} is not allowed here; allowed: {allowed(words)}{hint}"
    if value is None:
        # `type: [string, null]` is the usual way to get here.
        quoted = '; write "null" in quotes' if "null" in words else ""
        message = f"expected one of {allowed(words)}, found nothing{quoted}"
    yield left_out(place, "value", message)


def _constant(error: Error, place: ErrorPlace) -> Iterator[Mistake]:
    message = f"expected {show(error.validator_value)}, found {kind_found(place.value)}"
    yield left_out(place, "value", message)


def _bound(error: Error, place: ErrorPlace) -> Iterator[Mistake]:
    value, limit = show(place.value), error.validator_value
    relation = {
        "minimum": f"is less than the minimum of {limit}",
        "maximum": f"is more than the maximum of {limit}",
        "exclusiveMinimum": f"is not more than {limit}",
    }[str(error.validator)]
    yield left_out(place, "value", f"{value} {relation}")


def _empty(error: Error, place: ErrorPlace) -> Iterator[Mistake]:
    what = {"minItems": "list", "minProperties": "mapping"}.get(str(error.validator), "text")
    message = f"the {what} is empty; it needs at least one entry"
    if what == "text":
        message = f"the text is empty; expected {_title(error)}"
    yield Mistake(Problem(place.label, "value", message), *(place.owner or ()))


_WORDS: dict[str, Callable[[Error, ErrorPlace], Iterator[Mistake]]] = {
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


def kind_found(value: Any) -> str:
    """Describe the value found, in a few words."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else show(value, 40)
