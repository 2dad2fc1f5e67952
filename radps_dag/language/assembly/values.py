"""Values and expressions at a key of a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from radps_dag.language.expression import Literal, Value, parse_expression, parse_value
from radps_dag.language.model import Named
from radps_dag.language.source import Report, Series, Table
from radps_dag.problem import Location

__all__ = ["condition", "listed", "named", "text", "unknown", "value"]


def value(table: Table, key: str, report: Report) -> Value | None:
    """The value at a key, or nothing where there is no such key."""
    if key not in table:
        return None
    return parse_value(table[key], table.value_at(key), _locate, report)


def _locate(container: Table | Series, key: Any) -> Location:
    return container.value_at(key)


def unknown(at: Location) -> Value:
    """A value of which nothing is known, in place of one that could not be understood."""
    return parse_value("${{ }}", at, _locate, lambda problem: None)


def condition(table: Table, key: str, report: Report) -> Value | None:
    """A lone expression, with or without its delimiters, or a constant where those are allowed."""
    if key not in table:
        return None
    value, at = table[key], table.value_at(key)
    if not isinstance(value, str):
        return Literal(value, at)
    return parse_expression(value, at, report) or unknown(at)


def named(table: Table, key: str, report: Report) -> Iterator[Named]:
    """The entries of a mapping whose names the author chose."""
    values = table.get(key)
    if isinstance(values, Table):
        for name, value in values.items():
            parsed = parse_value(value, values.value_at(name), _locate, report)
            yield Named(name, parsed, values.key_at(name))


def text(table: Mapping[str, Any], key: str) -> str:
    """A text for people, on one line."""
    return " ".join(str(table.get(key, "")).split())


def listed(table: Table, key: str, report: Report) -> Iterator[Value]:
    """The values of a list."""
    items = table.get(key)
    if isinstance(items, Series):
        for index, item in enumerate(items):
            yield parse_value(item, items.value_at(index), _locate, report)
