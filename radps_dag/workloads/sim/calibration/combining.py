"""Caltables of parts of an observation to one caltable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from radps_dag.workloads.sim.solutions import Caltable

__all__ = ["combine"]


def combine(tables: Sequence[Caltable]) -> Caltable:
    """All parts in the order of field, spw, scan and polarization.

    Of iterations of the same number the history keeps the largest change and the smallest snr.
    Raises ValueError where there is nothing to combine, or what there is does not go together.
    """
    if not tables:
        raise ValueError("no caltables to combine")
    first = tables[0]
    for table in tables:
        if table.type != first.type:
            raise ValueError(
                f"caltables of types {first.type} and {table.type} cannot be combined to one"
            )
        if table.antennas != first.antennas:
            raise ValueError("caltables of different antennas cannot be combined to one")
    parts = sorted(
        (part for table in tables for part in table.parts),
        key=lambda part: (part.field, part.spws, part.scan or 0, part.polarizations),
    )
    parameters: dict[str, Any] = {}
    for table in tables:
        for name, value in table.parameters.items():
            parameters[name] = _merged(parameters.get(name), value)
    longest = max(len(table.history) for table in tables)
    history = tuple(
        _worst([table.history[number] for table in tables if len(table.history) > number])
        for number in range(longest)
    )
    return Caltable(first.type, first.antennas, tuple(parts), parameters, history)


def _merged(before: Any, value: Any) -> Any:
    if isinstance(before, dict) and isinstance(value, dict):
        return {**before, **value}
    if isinstance(before, list) and isinstance(value, list):
        return sorted({*before, *value})
    return value if before is None else before


def _worst(entries: Sequence[dict[str, float]]) -> dict[str, float]:
    return {
        name: (min if name == "snr" else max)(entry[name] for entry in entries if name in entry)
        for name in entries[0]
    }
