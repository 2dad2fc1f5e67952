"""One level of a picture: boxes and edges to places and curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from radps_dag.diagram.layered.coordinates import spread
from radps_dag.diagram.layered.geometry import Point, Spline, bend, corner_path, line, swapped
from radps_dag.diagram.layered.ladder import Edge, Ladder, Layers, assign, climb
from radps_dag.diagram.layered.ordering import untangle
from radps_dag.diagram.layered.turns import LEAD, TRACK, around, turns
from radps_dag.diagram.options import Direction

__all__ = ["Arrangement", "Direction", "Spacing", "arrange"]

Size = tuple[float, float]
Arrow = tuple[str, str, str]  # source, target, kind


@dataclass(frozen=True, slots=True)
class Spacing:
    """Free space: between layers, between boxes of a layer, beside the way of an edge, and between
    two such ways."""

    layers: float = 36.0
    boxes: float = 26.0
    wires: float = 11.0
    between_wires: float = 4.0


@dataclass(frozen=True, slots=True)
class Arrangement:
    """Places of one level: the left upper corner of each box, and the curve of each edge."""

    width: float
    height: float
    at: Mapping[str, Point]
    curves: Mapping[Arrow, Spline]


def arrange(
    sizes: Mapping[str, Size],
    arrows: Sequence[Arrow],
    direction: Direction,
    most: float,
    cost: Callable[[float, float], float] | None,
    spacing: Spacing,
) -> Arrangement:
    """The boxes in layers along `direction`, none wider (across it) than `most` if that can be.

    `cost` says how bad a width and a height are: a flow that is too long for its width turns.
    Without it, none does.
    """
    if not sizes:
        return Arrangement(0.0, 0.0, {}, {})
    across = direction == "right"
    boxes = [(h, w) if across else (w, h) for w, h in sizes.values()]
    number = {name: index for index, name in enumerate(sizes)}
    edges = [(number[source], number[target], kind) for source, target, kind in arrows]

    def flow_cost(width: float, height: float) -> float:
        if cost is None:
            return 0.0
        return cost(height, width) if across else cost(width, height)

    ladder = _ladder(boxes, edges, most, flow_cost, spacing)
    plan = _Plan(ladder, untangle(ladder), boxes, spacing)
    at = {name: plan.corner(index) for name, index in number.items()}
    curves = {
        arrow: plan.curve(ladder.ways[edge]) for arrow, edge in zip(arrows, edges, strict=True)
    }
    if not across:
        return Arrangement(plan.width, plan.height, at, curves)
    return Arrangement(
        plan.height,
        plan.width,
        {name: (y, x) for name, (x, y) in at.items()},
        {arrow: swapped(curve) for arrow, curve in curves.items()},
    )


def _ladder(
    boxes: Sequence[Size],
    edges: Sequence[Edge],
    most: float,
    cost: Callable[[float, float], float],
    spacing: Spacing,
) -> Ladder:
    widths = [width for width, _ in boxes]
    layer = assign([width + spacing.boxes for width in widths], edges, most)
    wide = [0.0] * (max(layer) + 1)
    high = [0.0] * (max(layer) + 1)
    for (width, height), at in zip(boxes, layer, strict=True):
        wide[at] += width + spacing.boxes
        high[at] = max(high[at], height + spacing.layers)
    ends = {(source, kind): layer[source] for source, _, kind in edges}
    for source, target, kind in edges:
        ends[source, kind] = max(ends[source, kind], layer[target])
    passing = [0] * (len(wide) + 1)
    for (source, _), end in ends.items():
        passing[layer[source]] += 1
        passing[end] -= 1
    return climb(layer, widths, edges, turns(wide, high, list(accumulate(passing)), cost))


class _Plan:
    """Coordinates of a ladder's vertices, for a flow downwards."""

    def __init__(
        self, ladder: Ladder, layers: Layers, boxes: Sequence[Size], spacing: Spacing
    ) -> None:
        self.ladder, self.layers, self.boxes, self.spacing = ladder, layers, boxes, spacing
        self.layer_of = {vertex: at for at, layer in enumerate(layers) for vertex in layer}
        self.place_of = {vertex: at for layer in layers for at, vertex in enumerate(layer)}
        self.x: dict[int, float] = {}
        self.top = [0.0] * len(layers)
        self.bottom = [0.0] * len(layers)
        self.right: dict[int, float] = {}  # of the column that ends with this layer
        self.width = self.height = 0.0
        self._place_columns()

    def _place_columns(self) -> None:
        ends = [*sorted(self.ladder.turns), len(self.layers) - 1]
        start = 0
        top = max((self._tracks(turn) for turn in self.ladder.turns), default=0.0)
        turned = len(ends) > 1
        left = 0.0
        for end in ends:
            run = self.layers[start : end + 1]
            places = spread(self.ladder, run, self._gap)
            self.x.update((vertex, left + x) for vertex, x in places.items())
            width = max((x + self.ladder.width[v] / 2 for v, x in places.items()), default=0.0)
            # The boxes of all columns start at one height: the others' edges come in above.
            self._stack(start, end, top + (self.spacing.layers if turned and not start else 0.0))
            self.right[end] = self.width = left + width
            below = self.bottom[end]
            if end in self.ladder.turns:
                left += width + self._tracks(end) + LEAD
                below += self._tracks(end)
            self.height = max(self.height, below)
            start = end + 1

    def _tracks(self, turn: int) -> float:
        return LEAD + TRACK * len(self.layers[turn])

    def _stack(self, start: int, end: int, top: float) -> None:
        """The heights of the layers of one column."""
        for number in range(start, end + 1):
            high = max((self._box_height(vertex) for vertex in self.layers[number]), default=0.0)
            self.top[number], self.bottom[number] = top, top + high
            top += high + (self._layer_gap(number) if number < end else 0.0)

    def _layer_gap(self, number: int) -> float:
        """More where an edge goes far aside: it would else be too flat to follow."""
        aside = max(
            (
                abs(self.x[vertex] - self.x[lower])
                for vertex in self.layers[number]
                for lower in self.ladder.down[vertex]
            ),
            default=0.0,
        )
        return self.spacing.layers + min(48.0, 0.06 * aside)

    def _box_height(self, vertex: int) -> float:
        return self.boxes[vertex][1] if self.ladder.is_box(vertex) else 0.0

    def _gap(self, left: int, right: int) -> float:
        count = self.ladder.is_box(left) + self.ladder.is_box(right)
        return (self.spacing.between_wires, self.spacing.wires, self.spacing.boxes)[count]

    def corner(self, box: int) -> Point:
        return (self.x[box] - self.boxes[box][0] / 2, self.top[self.layer_of[box]])

    def curve(self, way: Sequence[int]) -> Spline:
        """Straight beside the boxes of a layer, bent only where there are none: between layers."""
        source = way[0]
        at = (self.x[source], self.top[self.layer_of[source]] + self._box_height(source))
        spline: list[Point] = [at]
        for here, there in pairwise(way):
            number = self.layer_of[here]
            leave = (self.x[here], self.bottom[number])
            arrive = (self.x[there], self.top[number + 1])
            if leave[1] > at[1]:
                spline += line(at, leave)
            if number in self.ladder.turns:
                count = len(self.layers[number])
                right = self.right[number]
                corners = around(leave, arrive, self.place_of[here], count, right)
                spline += corner_path(corners)
            elif abs(leave[0] - arrive[0]) < 0.5:
                spline += line(leave, arrive)
            else:
                # The last bit is straight, so that an arrow's head looks where its line goes.
                straight = 9.0 if self.ladder.is_box(there) else 0.0
                before = (arrive[0], arrive[1] - straight)
                spline += bend(leave, before)
                if straight:
                    spline += line(before, arrive)
            at = arrive
        return tuple(spline)
