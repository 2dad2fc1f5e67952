"""Values in a plan, where a call is still to make some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radps_dag.engine.run import NodeContext, value_of
from radps_dag.language.expression import Value, references

__all__ = ["Unknown", "gathered", "is_unknown", "upstream", "value_or_unknown"]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Stands for what a call is still to make. `source` is the place of that call's node."""

    source: str


def gathered(values: list[Any]) -> Any:
    """The values, or the first of them that is unknown."""
    return next((value for value in values if isinstance(value, Unknown)), values)


def value_or_unknown(value: Value, here: NodeContext) -> Any:
    """The value of an expression, or what is unknown of it."""
    names = here.scope.names()
    for reference in references(value):
        member: Any = names.get(reference.root)
        for name in reference.path:
            if not isinstance(member, (dict, Mapping)) or name not in member:
                break
            member = member[name]
        if is_unknown(member):
            return _unknown_of(member)
    return value_of(value, here)


def is_unknown(value: Any) -> bool:
    """Whether a value, or something in it, is unknown."""
    return isinstance(value, Unknown) or (
        isinstance(value, dict) and any(isinstance(item, Unknown) for item in value.values())
    )


def _unknown_of(value: Any) -> Unknown:
    if isinstance(value, Unknown):
        return value
    first: Unknown = next(item for item in value.values() if isinstance(item, Unknown))
    return first


def upstream(unknown: Unknown) -> str:
    """Say why the readers of an unknown output will run."""
    return f"upstream {unknown.source} will run"
