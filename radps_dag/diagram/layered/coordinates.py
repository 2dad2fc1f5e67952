"""Ordered layers to coordinates across the flow: boxes near their neighbours, long edges straight.

The vertices of a straight stretch are one unit and move as one. Units keep their distances, so
that every step is a valid layout.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from math import inf

from radps_dag.diagram.layered.ladder import Ladder, Layers

__all__ = ["spread"]

Gap = Callable[[int, int], float]
SWEEPS = 24
JOG = 16.0
PULL = 0.15  # to the middle of the picture, against an edge's 1


@dataclass(frozen=True, slots=True)
class _Units:
    """The units from left to right, the distances they keep, and the edges between them."""

    of: dict[int, int]  # each vertex's unit
    order: list[int]
    left: dict[int, dict[int, float]]
    right: dict[int, dict[int, float]]
    near: dict[int, list[int]]


def spread(ladder: Ladder, layers: Layers, gap: Gap) -> dict[int, float]:
    """The centre of each vertex of `layers` (a run of the ladder's), from 0 on.

    `gap` is the free space between two neighbours.
    """
    units = _units(ladder, layers, gap)
    at = _start(units)
    for sweep in range(SWEEPS):
        low, high = min(at.values(), default=0.0), max(at.values(), default=0.0)
        middle = (low + high) / 2
        # From the right first, what moves right makes room for what follows; then the other way.
        for unit in units.order if sweep % 2 else reversed(units.order):
            near = units.near[unit]
            wish = (sum(at[other] for other in near) + PULL * middle) / (len(near) + PULL)
            least, most = _room(units, at, unit)
            at[unit] = min(max(wish, least), most)
    for unit in units.order:
        _straighten(units, at, unit)
    start = min((at[u] - ladder.width[v] / 2 for v, u in units.of.items()), default=0.0)
    return {vertex: at[unit] - start for vertex, unit in units.of.items()}


def _room(units: _Units, at: dict[int, float], unit: int) -> tuple[float, float]:
    """The distance that a unit can move left and right while the others stay."""
    return (
        max((at[other] + distance for other, distance in units.left[unit].items()), default=-inf),
        min((at[other] - distance for other, distance in units.right[unit].items()), default=inf),
    )


def _straighten(units: _Units, at: dict[int, float], unit: int) -> None:
    """A small jog looks like a mistake: move to the nearest neighbour if that makes it go."""
    nearest = min(units.near[unit], key=lambda other: abs(at[other] - at[unit]), default=unit)
    least, most = _room(units, at, unit)
    if abs(at[nearest] - at[unit]) < JOG and least <= at[nearest] <= most:
        at[unit] = at[nearest]


def _units(ladder: Ladder, layers: Layers, gap: Gap) -> _Units:
    of = _straight(ladder, layers)
    names = dict.fromkeys(of.values())
    left: dict[int, dict[int, float]] = {unit: {} for unit in names}
    right: dict[int, dict[int, float]] = {unit: {} for unit in names}
    near: dict[int, list[int]] = {unit: [] for unit in names}
    for layer in layers:
        for vertex, neighbour in pairwise(layer):
            room = (ladder.width[vertex] + ladder.width[neighbour]) / 2 + gap(vertex, neighbour)
            room = max(room, right[of[vertex]].get(of[neighbour], 0.0))
            right[of[vertex]][of[neighbour]] = left[of[neighbour]][of[vertex]] = room
    for vertex, unit in of.items():
        for other in ladder.down[vertex]:
            if other in of and of[other] != unit:
                near[unit].append(of[other])
                near[of[other]].append(unit)
    return _Units(of, _sorted(left, right), left, right, near)


def _sorted(left: dict[int, dict[int, float]], right: dict[int, dict[int, float]]) -> list[int]:
    """The units so that each comes after those left of it."""
    waiting = {unit: len(others) for unit, others in left.items()}
    order = [unit for unit, count in waiting.items() if not count]
    for unit in order:
        for other in right[unit]:
            waiting[other] -= 1
            if not waiting[other]:
                order.append(other)
    return order


def _straight(ladder: Ladder, layers: Layers) -> dict[int, int]:
    """The unit of each vertex: its uppermost one.

    Straight are the ways of long edges and edges between boxes that have no other. No two straight
    steps cross, so that left and right are the same all the way down.
    """
    of = {vertex: vertex for layer in layers for vertex in layer}
    for upper, lower in pairwise(layers):
        place = {vertex: index for index, vertex in enumerate(upper)}
        steps = [
            (place[above], index, above, vertex)
            for index, vertex in enumerate(lower)
            for above in ladder.up[vertex]
            if above in place
        ]
        kept: list[tuple[int, int]] = []
        for wires in (True, False):
            for high, low, above, vertex in steps:
                wire = not ladder.is_box(above) and not ladder.is_box(vertex)
                alone = len(ladder.down[above]) == 1 and len(ladder.up[vertex]) == 1
                if wire is wires and (wire or alone) and _fits(kept, high, low):
                    insort(kept, (high, low))
                    of[vertex] = of[above]
    return of


def _fits(kept: list[tuple[int, int]], high: int, low: int) -> bool:
    """Whether a step crosses none of those kept."""
    index = bisect_left(kept, (high, low))
    before = index == 0 or (kept[index - 1][0] < high and kept[index - 1][1] < low)
    return before and (index == len(kept) or (kept[index][0] > high and kept[index][1] > low))


def _start(units: _Units) -> dict[int, float]:
    """Places to start from: halfway between as far left and as far right as the distances ask."""
    left = dict.fromkeys(units.order, 0.0)
    for unit in units.order:
        for other, distance in units.left[unit].items():
            left[unit] = max(left[unit], left[other] + distance)
    right = dict.fromkeys(units.order, max(left.values(), default=0.0))
    for unit in reversed(units.order):
        for other, distance in units.right[unit].items():
            right[unit] = min(right[unit], right[other] - distance)
    return {unit: (left[unit] + right[unit]) / 2 for unit in units.order}
