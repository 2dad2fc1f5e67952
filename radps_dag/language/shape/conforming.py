"""A JSON Schema to a function that says whether a value keeps it, much faster than jsonschema.

It says yes or no, and not what is wrong. For that, jsonschema is asked of the few values that break
their schema: the schema is the one truth, and a test holds that both find the same.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["conforming"]

Check = Callable[[Any], bool]

# Words that ask nothing of a value.
_NOTES = frozenset(("$schema", "$id", "$defs", "title", "description", "default"))
_TYPES: dict[str, Check] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: type(value) is int or (type(value) is float and value.is_integer()),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def conforming(
    schema: Mapping[str, Any], keywords: Mapping[str, Callable[[Any], Check]] = {}
) -> Check:
    """The check of a schema with the keywords of our grammars; raises KeyError for another one.

    `keywords` make the checks of those that are not to mean what they do elsewhere.

    >>> check = conforming({"type": "object", "properties": {"max": {"minimum": 0}}})
    >>> check({"max": 3}), check({"max": -1}), check([])
    (True, False, False)
    """
    return _Compiler(schema.get("$defs", {}), keywords).check(schema)


class _Compiler:
    """Schemas to checks, each definition once."""

    def __init__(
        self, definitions: Mapping[str, Any], keywords: Mapping[str, Callable[[Any], Check]]
    ) -> None:
        self._definitions = definitions
        self._own = keywords
        self._made: dict[str, list[Check]] = {}

    def check(self, schema: Any) -> Check:
        tests = self._tests(schema)
        if not tests:
            return _anything
        if len(tests) == 1:
            return tests[0]

        def all_hold(value: Any) -> bool:
            for test in tests:  # noqa: SIM110 - `all` takes twice the time
                if not test(value):
                    return False
            return True

        return all_hold

    def _tests(self, schema: Any) -> list[Check]:
        if isinstance(schema, bool):
            return [] if schema else [_nothing]
        tests = [
            self._own[word](argument)
            if word in self._own
            else _KEYWORDS[word](self, argument, schema)
            for word, argument in schema.items()
            if word not in _NOTES and word not in _BESIDE
        ]
        if _MEMBERS & schema.keys():
            tests.append(self._members(schema))
        if "if" in schema:
            tests.append(self._choice(schema))
        return tests

    def reference(self, name: str) -> Check:
        """A definition, which may contain itself: looked up when a value is there."""
        name = name.removeprefix("#/$defs/")
        made = self._made
        if name not in made:
            made[name] = []
            made[name].append(self.check(self._definitions[name]))

        def referred(value: Any) -> bool:
            return made[name][0](value)

        return made[name][0] if made[name] else referred

    def _members(self, schema: Mapping[str, Any]) -> Check:
        checks = {name: self.check(member) for name, member in schema.get("properties", {}).items()}
        others = self.check(schema.get("additionalProperties", True))
        names = self.check(schema.get("propertyNames", True))

        def keeps(value: Any) -> bool:
            if isinstance(value, dict):
                for name, member in value.items():
                    if not checks.get(name, others)(member):
                        return False
                    if names is not _anything and not names(name):
                        return False
            return True

        return keeps

    def _choice(self, schema: Mapping[str, Any]) -> Check:
        condition = self.check(schema["if"])
        then, other = (self.check(schema.get(word, True)) for word in ("then", "else"))
        return lambda value: then(value) if condition(value) else other(value)


def _anything(value: Any) -> bool:
    return True


def _nothing(value: Any) -> bool:
    return False


def _type(compiler: _Compiler, names: str | list[str], schema: Any) -> Check:
    checks = [_TYPES[name] for name in ([names] if isinstance(names, str) else names)]
    return checks[0] if len(checks) == 1 else lambda value: any(check(value) for check in checks)


def _enum(compiler: _Compiler, choices: list[Any], schema: Any) -> Check:
    # Most are texts, and asked of each key of each node.
    texts = frozenset(choice for choice in choices if isinstance(choice, str))
    others = [choice for choice in choices if not isinstance(choice, str)]
    return lambda value: (
        value in texts
        if isinstance(value, str)
        else any(_equal(value, choice) for choice in others)
    )


def _equal(value: Any, other: Any) -> bool:
    """Equality as JSON has it: true is not 1, at any depth."""
    if isinstance(value, list) and isinstance(other, list):
        return len(value) == len(other) and all(map(_equal, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return value.keys() == other.keys() and all(_equal(value[key], other[key]) for key in value)
    return bool(isinstance(value, bool) is isinstance(other, bool) and value == other)


def _pattern(compiler: _Compiler, pattern: str, schema: Any) -> Check:
    search = re.compile(pattern).search
    return lambda value: not isinstance(value, str) or search(value) is not None


def _bound(holds: Callable[[Any, Any], bool]) -> Any:
    def keyword(compiler: _Compiler, limit: float, schema: Any) -> Check:
        is_number = _TYPES["number"]
        return lambda value: not is_number(value) or holds(value, limit)

    return keyword


def _size(of: type[Any], holds: Callable[[Any, Any], bool]) -> Any:
    def keyword(compiler: _Compiler, limit: int, schema: Any) -> Check:
        return lambda value: not isinstance(value, of) or holds(len(value), limit)

    return keyword


def _is_multiple(value: Any, of: Any) -> bool:
    # What is not whole by a hair is for jsonschema to say.
    quotient = value / of if isinstance(of, float) else value % of
    return bool(int(quotient) == quotient if isinstance(of, float) else not quotient)


def _items(compiler: _Compiler, items: Any, schema: Any) -> Check:
    check = compiler.check(items)
    return lambda value: not isinstance(value, list) or all(map(check, value))


def _required(compiler: _Compiler, names: list[str], schema: Any) -> Check:
    def has_all(value: Any) -> bool:
        return not isinstance(value, dict) or all(name in value for name in names)

    if len(names) > 1:
        return has_all
    (name,) = names
    return lambda value: not isinstance(value, dict) or name in value


def _beside(compiler: _Compiler, needs: dict[str, list[str]], schema: Any) -> Check:
    def has_all(value: Any) -> bool:
        return not isinstance(value, dict) or not any(
            name in value and any(other not in value for other in others)
            for name, others in needs.items()
        )

    return has_all


def _not(compiler: _Compiler, schema: Any, around: Any) -> Check:
    check = compiler.check(schema)
    return lambda value: not check(value)


def _all_of(compiler: _Compiler, schemas: list[Any], schema: Any) -> Check:
    checks = [compiler.check(part) for part in schemas]
    return lambda value: all(check(value) for check in checks)


def _any_of(compiler: _Compiler, schemas: list[Any], schema: Any) -> Check:
    checks = [compiler.check(part) for part in schemas]
    return lambda value: any(check(value) for check in checks)


_MEMBERS = frozenset(("properties", "additionalProperties", "propertyNames"))
_BESIDE = _MEMBERS | {"if", "then", "else"}
_KEYWORDS: dict[str, Callable[[_Compiler, Any, Any], Check]] = {
    "$ref": lambda compiler, name, schema: compiler.reference(name),
    "type": _type,
    "enum": _enum,
    "const": lambda compiler, value, schema: lambda candidate: _equal(candidate, value),
    "pattern": _pattern,
    "minimum": _bound(operator.ge),
    "maximum": _bound(operator.le),
    "exclusiveMinimum": _bound(operator.gt),
    "exclusiveMaximum": _bound(operator.lt),
    "multipleOf": _bound(_is_multiple),
    "minLength": _size(str, operator.ge),
    "maxLength": _size(str, operator.le),
    "minItems": _size(list, operator.ge),
    "maxItems": _size(list, operator.le),
    "minProperties": _size(dict, operator.ge),
    "items": _items,
    "required": _required,
    "dependentRequired": _beside,
    "not": _not,
    "allOf": _all_of,
    "anyOf": _any_of,
}
