"""Brightness to shares of a colour map, and to the ticks of its bar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import asinh

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.colours import Map
from radps_dag.workloads.sim.charts.marks import AXIS, MUTED, picture, rectangle, segment, words
from radps_dag.workloads.sim.charts.ticks import labels, linear_ticks, scientific
from radps_dag.workloads.sim.visibilities import Floats

__all__ = ["Stretch", "bar"]

_APART = 15.0  # between the labels of a bar


@dataclass(frozen=True, slots=True)
class Stretch:
    """From low to high, in a line, or as asinh(value / soft), which is logarithmic above `soft`
    (Lupton et al. 1999, AJ 118, 1406)."""

    low: float
    high: float
    soft: float = 0.0

    def share(self, values: Floats) -> NDArray[np.float64]:
        """0 at low and below, 1 at high and above."""
        numbers = np.asarray(values, dtype=np.float64)
        low, high = self.low, self.high
        if self.soft:
            numbers = np.arcsinh(numbers / self.soft)
            low, high = asinh(low / self.soft), asinh(high / self.soft)
        shares: NDArray[np.float64] = np.clip((numbers - low) / (high - low), 0.0, 1.0)
        return shares

    def ticks(self, length: float) -> list[float]:
        """Round numbers whose labels stand apart on a bar of this length."""
        if not self.soft:
            return linear_ticks(self.low, self.high, max(3, int(length / 34)))
        size = max(abs(self.low), abs(self.high))
        top = int(np.floor(np.log10(size)))
        # Round numbers first: of those too near to one that is there already, none is taken.
        wanted = [0.0]
        for digits in ((1,), (2, 5)):
            for power in range(top, top - 4, -1):
                wanted += [s * float(f"{d}e{power}") for d in digits for s in (1, -1)]
        taken: list[float] = []
        for tick in wanted:
            places = self.share(np.array([tick, *taken])) * length
            inside = self.low <= tick <= self.high
            if inside and np.all(np.abs(places[1:] - places[0]) >= _APART):
                taken.append(tick)
        return sorted(taken)


def bar(left: float, top: float, height: float, stretch: Stretch, colours: Map) -> Iterator[str]:
    """A colour bar, upright, with its labels to the right."""
    shares = np.linspace(1.0, 0.0, 97)[:, np.newaxis]
    yield picture(left, top, 11, height, colours(shares), "colour bar")
    yield rectangle(left, top, 11, height, stroke=AXIS)
    ticks = stretch.ticks(height)
    places = top + height * (1 - stretch.share(np.array(ticks)))
    texts = _labels(ticks) if stretch.soft else labels(ticks)
    for y, text in zip(places.tolist(), texts, strict=True):
        yield segment(left + 11, y, left + 14, y, AXIS)
        yield words(left + 17, y + 3.5, text, 10, colour=MUTED)


def _labels(ticks: list[float]) -> list[str]:
    return [
        scientific(tick) if abs(tick) < 1e-3 else f"{tick:g}".replace("-", "\N{MINUS SIGN}")
        for tick in ticks
    ]
