"""A value against a JSON Schema itself, where shapes have no word for what it asks.

Schemas come with files and archives that other people wrote. So only the keywords of our grammar
count: nothing is fetched, no pattern is searched for, and what a check costs grows with the size of
schema and value, not with their product.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache, cached_property
from typing import Any

from radps_dag.language.shape.conforming import Check, conforming
from radps_dag.language.shape.words import show
from radps_dag.problem import allowed

__all__ = ["Rules", "no_registry", "violation"]

_WORDS = (
    *("type", "enum", "const", "required", "uniqueItems"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems"),
)
_LONGEST = 300


def violation(schema: Mapping[str, Any], value: Any) -> str:
    """Say what of a schema a value breaks; "" if nothing."""
    return Rules(schema).broken_by(value)


class Rules:
    """A schema that many values are held against."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = _known(schema, _Texts())

    @cached_property
    def _conforms(self) -> Check:
        try:
            return conforming(self._schema, {"enum": _in_enum, "uniqueItems": _all_differ})
        except (KeyError, TypeError, ValueError, AttributeError):  # the schema itself is wrong
            return lambda value: False

    @cached_property
    def _validator(self) -> Any:
        return _validator()(self._schema, registry=no_registry())

    def broken_by(self, value: Any) -> str:
        """Say what a value breaks; "" if nothing."""
        with suppress(TypeError, ValueError, ArithmeticError, RecursionError):
            if self._conforms(value):
                return ""
        try:
            error = next(self._validator.iter_errors(value), None)
        except (TypeError, ValueError, ArithmeticError):  # the schema itself is wrong
            return ""
        if error is None:
            return ""
        message = str(error.message).replace(repr(error.instance), show(error.instance))
        return message if len(message) <= _LONGEST else f"{message[: _LONGEST - 3]}..."


@cache
def no_registry() -> Any:
    """An empty registry for every validator: schemas may not refer to others.

    jsonschema's own asks the network, or opens a file, for what it does not know.
    """
    from referencing import Registry

    return Registry()


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    # jsonschema has types for it, but not for its decorator.
    return extend(Draft202012Validator, {"enum": _enum, "uniqueItems": _unique})  # type: ignore[no-untyped-call]


def _enum(_validator: Any, choices: _Choices, value: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if not choices.have(value):
        yield ValidationError(f"{show(value)} is not one of {allowed(map(show, choices.values))}")


def _unique(_validator: Any, texts: _Texts, value: Any, _schema: Any) -> Iterator[Any]:
    from jsonschema import ValidationError

    if isinstance(value, list) and len(set(map(texts.of, value))) < len(value):
        yield ValidationError(f"{show(value)} has non-unique elements")


def _in_enum(choices: _Choices) -> Check:
    return choices.have


def _all_differ(texts: _Texts) -> Check:
    return lambda value: not isinstance(value, list) or len(set(map(texts.of, value))) == len(value)


def _known(schema: Any, texts: _Texts) -> Any:
    """The schema with the keywords that we know alone, those that compare made ready."""
    if not isinstance(schema, Mapping):
        return schema
    kept = {word: schema[word] for word in _WORDS if word in schema}
    if isinstance(kept.get("enum"), list | tuple):
        kept["enum"] = _Choices(kept["enum"], texts)
    else:
        kept.pop("enum", None)
    if kept.pop("uniqueItems", False) is True:
        kept["uniqueItems"] = texts
    for word in ("items", "additionalProperties"):
        if word in schema:
            kept[word] = _known(schema[word], texts)
    if isinstance(members := schema.get("properties"), Mapping):
        kept["properties"] = {name: _known(of, texts) for name, of in members.items()}
    return kept


class _Choices:
    """The values of an `enum`, to be found without a comparison with each."""

    def __init__(self, values: list[Any], texts: _Texts) -> None:
        self.values = values
        self._texts = texts
        self._known = frozenset(map(texts.of, values))

    def have(self, value: Any) -> bool:
        return self._texts.of(value) in self._known


class _Texts:
    """Values as texts that are the same where JSON calls them equal, each made once.

    >>> texts = _Texts()
    >>> texts.of({"a": 1, "b": [True]}) == texts.of({"b": [True], "a": 1.0}), texts.of(True)
    (True, 'true')
    """

    def __init__(self) -> None:
        # By identity, with the value, so that no other takes its place.
        self._made: dict[int, tuple[Any, str]] = {}

    def of(self, value: Any) -> str:
        match value:
            case float() if value.is_integer():
                return str(int(value))
            case list() | tuple() | dict():
                if id(value) not in self._made:
                    self._made[id(value)] = value, self._digest(value)
                return self._made[id(value)][1]
            case _:
                return json.dumps(value, default=repr)

    def _digest(self, value: Any) -> str:
        # Of one size, whatever is inside: lists in lists would be written out at every level.
        if isinstance(value, dict):
            inside = sorted(
                f"{json.dumps(name)}:{self.of(member)}" for name, member in value.items()
            )
            return "{" + hashlib.sha256(",".join(inside).encode()).hexdigest()
        inside = [self.of(item) for item in value]
        return "[" + hashlib.sha256(",".join(inside).encode()).hexdigest()
