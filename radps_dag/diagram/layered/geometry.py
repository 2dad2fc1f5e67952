"""Points and curves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

__all__ = [
    "Point",
    "Spline",
    "bend",
    "corner_path",
    "cubics",
    "line",
    "moved",
    "samples",
    "swapped",
]

Point = tuple[float, float]

# A start, and three points for each cubic Bézier curve after it: SVG's, Graphviz's and ours.
Spline = tuple[Point, ...]


def line(start: Point, end: Point) -> Spline:
    """The three points that continue a spline at `start` straight to `end`."""
    third = ((end[0] - start[0]) / 3, (end[1] - start[1]) / 3)
    return (
        (start[0] + third[0], start[1] + third[1]),
        (end[0] - third[0], end[1] - third[1]),
        end,
    )


def bend(start: Point, end: Point) -> Spline:
    """The three points of an S that leaves `start` and reaches `end` vertically."""
    middle = (start[1] + end[1]) / 2
    return ((start[0], middle), (end[0], middle), end)


def corner_path(points: list[Point], radius: float = 8.0) -> Spline:
    """The continuation of a spline along a line with right angles, its corners rounded."""
    spline: list[Point] = []
    at = points[0]
    for corner, after in pairwise(points[1:]):
        before = _towards(corner, at, radius)
        beyond = _towards(corner, after, radius)
        spline += line(at, before)
        spline += (
            ((before[0] + corner[0]) / 2, (before[1] + corner[1]) / 2),
            (
                (beyond[0] + corner[0]) / 2,
                (beyond[1] + corner[1]) / 2,
            ),
        )
        spline.append(beyond)
        at = beyond
    spline += line(at, points[-1])
    return tuple(spline)


def _towards(start: Point, end: Point, distance: float) -> Point:
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    share = min(distance, length / 2) / length if length else 0.0
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share)


def cubics(spline: Spline) -> Iterator[tuple[Point, Point, Point, Point]]:
    """The curves of a spline, each with its start."""
    for place in range(0, len(spline) - 3, 3):
        yield spline[place], spline[place + 1], spline[place + 2], spline[place + 3]


def samples(spline: Spline, step: float = 6.0) -> Iterator[Point]:
    """Points along a spline, about `step` apart or closer."""
    for p, q, r, s in cubics(spline):
        length = sum(
            abs(start[0] - end[0]) + abs(start[1] - end[1])
            for start, end in ((p, q), (q, r), (r, s))
        )
        count = max(1, int(length / step) + 1)
        for number in range(count + 1):
            t = number / count
            u = 1 - t
            a, b, c, d = u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t
            yield (
                a * p[0] + b * q[0] + c * r[0] + d * s[0],
                a * p[1] + b * q[1] + c * r[1] + d * s[1],
            )


def swapped(points: Iterable[Point]) -> Spline:
    """The points with x and y changed over: a flow downwards becomes one to the right."""
    return tuple((y, x) for x, y in points)


def moved(points: Iterable[Point], x: float, y: float) -> Spline:
    """Curve moved by (x, y)."""
    return tuple((px + x, py + y) for px, py in points)
