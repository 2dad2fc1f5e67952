"""An acyclic graph to layers: every edge a chain of steps from one layer to the next."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

__all__ = ["Edge", "Ladder", "assign", "climb"]

Edge = tuple[int, int, str]  # source, target, and the kind: edges of one kind share their way
Layers = list[list[int]]

WIRE = 8.0  # the width that the way of an edge takes up beside boxes


@dataclass(frozen=True, slots=True)
class Ladder:
    """The vertices of each layer: the boxes, then the places where edges pass by boxes.

    Vertices below `boxes` are boxes. `ways` gives the vertices of each edge, from source to target.
    After each layer in `turns` the picture turns into its next column.
    """

    boxes: int
    layers: Layers
    width: list[float]
    up: list[list[int]]
    down: list[list[int]]
    ways: dict[Edge, tuple[int, ...]]
    turns: frozenset[int] = frozenset()

    def is_box(self, vertex: int) -> bool:
        """Whether the vertex is a box, not a place where an edge passes."""
        return vertex < self.boxes


def assign(widths: Sequence[float], edges: Sequence[Edge], most: float) -> list[int]:
    """The layer of each box: after all its sources, as early as there is room.

    A layer is full when its boxes are wider than `most`; what is left over goes one layer on, so
    that many independent boxes make a block instead of a line.
    """
    targets: list[list[int]] = [[] for _ in widths]
    waiting = [0] * len(widths)
    for source, target, _ in edges:
        targets[source].append(target)
        waiting[target] += 1
    layer = [0] * len(widths)
    filled: list[float] = []
    full_below: dict[int, int] = {}  # where to look first, so that many spills stay cheap
    ready = [box for box, count in enumerate(waiting) if not count]
    while ready:
        box = heapq.heappop(ready)
        at = first = layer[box]
        at = max(at, full_below.get(first, 0))
        while at < len(filled) and filled[at] and filled[at] + widths[box] > most:
            at += 1
        full_below[first] = at
        filled += [0.0] * (at + 1 - len(filled))
        filled[at] += widths[box]
        layer[box] = at
        for target in targets[box]:
            layer[target] = max(layer[target], at + 1)
            waiting[target] -= 1
            if not waiting[target]:
                heapq.heappush(ready, target)
    return _close(layer, edges, widths, filled, most)


def _close(
    layer: list[int],
    edges: Sequence[Edge],
    widths: Sequence[float],
    filled: list[float],
    most: float,
) -> list[int]:
    """Move the boxes that wait for nothing next to what waits for them."""
    has_source = {target for _, target, _ in edges}
    nearest: dict[int, int] = {}
    for source, target, _ in edges:
        nearest[source] = min(nearest.get(source, layer[target]), layer[target])
    for box, at in nearest.items():
        room = filled[at - 1] + widths[box] <= most
        if box not in has_source and at - 1 > layer[box] and room:
            filled[layer[box]] -= widths[box]
            filled[at - 1] += widths[box]
            layer[box] = at - 1
    used = {number: place for place, number in enumerate(sorted(set(layer)))}
    return [used[number] for number in layer]


def climb(
    layer: Sequence[int], widths: Sequence[float], edges: Sequence[Edge], turns: frozenset[int]
) -> Ladder:
    """The ladder of boxes in their layers.

    Edges of one kind out of one box (or into one) share the vertices they pass, like a bus: the
    picture has fewer lines, and their number grows with the boxes instead of the edges.
    """
    # Each turn adds two layers of nothing but passing edges, where the picture goes around.
    shift = [sum(2 for turn in turns if turn < number) for number in range(max(layer) + 1)]
    place = [number + shift[number] for number in layer]
    ladder = Ladder(
        boxes=len(widths),
        layers=[[] for _ in range(max(place) + 1)],
        width=list(widths),
        up=[[] for _ in widths],
        down=[[] for _ in widths],
        ways={},
        turns=frozenset(turn + shift[turn] + 1 for turn in turns),
    )
    for box, number in enumerate(place):
        ladder.layers[number].append(box)
    _lay_ways(ladder, edges, place)
    return ladder


def _lay_ways(ladder: Ladder, edges: Sequence[Edge], place: Sequence[int]) -> None:
    """Give every edge its vertices, and join them.

    A long edge shares with those that leave its source or with those that reach its target,
    whichever are more. Edges never change from one bus to another, so none is mistaken.
    """
    long = [edge for edge in edges if place[edge[1]] - place[edge[0]] > 1]
    leaving = Counter((source, kind) for source, _, kind in long)
    reaching = Counter((target, kind) for _, target, kind in long)
    wires: dict[tuple[str, int, str, int], int] = {}
    joined: set[tuple[int, int]] = set()
    for edge in edges:
        source, target, kind = edge
        shared = leaving[source, kind] >= reaching[target, kind]
        bus = ("from", source, kind) if shared else ("to", target, kind)
        way = [source]
        for layer in range(place[source] + 1, place[target]):
            if (*bus, layer) not in wires:
                wires[*bus, layer] = _wire(ladder, layer)
            way.append(wires[*bus, layer])
        way.append(target)
        for step in pairwise(way):
            if step not in joined:
                joined.add(step)
                ladder.down[step[0]].append(step[1])
                ladder.up[step[1]].append(step[0])
        ladder.ways[edge] = tuple(way)


def _wire(ladder: Ladder, layer: int) -> int:
    vertex = len(ladder.width)
    ladder.layers[layer].append(vertex)
    ladder.width.append(WIRE)
    ladder.up.append([])
    ladder.down.append([])
    return vertex
