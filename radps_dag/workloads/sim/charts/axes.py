"""Axes and what is plotted in them: numbers to places on the page, ticks, labels, a grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.lettering.text import clean, shorten
from radps_dag.workloads.sim.charts.marks import (
    AXIS,
    GRID,
    INK,
    MUTED,
    rectangle,
    segment,
    width_of,
    words,
)
from radps_dag.workloads.sim.charts.ticks import labels, linear_ticks, log_ticks
from radps_dag.workloads.sim.visibilities import Floats

__all__ = ["LEAST", "TICK_SIZE", "Axis", "Frame", "around"]

TICK_SIZE = 10.0
LEAST = 1e-290  # that a logarithmic axis shows: less cannot be divided any more
_NAME_SIZE = 11.0
_APART = 8.0  # between two labels


@dataclass(frozen=True, slots=True)
class Axis:
    """A range of numbers, left to right or bottom to top; it may run backwards.

    Attributes:
        first, last: the numbers at its ends
        name: with the unit
        scale: linear or logarithmic
        at: where the ticks are, if not where round numbers are
    """

    first: float
    last: float
    name: str = ""
    scale: Literal["linear", "log"] = "linear"
    at: tuple[float, ...] = ()

    def share(self, values: Floats | Sequence[float]) -> NDArray[np.float64]:
        """How far along the axis numbers are: 0 at its first, 1 at its last."""
        numbers = np.asarray(values, dtype=np.float64)
        if self.scale == "log":
            with np.errstate(divide="ignore", invalid="ignore"):
                numbers = np.log10(numbers)
            first, last = np.log10(self.first), np.log10(self.last)
        else:
            first, last = self.first, self.last
        shares: NDArray[np.float64] = (numbers - first) / (last - first)
        return shares

    def ticks(self, most: int) -> list[float]:
        """At most so many round numbers, from low to high."""
        if self.at:
            return list(self.at)
        low, high = sorted((self.first, self.last))
        return (log_ticks if self.scale == "log" else linear_ticks)(low, high, most)


def around(
    values: Floats, margin: float = 0.08, *, least: float = 0.0, log: bool = False
) -> tuple[float, float]:
    """A range with some room about the numbers (of any shape) that are finite, and of a length that
    is more than nothing, at least `least`."""
    good = np.asarray(values, dtype=np.float64)
    good = good[np.isfinite(good)]
    if log:
        good = good[good >= LEAST]
        low, high = (float(good.min()), float(good.max())) if good.size else (0.1, 1.0)
        room = max((high / low) ** margin, 1.2)
        return low / room, high * room
    low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 1.0)
    smallest = max(least, 1e-6 * max(abs(low), abs(high)), 1e-30)
    room = max(margin * (high - low), (smallest - (high - low)) / 2)
    return low - room, high + room


@dataclass(frozen=True, slots=True)
class Frame:
    """A rectangle of the page with axes."""

    left: float
    top: float
    width: float
    height: float
    x: Axis
    y: Axis

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Where it ends."""
        return self.top + self.height

    def across(self, values: Floats | Sequence[float]) -> NDArray[np.float64]:
        """Places on the page of numbers of the x axis."""
        return self.left + self.width * self.x.share(values)

    def down(self, values: Floats | Sequence[float]) -> NDArray[np.float64]:
        """Places on the page of numbers of the y axis."""
        return self.bottom - self.height * self.y.share(values)

    def background(self, grid: bool = True) -> Iterator[str]:
        """White, with a grid."""
        yield rectangle(self.left, self.top, self.width, self.height, fill="#ffffff")
        if grid:
            for x in self.across(self._x_ticks()[0]).tolist():
                yield segment(x, self.top, x, self.bottom)
            yield from self.levels()

    def levels(self) -> Iterator[str]:
        """A line across at each tick of the y axis."""
        for y in self.down(self._y_ticks()).tolist():
            yield segment(self.left, y, self.right, y, GRID)

    def edge(self, name: str = "") -> Iterator[str]:
        """The frame around what was drawn, and a name above it."""
        yield rectangle(self.left, self.top, self.width, self.height, stroke=AXIS)
        if name:
            name = shorten(clean(name), self.width, 11, "SemiBold")
            yield words(self.left, self.top - 5, name, 11, weight="SemiBold")

    def x_labels(self) -> Iterator[str]:
        """Ticks and labels below, the name of the axis under them."""
        for tick, text, centre in zip(*self._x_ticks(), strict=True):
            x = float(self.across([tick])[0])
            yield segment(x, self.bottom, x, self.bottom + 3, AXIS)
            yield words(centre, self.bottom + 14, text, TICK_SIZE, anchor="middle", colour=MUTED)
        if self.x.name:
            middle = self.left + self.width / 2
            yield words(
                middle, self.bottom + 30, self.x.name, _NAME_SIZE, anchor="middle", colour=INK
            )

    def y_labels(self, away: float = 44.0) -> Iterator[str]:
        """Ticks and labels to the left, the name of the axis so far away beside them."""
        ticks = self._y_ticks()
        for y, text in zip(self.down(ticks).tolist(), labels(ticks), strict=True):
            yield segment(self.left - 3, y, self.left, y, AXIS)
            # Within the frame's height, so that frames may stand on each other.
            middle = min(max(y + 3.5, self.top + 7.5), self.bottom + 0.5)
            yield words(self.left - 6, middle, text, TICK_SIZE, anchor="end", colour=MUTED)
        if self.y.name:
            x, y = self.left - away, self.top + self.height / 2
            yield words(x, y, self.y.name, _NAME_SIZE, anchor="middle", turned=True)

    def _y_ticks(self) -> list[float]:
        most = max(3, int(self.height / 20))
        # One tick alone says nothing of the scale.
        finer = (self.y.ticks(count) for count in range(most, most + 4))
        return next((ticks for ticks in finer if len(ticks) > 1), self.y.ticks(most))

    def _x_ticks(self) -> tuple[list[float], list[str], list[float]]:
        """Ticks, their labels, and where these are centred: as many as stand side by side."""
        for most in range(max(2, int(self.width / 30)), 2, -1):
            found = self._placed(self.x.ticks(most))
            if self.x.at or _apart(found[1], found[2]):
                return found
        ticks = self.x.ticks(2)
        found = self._placed(ticks)
        return found if _apart(found[1], found[2]) else self._placed(ticks[:1])

    def _placed(self, ticks: list[float]) -> tuple[list[float], list[str], list[float]]:
        texts, centres = labels(ticks), []
        for x, text in zip(self.across(ticks).tolist(), texts, strict=True):
            # Labels at the ends do not reach out to the frame beside this one.
            half = width_of(text, TICK_SIZE) / 2 - 2
            centres.append(min(max(x, self.left + half), self.right - half))
        return ticks, texts, centres


def _apart(texts: Sequence[str], centres: Sequence[float]) -> bool:
    boxes = sorted(
        (centre - width_of(text, TICK_SIZE) / 2, centre + width_of(text, TICK_SIZE) / 2)
        for text, centre in zip(texts, centres, strict=True)
    )
    pairs = pairwise(boxes)
    return all(left[1] + _APART <= right[0] for left, right in pairs)
