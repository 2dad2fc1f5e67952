"""A caltable to a picture: each antenna in a frame of its own, all with the same axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from radps_dag.workloads.sim.charts.axes import Axis, Frame, around
from radps_dag.workloads.sim.charts.curves import (
    Curve,
    Quantity,
    curves,
    is_spectral,
    quantities,
    series_of,
)
from radps_dag.workloads.sim.charts.marks import MUTED, Style, crosses, line, points, style, words
from radps_dag.workloads.sim.charts.page import HEADER, legend, page, to_png
from radps_dag.workloads.sim.charts.positions import positions_svg
from radps_dag.workloads.sim.solutions import Caltable

__all__ = ["solutions_picture", "solutions_svg"]

_WIDTH = 940.0
_LEFT, _RIGHT, _BETWEEN = 62.0, 18.0, 12.0
_MOST_ANTENNAS = 36
# Solutions of so many times or channels have large markers, and are joined: lines through the noise
# of more would hide each other, and make large files.
_MOST_LARGE, _MOST_JOINED = 20, 40
_LANE, _MOST_LANES = 5.5, 4  # of crosses
_TITLES = {
    "antenna_positions": "Antenna positions",
    "tsys": "System temperatures",
    "wvr": "Phases seen by the water-vapour radiometers",
    "phase_up": "Phases before the bandpass",
    "bandpass": "Bandpass",
    "gains": "Gains",
    "flux_scale": "Gains on the flux scale",
    "selfcal": "Self-calibration gains",
}
# Ranges of phases in degrees, each with its ticks.
_PHASES = (
    (5.0, (-5.0, 0.0, 5.0)),
    (10.0, (-10.0, 0.0, 10.0)),
    (20.0, (-20.0, 0.0, 20.0)),
    (45.0, (-45.0, 0.0, 45.0)),
    (90.0, (-90.0, 0.0, 90.0)),
    (180.0, (-180.0, -90.0, 0.0, 90.0, 180.0)),
)


def solutions_picture(table: Caltable) -> bytes:
    """A PNG of the solutions; flagged ones are marked at the bottom."""
    return to_png(solutions_svg(table))


def solutions_svg(table: Caltable) -> str:
    """The solutions as SVG.

    Raises ValueError for a caltable without solutions, or with ones that are no numbers.
    """
    if table.type == "antenna_positions":
        return positions_svg(table)
    if not table.antennas or not any(part.gain.size for part in table.parts):
        raise ValueError(f"the caltable of type {table.type} has no solutions to draw")
    shown = min(len(table.antennas), _MOST_ANTENNAS)
    drawn = [curves(table, antenna) for antenna in range(shown)]
    names, styles = _series(table)
    flagged = any(curve.flag.any() for antenna in drawn for curve in antenna)
    key, taken = legend(16, HEADER, _WIDTH - 32, list(zip(names, styles, strict=True)), flagged)
    sheet = _Sheet(table, drawn, styles, HEADER + taken + 24)
    parts = [*key, *sheet.frames()]
    return page(_WIDTH, sheet.bottom, _title(table), _subtitle(table, shown), parts)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Where the frames are: antennas in rows, of each antenna one frame for each quantity."""

    table: Caltable
    drawn: Sequence[Sequence[Curve]]
    styles: Sequence[Style]
    top: float

    @property
    def columns(self) -> int:
        """How many antennas are side by side."""
        count = len(self.drawn)
        if count <= 3:
            return count
        return 3 if count <= 9 else min(6, 4 if count <= 16 else ceil(count**0.5))

    @property
    def rows(self) -> int:
        """How many are above each other."""
        return ceil(len(self.drawn) / self.columns)

    @property
    def height(self) -> float:
        """Of a frame."""
        several = len(quantities(self.table)) > 1
        return {1: 170.0, 2: 110.0}.get(self.rows, 84.0) if several else 130.0

    @property
    def bottom(self) -> float:
        """Where the page ends."""
        return self.top + self.rows * self._step() + 12

    def _step(self) -> float:
        """From one antenna to the one below."""
        return len(quantities(self.table)) * (self.height + 6) + 28

    def lane(self, curve: Curve) -> int:
        """Where its crosses are, so that those of other series at the same places are seen."""
        # Spectral windows are side by side, if it is against frequency.
        series = series_of(self.table)
        one = [name for _, name in series] if is_spectral(self.table) else series
        return list(dict.fromkeys(one)).index(one[curve.series]) % _MOST_LANES

    def lanes(self) -> list[int]:
        """Those that are used."""
        return sorted({self.lane(one) for each in self.drawn for one in each if one.flag.any()})

    def frames(self) -> Iterator[str]:
        """All of them."""
        width = _WIDTH - _LEFT - _RIGHT - _BETWEEN * (self.columns - 1)
        width /= self.columns
        x = self._x()
        lanes = self.lanes()
        taken = (4 + _LANE * len(lanes) if lanes else 0.0) / self.height
        limits = [
            _limits(quantity, self.drawn, 0.0 if which else taken)
            for which, quantity in enumerate(quantities(self.table))
        ]
        for number, antenna in enumerate(self.drawn):
            row, column = divmod(number, self.columns)
            left = _LEFT + column * (width + _BETWEEN)
            top = self.top + row * self._step()
            lowest = number + self.columns >= len(self.drawn)
            for which, (quantity, y) in enumerate(zip(quantities(self.table), limits, strict=True)):
                above = top + which * (self.height + 6)
                frame = Frame(left, above, width, self.height, x, y)
                yield from self._frame(frame, quantity, antenna)
                if not which:
                    yield from self._flagged(frame, antenna)
                yield from frame.edge("" if which else self.table.antennas[number])
                if column == 0:
                    yield from frame.y_labels(42)
                if lowest and which == len(limits) - 1:
                    yield from frame.x_labels()
        yield words(_WIDTH / 2, self.bottom - 12, self._x_name(), 11, anchor="middle")

    def _x_name(self) -> str:
        if is_spectral(self.table):
            return "frequency (GHz)"
        return "time since the first solution (min)"

    def _x(self) -> Axis:
        values = np.concatenate([curve.x for antenna in self.drawn for curve in antenna])
        if is_spectral(self.table):
            return Axis(*around(values, 0.03, least=1e-3))
        return Axis(*around(values, 0.05, least=0.2))

    def _frame(self, frame: Frame, quantity: Quantity, antenna: Sequence[Curve]) -> Iterator[str]:
        yield from frame.background()
        if all(curve.flag.all() for curve in antenna):
            middle = (frame.left + frame.width / 2, frame.top + frame.height / 2 + 4)
            yield words(*middle, "all flagged", 11, anchor="middle", colour=MUTED)
            return
        many = max(curve.x.size for curve in antenna)
        for curve in antenna:
            drawn = self.styles[curve.series]
            x = frame.across(curve.x)
            values = np.where(curve.flag, np.nan, quantity.of(curve.gain))
            y = frame.down(values)
            breaks: list[int] = []
            if "phase" in quantity.name:
                # Through 180 degrees the line would cross the frame.
                breaks = (np.flatnonzero(np.abs(np.diff(values)) > 180.0) + 1).tolist()
            if many <= _MOST_JOINED:
                yield line(x, y, drawn, 1.1, breaks=breaks)
            yield points(x, y, drawn, 2.4 if many <= _MOST_LARGE else 1.3)

    def _flagged(self, frame: Frame, antenna: Sequence[Curve]) -> Iterator[str]:
        lanes = self.lanes()
        if all(curve.flag.all() for curve in antenna):
            return
        for curve in antenna:
            if curve.flag.any():
                y = frame.bottom - 5 - _LANE * lanes.index(self.lane(curve))
                colour = self.styles[curve.series].colour
                yield crosses(frame.across(curve.x[curve.flag]), y, colour, 2.0)


def _limits(quantity: Quantity, drawn: Sequence[Sequence[Curve]], below: float) -> Axis:
    """The y axis of a quantity, that share of it left free at the bottom."""
    good = [curve.gain[~curve.flag] for antenna in drawn for curve in antenna]
    values = quantity.of(np.concatenate(good))
    ticks: tuple[float, ...] = ()
    if "phase" in quantity.name:
        largest = float(np.abs(values).max(initial=0.0))
        limit, ticks = next(one for one in _PHASES if largest <= one[0] or one is _PHASES[-1])
        low, high = -1.15 * limit, 1.15 * limit
    else:
        low, high = around(values, 0.12, least=0.1)
    return Axis(low - (high - low) * below / (1 - below), high, quantity.name, at=ticks)


def _series(table: Caltable) -> tuple[list[str], list[Style]]:
    """Colours tell spws and polarizations apart, markers and dashes spws once more."""
    series = series_of(table)
    spws = sorted({spws for spws, _ in series})
    names = [f"spw {'+'.join(map(str, one))} {polarization}" for one, polarization in series]
    return names, [style(number, spws.index(one)) for number, (one, _) in enumerate(series)]


def _title(table: Caltable) -> str:
    title = _TITLES[table.type]
    fluxes = table.parameters.get("flux_densities", {})
    if table.type == "flux_scale" and fluxes:
        title += ": " + ", ".join(f"{field} {flux:.3g} Jy" for field, flux in fluxes.items())
    return title


def _subtitle(table: Caltable, shown: int) -> str:
    fields = ", ".join(dict.fromkeys(part.field for part in table.parts if part.field))
    flag = np.concatenate([part.flag.ravel() for part in table.parts])
    snr = np.concatenate([part.snr[~part.flag] for part in table.parts])
    count = len(table.antennas)
    words = [f"on {fields}" if fields else ""]
    words.append(f"{count} antenna{'s' if count > 1 else ''}")
    if shown < count:
        words[-1] = f"the first {shown} of {count} antennas"
    words.append(f"{int(flag.sum())} of {flag.size} solutions flagged ({flag.mean():.1%})")
    if snr.size and table.type not in ("tsys", "wvr"):
        words.append(f"median SNR {np.median(snr):.3g}")
    return "; ".join(word for word in words if word)
