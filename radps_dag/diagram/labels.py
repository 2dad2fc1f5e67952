"""The names of outputs beside the edges that carry them, where there is room."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from radps_dag.diagram.layered.geometry import Point, cubics, samples
from radps_dag.diagram.layout import LABEL, Box, Curve, boxes, label_text
from radps_dag.fonts.text import clean, shorten, text_width

__all__ = ["Label", "labels"]

WIDEST = 118.0
HEIGHT = LABEL * 1.25
CELL = 32.0
Part = tuple[Point, Point, Point, Point]


@dataclass(frozen=True, slots=True)
class Label:
    """A text with the rectangle that it fills."""

    x: float
    y: float
    width: float
    height: float
    text: str


class _Taken:
    """Index of what is drawn already, in cells, so that a lookup costs the same everywhere."""

    def __init__(self) -> None:
        self.points: dict[tuple[int, int], list[Point]] = {}
        self.labels: dict[tuple[int, int], list[Label]] = {}

    def add_curve(self, curve: Curve) -> None:
        for x, y in samples(curve.spline):
            self.points.setdefault((int(x // CELL), int(y // CELL)), []).append((x, y))

    def add_label(self, label: Label) -> None:
        for cell in _cells(label):
            self.labels.setdefault(cell, []).append(label)

    def free(self, label: Label) -> bool:
        for cell in _cells(label):
            if any(_overlap(label, other) for other in self.labels.get(cell, ())):
                return False
            for x, y in self.points.get(cell, ()):
                beside = label.x - 2 <= x <= label.x + label.width + 2
                if beside and label.y - 1 <= y <= label.y + label.height + 1:
                    return False
        return True


def _cells(label: Label) -> Iterator[tuple[int, int]]:
    for column in range(int((label.x - 4) // CELL), int((label.x + label.width + 4) // CELL) + 1):
        for row in range(int((label.y - 4) // CELL), int((label.y + label.height + 4) // CELL) + 1):
            yield column, row


def _overlap(label: Label, other: Label) -> bool:
    return (
        label.x < other.x + other.width + 5
        and other.x < label.x + label.width + 5
        and label.y < other.y + other.height + 1
        and other.y < label.y + label.height + 1
    )


def labels(root: Box) -> tuple[Label, ...]:
    """The labels of all edges in a picture that have a free place."""
    return tuple(label for box in boxes(root) for label in _of_level(box))


def _of_level(box: Box) -> Iterator[Label]:
    named = [curve for curve in box.curves if curve.link.outputs]
    if not named:
        return
    taken = _Taken()
    for curve in box.curves:
        taken.add_curve(curve)
    walls = [Label(inner.x, inner.y, inner.width, inner.height, "") for inner in box.inside]
    for wall in walls:
        taken.add_label(wall)
    used = Counter(part for curve in box.curves for part in cubics(curve.spline))
    for curve in sorted(named, key=lambda curve: len(curve.spline)):
        label = _first_free(_candidates(curve, used), taken, box)
        if label is not None:
            taken.add_label(label)
            yield label


def _first_free(candidates: Iterable[Label], taken: _Taken, box: Box) -> Label | None:
    left, top, width, _ = box.outline
    bottom = max((inner.y + inner.height for inner in box.inside), default=top)
    low = min((inner.y for inner in box.inside), default=top)
    for label in candidates:
        inside = left + 4 <= label.x and label.x + label.width <= left + width - 4
        # Not above the first box: there stands the group's own text.
        if not inside or label.y < low or label.y + label.height > max(bottom, low):
            continue
        if taken.free(label):
            return label
    return None


def _candidates(curve: Curve, used: Mapping[Part, int]) -> Iterator[Label]:
    """Places along the edge, from its end back to its start: the reader's side comes first."""
    text = shorten(clean(label_text(curve.link)), WIDEST, LABEL)
    width = text_width(text, LABEL)
    for part in reversed(list(cubics(curve.spline))):
        start, _, _, end = part
        if used[part] > 1:
            continue  # It would seem to name what the other edges here carry, too.
        upright = abs(end[1] - start[1]) >= abs(end[0] - start[0])
        for share in (0.5, 0.75, 0.25, 1.0, 0.0):
            x = start[0] + (end[0] - start[0]) * share
            y = start[1] + (end[1] - start[1]) * share
            if upright:
                for left in (x + 6, x - 6 - width):
                    yield Label(left, y - HEIGHT / 2, width, HEIGHT, text)
            else:
                for top in (y - HEIGHT - 3, y + 4):
                    yield Label(x - width / 2, top, width, HEIGHT, text)
