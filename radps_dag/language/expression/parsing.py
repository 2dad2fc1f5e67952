"""Text to expressions: Jinja2's grammar less everything that is not on the lists."""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from jinja2 import nodes

from radps_dag.language.expression.offsets import Offsets
from radps_dag.language.expression.trees import CLOSE, MAX_LENGTH, OPEN, Parsed, parse_text
from radps_dag.language.expression.values import (
    Expression,
    Listing,
    Literal,
    Object,
    Reference,
    Template,
    Value,
)
from radps_dag.problem import Location, Problem

__all__ = ["parse_expression", "parse_value"]

Report = Callable[[Problem], None]
# The place of a member or an item, given the container and the key or index.
Locate = Callable[[Any, Any], Location]

MAX_EXPRESSIONS = 200
MAX_DEPTH = 100


def parse_expression(text: str, at: Location, report: Report) -> Expression | None:
    """The expression that `text` is, with or without its delimiters.

    `at` is the place of the scalar. Reports what is wrong under the rule "expression" and returns
    nothing in that case.
    """
    places = Offsets(text, at)
    start = _past_space(text, 0)
    if text.startswith(OPEN, start):
        start = _past_space(text, start + len(OPEN))
        parsed = parse_text(text[start:], True)
        rest = text[start + parsed.end :]
        if not parsed.findings and rest.strip():
            offset = start + parsed.end + len(rest) - len(rest.lstrip())
            _tell(report, places, offset, "text after the expression; it takes a lone expression")
            return None
    else:
        parsed = parse_text(text[start:], False)
    return _placed(parsed, start, places, report)


def parse_value(data: Any, at: Location, locate: Locate, report: Report) -> Value:
    """The value that plain YAML data stand for; `at` is their place.

    Where an expression in it is wrong, the problems are reported and an unknown value stands in.
    """
    return _value(data, at, locate, report, 0)


def _value(data: Any, at: Location, locate: Locate, report: Report, depth: int) -> Value:
    if depth > MAX_DEPTH:
        report(Problem(at, "expression", f"values are nested deeper than {MAX_DEPTH}"))
        return Literal(None, at)
    if isinstance(data, str):
        return _scalar(data, at, report) if OPEN in data else Literal(data, at)
    if isinstance(data, dict):
        entries: list[tuple[str, Value]] = []
        for key, member in data.items():
            if OPEN in str(key):
                report(Problem(at, "expression", f"a key cannot be an expression: {key!r}"))
            entries.append((key, _value(member, locate(data, key), locate, report, depth + 1)))
        if all(isinstance(value, Literal) for _, value in entries):
            return Literal({key: value.value for key, value in entries}, at)  # type: ignore[union-attr]
        return Object(tuple(entries), at)
    if isinstance(data, list | tuple):
        items = tuple(
            _value(item, locate(data, index), locate, report, depth + 1)
            for index, item in enumerate(data)
        )
        if all(isinstance(item, Literal) for item in items):
            return Literal([item.value for item in items], at)  # type: ignore[union-attr]
        return Listing(items, at)
    if isinstance(data, float) and not isfinite(data):
        report(Problem(at, "expression", f"{data} is not a number that JSON has"))
    return Literal(data, at)


def _scalar(text: str, at: Location, report: Report) -> Value:
    """A text with at least one expression in it."""
    places = Offsets(text, at)
    parts: list[str | Expression] = []
    position, sound = 0, True
    while (start := text.find(OPEN, position)) >= 0:
        if len(parts) > 2 * MAX_EXPRESSIONS:
            _tell(report, places, start, f"more than {MAX_EXPRESSIONS} expressions in one text")
            return _unknown(text, at)
        if start > position:
            parts.append(text[position:start])
        start = _past_space(text, start + len(OPEN))
        parsed = parse_text(text[start : start + MAX_LENGTH + len(CLOSE)], True)
        expression = _placed(parsed, start, places, report)
        if expression is None:
            sound = False
        else:
            parts.append(expression)
        if not parsed.end:
            break
        position = start + parsed.end
    if not sound:
        return _unknown(text, at)
    if position < len(text):
        parts.append(text[position:])
    expressions = [part for part in parts if isinstance(part, Expression)]
    if len(expressions) == 1 and all(
        isinstance(part, Expression) or not part.strip() for part in parts
    ):
        return expressions[0]
    return Template(tuple(parts), at)


def _unknown(text: str, at: Location) -> Expression:
    """A stand-in for what could not be read, so that no other rule complains about it."""
    return Expression(text, nodes.Name("?", "load"), (), at)


def _placed(parsed: Parsed, start: int, places: Offsets, report: Report) -> Expression | None:
    """The expression at its place, or what is wrong with it told there."""
    for finding in parsed.findings:
        _tell(report, places, start + finding.offset, finding.message)
    if parsed.tree is None or parsed.findings:
        return None
    at = places.at(start)
    references = tuple(
        [
            Reference(root, path, places.at(start + offset) if offset else at, guarded, instead)
            for root, path, offset, guarded, _, instead in parsed.reads
        ]
    )
    plain = len(parsed.reads) == 1 and parsed.reads[0].plain
    return Expression(parsed.text, parsed.tree, references, at, plain)


def _past_space(text: str, start: int) -> int:
    return len(text) - len(text[start:].lstrip())


def _tell(report: Report, places: Offsets, offset: int, message: str) -> None:
    report(Problem(places.at(offset), "expression", message))
