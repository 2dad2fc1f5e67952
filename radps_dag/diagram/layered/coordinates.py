"""Ordered layers to coordinates across the flow, after Brandes and Köpf (2002).

Each vertex is aligned with the middle one of its neighbours in the layer above (or below), from the
left (or the right): four layouts, each as narrow as its alignments allow. The middle of the four is
balanced, and the ways of long edges, which are aligned first, stay straight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from radps_dag.diagram.layered.ladder import Ladder, Layers

__all__ = ["spread"]

Gap = Callable[[int, int], float]
Places = dict[int, float]


def spread(ladder: Ladder, layers: Layers, gap: Gap) -> Places:
    """The centre of each vertex of `layers` (a run of the ladder's), from 0 on.

    `gap` is the free space between two neighbours.
    """
    inside = {vertex for layer in layers for vertex in layer}
    near = {
        True: _kept(ladder.up, inside),
        False: _kept(ladder.down, inside),
    }
    conflicts = _conflicts(ladder, layers, near[True])
    found: list[tuple[Places, bool]] = []
    for downwards in (True, False):
        for from_left in (True, False):
            run = layers if downwards else layers[::-1]
            if not from_left:
                run = [layer[::-1] for layer in run]
            root = _align(run, near[downwards], conflicts)
            places = _compact(run, root, ladder.width, gap)
            if not from_left:
                places = {vertex: -place for vertex, place in places.items()}
            found.append((places, from_left))
    return _balance(found, ladder.width)


def _kept(near: list[list[int]], inside: set[int]) -> dict[int, list[int]]:
    return {vertex: [other for other in near[vertex] if other in inside] for vertex in inside}


def _conflicts(ladder: Ladder, layers: Layers, up: dict[int, list[int]]) -> set[tuple[int, int]]:
    """Steps that cross a step of a long edge: they give way, so that long edges are straight."""
    found: set[tuple[int, int]] = set()
    for upper, lower in pairwise(layers):
        place = {vertex: index for index, vertex in enumerate(upper)}
        left, scanned = 0, 0
        for index, vertex in enumerate(lower):
            straight = None if ladder.is_box(vertex) else up[vertex][0]
            inner = straight is not None and not ladder.is_box(straight)
            if not inner and index < len(lower) - 1:
                continue
            right = place[straight] if straight is not None and inner else len(upper)
            for other in lower[scanned : index + 1]:
                for above in up[other]:
                    both_wires = not ladder.is_box(above) and not ladder.is_box(other)
                    if not left <= place[above] <= right and not both_wires:
                        found.add((above, other))
            scanned, left = index + 1, right
    return found


def _align(
    layers: Layers, near: dict[int, list[int]], conflicts: set[tuple[int, int]]
) -> dict[int, int]:
    """The first vertex of the block that each vertex belongs to."""
    place = {vertex: index for layer in layers for index, vertex in enumerate(layer)}
    root = {vertex: vertex for vertex in place}
    for layer in layers:
        last = -1
        for vertex in layer:
            others = sorted(near[vertex], key=place.__getitem__)
            for middle in sorted({(len(others) - 1) // 2, len(others) // 2}) if others else ():
                other = others[middle]
                crossed = (other, vertex) in conflicts or (vertex, other) in conflicts
                if root[vertex] != vertex or crossed or place[other] <= last:
                    continue
                root[vertex] = root[other]
                last = place[other]
    return root


def _compact(layers: Layers, root: dict[int, int], width: Sequence[float], gap: Gap) -> Places:
    """The blocks as far left as they go, then as close to what is right of them as they go."""
    after: dict[int, dict[int, float]] = {block: {} for block in root.values()}
    count = dict.fromkeys(after, 0)
    for layer in layers:
        for left, right in pairwise(layer):
            room = (width[left] + width[right]) / 2 + gap(left, right)
            blocks = after[root[left]]
            if root[right] not in blocks:
                count[root[right]] += 1
            blocks[root[right]] = max(blocks.get(root[right], 0.0), room)
    places = dict.fromkeys(after, 0.0)
    order = [block for block, waiting in count.items() if not waiting]
    for block in order:
        for other, room in after[block].items():
            places[other] = max(places[other], places[block] + room)
            count[other] -= 1
            if not count[other]:
                order.append(other)
    for block in reversed(order):
        if after[block]:
            places[block] = min(places[other] - room for other, room in after[block].items())
    return {vertex: places[block] for vertex, block in root.items()}


def _balance(found: list[tuple[Places, bool]], width: Sequence[float]) -> Places:
    """The middle of the four layouts, each moved to an edge of the narrowest."""
    bounds = [
        (
            min(place - width[vertex] / 2 for vertex, place in places.items()),
            max(place + width[vertex] / 2 for vertex, place in places.items()),
        )
        for places, _ in found
    ]
    narrow = min(bounds, key=lambda bound: bound[1] - bound[0])
    shifts = [
        narrow[0] - bound[0] if from_left else narrow[1] - bound[1]
        for bound, (_, from_left) in zip(bounds, found, strict=True)
    ]
    middle: Places = {}
    for vertex in found[0][0]:
        four = sorted(
            places[vertex] + shift for (places, _), shift in zip(found, shifts, strict=True)
        )
        middle[vertex] = (four[1] + four[2]) / 2
    start = min(place - width[vertex] / 2 for vertex, place in middle.items())
    return {vertex: place - start for vertex, place in middle.items()}
