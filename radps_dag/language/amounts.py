"""Values of `resources` to amounts: processors, bytes, seconds, names of locks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from radps_dag.language.expression import ExpressionError, Names, evaluate
from radps_dag.language.model import Named, Resources
from radps_dag.language.quantities import octets_in, seconds_in
from radps_dag.language.shape import show

__all__ = ["amounts"]


def amounts(asked: Iterable[Named], names: Names) -> Resources:
    """The resources of a call that sees these names, `attempt` among them. Raises ExpressionError
    for a value that cannot be had, or is no such amount."""
    return Resources(**{item.name: _amount(item, names) for item in asked})


def _amount(item: Named, names: Names) -> Any:
    value = evaluate(item.value, names)
    read, expected = _KINDS[item.name]
    amount = read(value)
    if amount is None:
        message = f"`{item.name}` must be {expected}, not {show(value, 40)}"
        raise ExpressionError(item.value.at, message)
    return amount


def _processors(value: Any) -> float | None:
    return float(value) if _is_number(value) and value > 0 else None


def _octets(value: Any) -> int | None:
    amount = octets_in(value) if isinstance(value, str) else _whole(value)
    return amount or None


def _count(value: Any) -> int | None:
    number = _whole(value)
    return None if number is None or number < 0 else number


def _duration(value: Any) -> float | None:
    if isinstance(value, str):
        return seconds_in(value) or None
    return float(value) if _is_number(value) and value > 0 else None


def _names(value: Any) -> tuple[str, ...] | None:
    """Names of locks, each once and in order: so no two calls wait for each other."""
    if not isinstance(value, list) or not all(isinstance(name, str) and name for name in value):
        return None
    return tuple(sorted(set(value)))


def _whole(value: Any) -> int | None:
    return int(value) if _is_number(value) and value == int(value) and value >= 0 else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_KINDS: Mapping[str, tuple[Callable[[Any], Any], str]] = {
    "cpus": (_processors, "a number of processors that is more than 0"),
    "memory": (_octets, "an amount of memory such as 4GB or 512MiB, or a number of bytes"),
    "gpus": (_count, "a whole number of graphics processors"),
    "walltime": (_duration, "a duration such as 30m, 1.5h or 2d that is more than 0"),
    "locks": (_names, "a list of names, such as [archive]"),
}
