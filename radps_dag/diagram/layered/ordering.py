"""The order within layers that makes few edges cross."""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import pairwise

from radps_dag.diagram.layered.ladder import Ladder, Layers

__all__ = ["crossings", "untangle"]

# Sweeps cost time in proportion to the picture; large ones get fewer.
SWEEPS = 10
WORK = 120_000


def untangle(ladder: Ladder) -> Layers:
    """The ladder's layers, in an order with few crossings; the file's where it is free."""
    order = _start(ladder)
    best, fewest = [list(layer) for layer in order], _all_crossings(ladder, order)
    size = sum(map(len, ladder.down)) + len(ladder.width)
    for sweep in range(max(2, min(SWEEPS, WORK // max(size, 1)))):
        if not fewest:
            break
        _sweep(ladder, order, downwards=sweep % 2 == 0)
        count = _all_crossings(ladder, order)
        if count < fewest:
            best, fewest = [list(layer) for layer in order], count
    for turn in ladder.turns:
        # What goes around the turn keeps its order, so that the lines there need not cross.
        best[turn + 1] = [ladder.down[vertex][0] for vertex in best[turn]]
    return best


def _start(ladder: Ladder) -> Layers:
    """The order of the file, each passing edge beside where it comes from."""
    rank: dict[int, float] = {}
    order = []
    for layer in ladder.layers:
        for vertex in layer:
            above = [rank[upper] for upper in ladder.up[vertex]]
            # What waits for nothing stands near what precedes it in the file.
            rank[vertex] = sum(above) / len(above) if above else rank.get(vertex - 1, 0.0)
        ordered = sorted(layer, key=lambda vertex: (rank[vertex], vertex))
        for place, vertex in enumerate(ordered):
            rank[vertex] = float(place)
        order.append(ordered)
    return order


def _sweep(ladder: Ladder, order: Layers, downwards: bool) -> None:
    near = ladder.up if downwards else ladder.down
    numbers = range(1, len(order)) if downwards else range(len(order) - 2, -1, -1)
    for number in numbers:
        fixed = order[number - 1 if downwards else number + 1]
        place = {vertex: index for index, vertex in enumerate(fixed)}
        centre = {}
        for index, vertex in enumerate(order[number]):
            places = [place[other] for other in near[vertex]]
            centre[vertex] = sum(places) / len(places) if places else float(index)
        order[number].sort(key=lambda vertex: centre[vertex])
        _swap(order[number], place, near)


def _swap(layer: list[int], place: dict[int, int], near: list[list[int]]) -> None:
    """Change neighbours over where that alone saves crossings."""
    ends = {vertex: sorted(place[other] for other in near[vertex]) for vertex in layer}
    for _ in range(2):
        for index in range(len(layer) - 1):
            left, right = ends[layer[index]], ends[layer[index + 1]]
            if left and right and left[-1] > right[0] and _cross(left, right) > _cross(right, left):
                layer[index], layer[index + 1] = layer[index + 1], layer[index]


def _cross(left: list[int], right: list[int]) -> int:
    """Count the crossings of the edges of two neighbours, by the sorted places of their other
    ends.
    """
    return sum(len(left) - bisect_right(left, end) for end in right)


def _all_crossings(ladder: Ladder, order: Layers) -> int:
    return sum(crossings(ladder, upper, lower) for upper, lower in pairwise(order))


def crossings(ladder: Ladder, upper: list[int], lower: list[int]) -> int:
    """Count the crossings of edges between two ordered layers."""
    place = {vertex: index for index, vertex in enumerate(lower)}
    seen: list[int] = []
    count = 0
    for vertex in upper:
        ends = sorted(place[other] for other in ladder.down[vertex])
        for end in ends:
            count += len(seen) - bisect_right(seen, end)
        for end in ends:
            insort(seen, end)
    return count
