"""Turns of a long flow into its next column, and paths of its edges around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from radps_dag.diagram.layered.geometry import Point

__all__ = ["LEAD", "TRACK", "around", "turns"]

Cost = Callable[[float, float], float]

TRACK = 9.0  # between two edges that go around side by side
LEAD = 14.0  # between them and the boxes
COLUMNS = 16


def turns(
    widths: Sequence[float], heights: Sequence[float], passing: Sequence[int], cost: Cost
) -> frozenset[int]:
    """The layers after which to turn, or none if turning does not make the shape much better.

    `widths` and `heights` are those of the layers, `passing` how many edges go on below each.
    """
    best: tuple[int, ...] = ()
    lowest = 0.8 * cost(max(widths), sum(heights))
    for columns in range(2, min(COLUMNS, len(heights) // 2) + 1):
        ends = _split(heights, columns)
        starts = (0, *(end + 1 for end in ends))
        stops = (*(end + 1 for end in ends), len(heights))
        width = sum(max(widths[a:b]) for a, b in zip(starts, stops, strict=True))
        height = max(sum(heights[a:b]) for a, b in zip(starts, stops, strict=True))
        # Each turn makes the picture harder to follow: it has to be worth it.
        around = TRACK * sum(passing[end] for end in ends)
        value = cost(width + 50.0 * len(ends) + around, height + 40.0 + 2 * around)
        value *= 1 + 0.03 * len(ends) + 0.02 * sum(passing[end] for end in ends)
        if value < lowest:
            best, lowest = ends, value
    return frozenset(best)


def _split(heights: Sequence[float], columns: int) -> tuple[int, ...]:
    """The last layers of all columns but the last, for columns of about the same height."""
    share = sum(heights) / columns
    ends: list[int] = []
    done = 0.0
    for number, height in enumerate(heights[:-1]):
        done += height
        if done >= share * (len(ends) + 1) - height / 2 and len(ends) < columns - 1:
            ends.append(number)
    return tuple(ends)


def around(start: Point, end: Point, number: int, count: int, right: float) -> list[Point]:
    """The corners of edge `number` of `count` (from the left) from one column to the next.

    `right` is where the first column ends. The leftmost edge takes the outermost way down and the
    innermost way in, so that no two cross.
    """
    low = start[1] + LEAD + TRACK * (count - 1 - number)
    aside = right + LEAD + TRACK * (count - 1 - number)
    high = end[1] - LEAD - TRACK * number
    return [start, (start[0], low), (aside, low), (aside, high), (end[0], high), end]
