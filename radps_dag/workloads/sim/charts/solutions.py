"""A caltable to a picture: each antenna in frames of its own, all with the same axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.curves import (
    Curve,
    Quantity,
    curves,
    is_spectral,
    quantities,
    series_of,
)
from radps_dag.workloads.sim.charts.sheet import (
    COLOURS,
    HEADER,
    INK,
    MUTED,
    axes_at,
    key,
    limits,
    points,
    sheet,
    shortened,
    width_of,
)
from radps_dag.workloads.sim.solutions import Caltable

__all__ = ["draw_curves", "draw_offsets", "solutions"]

_WIDTH, _LEFT, _RIGHT, _BETWEEN = 940.0, 68.0, 18.0, 12.0
_MOST_ANTENNAS = 36
# Solutions of so many times or channels have large markers, and are joined: lines through the noise
# of more would hide each other, and make large files.
_MOST_LARGE, _MOST_JOINED = 20, 40
_LANE, _MOST_LANES = 5.5, 4  # of crosses
_MARKERS, _DASHES = "os^D", ("-", "--", ":", "-.")
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
_PHASES = (5.0, 10.0, 20.0, 45.0, 90.0, 180.0)  # limits of an axis in degrees


def solutions(table: Caltable) -> Figure:
    """The solutions of up to 36 antennas; flagged ones are marked at the bottom.

    Raises ValueError for a caltable without solutions, or with ones that are not numbers.
    """
    if table.type == "antenna_positions":
        return _positions(table)
    if not table.antennas or not any(part.gain.size for part in table.parts):
        raise ValueError(f"the caltable of type {table.type} has no solutions to draw")
    shown = min(len(table.antennas), _MOST_ANTENNAS)
    drawn = [curves(table, antenna) for antenna in range(shown)]
    return _Sheet(table, drawn, quantities(table), _styles(table)).figure()


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Antennas in rows, of each antenna a frame for each quantity."""

    table: Caltable
    drawn: Sequence[Sequence[Curve]]
    quantities: Sequence[Quantity]
    styles: Sequence[dict[str, Any]]

    @property
    def columns(self) -> int:
        """The number of antennas side by side."""
        count = len(self.drawn)
        if count <= 3:
            return count
        return 3 if count <= 9 else min(6, 4 if count <= 16 else ceil(count**0.5))

    @property
    def height(self) -> float:
        """The height of a frame."""
        rows = ceil(len(self.drawn) / self.columns)
        return {1: 170.0, 2: 110.0}.get(rows, 84.0) if len(self.quantities) > 1 else 130.0

    def lanes(self) -> list[int]:
        """The lane of the crosses of each series, so that others at the same places are seen."""
        series = series_of(self.table)
        # Spectral windows are side by side, if it is against frequency.
        names = [name for _, name in series] if is_spectral(self.table) else series
        order = list(dict.fromkeys(names))
        return [order.index(each) % _MOST_LANES for each in names]

    def figure(self) -> Figure:
        """All of them."""
        rows = ceil(len(self.drawn) / self.columns)
        step = len(self.quantities) * (self.height + 6) + 28
        flagged = any(curve.flag.any() for each in self.drawn for curve in each)
        names = [f"spw {'+'.join(map(str, spws))} {name}" for spws, name in series_of(self.table)]
        entries = list(zip(names, self.styles, strict=True))
        columns = max(1, int((_WIDTH - 32) / (max(width_of(name, 11) for name in names) + 70)))
        top = HEADER + 24 + 24 * ceil((len(entries) + flagged) / columns)
        about = _about(self.table, len(self.drawn))
        figure = sheet(
            _WIDTH, top + rows * step + 26, _title(self.table), about, self.table.simulated
        )
        key(figure, entries, flagged)
        self._frames(figure, top, step)
        spectral = is_spectral(self.table)
        name = "frequency (GHz)" if spectral else "time since the first solution (min)"
        figure.supxlabel(name, y=10 / (top + rows * step + 26), size=points(11), color=INK)
        return figure

    def _frames(self, figure: Figure, top: float, step: float) -> None:
        width = (_WIDTH - _LEFT - _RIGHT - _BETWEEN * (self.columns - 1)) / self.columns
        values = np.concatenate([curve.x for each in self.drawn for curve in each])
        x = limits(values, *((0.03, 1e-3) if is_spectral(self.table) else (0.05, 0.2)))
        ticks = _ticks(x, int(width / 60))
        used = {
            lane
            for each in self.drawn
            for curve in each
            if curve.flag.any()
            for lane in [self.lanes()[curve.series]]
        }
        taken = (6 + _LANE * (max(used) + 1)) / self.height if used else 0.0
        ranges = [
            _limits(quantity, self.drawn, 0.0 if which else taken)
            for which, quantity in enumerate(self.quantities)
        ]
        for number, antenna in enumerate(self.drawn):
            row, column = divmod(number, self.columns)
            left = _LEFT + column * (width + _BETWEEN)
            for which, quantity in enumerate(self.quantities):
                above = top + row * step + which * (self.height + 6)
                axes = axes_at(figure, left, above, width, self.height)
                axes.set_xlim(*x)
                axes.xaxis.set_major_locator(FixedLocator(ticks))
                low, high, at = ranges[which]
                axes.set_ylim(low, high)
                axes.yaxis.set_major_locator(FixedLocator(at))
                draw_curves(axes, antenna, quantity, self.styles)
                last = which == len(self.quantities) - 1
                lowest = last and number + self.columns >= len(self.drawn)
                axes.tick_params(labelbottom=lowest, labelleft=column == 0)
                if column == 0:
                    axes.set_ylabel(quantity.name)
                    axes.yaxis.set_label_coords(-50 / width, 0.5)
                if which == 0:
                    self._crosses(axes, antenna)
                    name = shortened(self.table.antennas[number], width - 8, 12, "bold")
                    how: dict[str, Any] = {"size": points(12), "weight": "bold", "color": INK}
                    axes.set_title(name, loc="left", pad=points(5), parse_math=False, **how)

    def _crosses(self, axes: Axes, antenna: Sequence[Curve]) -> None:
        if all(curve.flag.all() for curve in antenna):
            return
        for curve in antenna:
            if curve.flag.any():
                y = (6 + _LANE * self.lanes()[curve.series]) / self.height
                at = curve.x[curve.flag]
                how = {"color": self.styles[curve.series]["color"], "markersize": points(4.5)}
                how |= {"marker": "x", "linestyle": "none", "markeredgewidth": 0.8}
                axes.plot(at, np.full(at.size, y), transform=axes.get_xaxis_transform(), **how)


def draw_curves(
    axes: Axes, antenna: Sequence[Curve], quantity: Quantity, styles: Sequence[dict[str, Any]]
) -> None:
    """Draw a quantity of the curves of an antenna, each in the style of its series; flagged
    solutions are left out."""
    if all(curve.flag.all() for curve in antenna):
        middle: dict[str, Any] = {"ha": "center", "va": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, "all flagged", size=points(11), color=MUTED, **middle)
        return
    many = max(curve.x.size for curve in antenna)
    for curve in antenna:
        values = np.where(curve.flag, np.nan, quantity.of(curve.gain))
        x = curve.x
        if quantity.name.startswith("phase"):
            # Through 180 degrees the line would cross the frame.
            breaks = np.flatnonzero(np.abs(np.diff(values)) > 180.0) + 1
            x, values = np.insert(x, breaks, np.nan), np.insert(values, breaks, np.nan)
        how = styles[curve.series] | {"markersize": points(4.6 if many <= _MOST_LARGE else 2.4)}
        if many > _MOST_JOINED:
            how["linestyle"] = "none"
        axes.plot(x, values, **how)


def _limits(
    quantity: Quantity, drawn: Sequence[Sequence[Curve]], below: float
) -> tuple[float, float, list[float]]:
    """The range of the y axis, that share of it left free at the bottom, and its ticks."""
    values = quantity.of(np.concatenate([part.gain[~part.flag] for each in drawn for part in each]))
    if quantity.name.startswith("phase"):
        largest = float(np.abs(values).max(initial=0.0))
        limit = next((limit for limit in _PHASES if largest <= limit), _PHASES[-1])
        low, high = -1.15 * limit, 1.15 * limit
        ticks: list[float] = np.linspace(-limit, limit, 5 if limit == 180.0 else 3).tolist()
    else:
        low, high = limits(values, 0.12, 0.1)
        ticks = _ticks((low, high), 4)
    low -= (high - low) * below / (1 - below)
    return low, high, ticks


def _ticks(ends: tuple[float, float], most: int) -> list[float]:
    """Round numbers in a range, to be shared by many frames."""
    ticks = np.asarray(MaxNLocator(max(2, most), steps=[1, 2, 5, 10]).tick_values(*ends))
    return [float(tick) for tick in ticks if ends[0] <= tick <= ends[1]]


def _styles(table: Caltable) -> list[dict[str, Any]]:
    """Colours tell spws and polarizations apart, markers and dashes spws once more."""
    series = series_of(table)
    spws = sorted({spws for spws, _ in series})
    return [
        {
            "color": COLOURS[number % len(COLOURS)],
            "marker": _MARKERS[spws.index(spw) % len(_MARKERS)],
            "linestyle": _DASHES[spws.index(spw) % len(_DASHES)],
            "linewidth": 0.8,
            "markeredgewidth": 0.0,
            "markersize": points(5),
        }
        for number, (spw, _) in enumerate(series)
    ]


def _title(table: Caltable) -> str:
    title = _TITLES[table.type]
    fluxes = table.parameters.get("flux_densities", {})
    if table.type == "flux_scale" and fluxes:
        title += ": " + ", ".join(f"{field} {flux:.3g} Jy" for field, flux in fluxes.items())
    return title


def _about(table: Caltable, shown: int) -> str:
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


def _positions(table: Caltable) -> Figure:
    """Corrections of antenna positions.

    Raises ValueError where there are none, or one is not a number.
    """
    offsets = table.parameters.get("offsets", {})
    if not offsets:
        raise ValueError("the caltable of type antenna_positions has no offsets to draw")
    metres = np.array(list(offsets.values()), dtype=np.float64)
    if not np.isfinite(metres).all():
        raise ValueError("offsets of antenna positions are not numbers: they cannot be drawn")
    factor, unit = (1e3, "mm") if np.abs(metres).max() < 1.0 else (1.0, "m")
    values = factor * metres
    moved = int((np.abs(values).max(axis=1) > 0).sum())
    largest = float(np.sqrt((values**2).sum(axis=1)).max())
    about = f"{moved} of {len(values)} antennas corrected; at most by {largest:.2g} {unit}"
    top, height = HEADER + 34.0, 260.0
    figure = sheet(_WIDTH, top + height + 40, "Antenna positions", about, table.simulated)
    axes = axes_at(figure, _LEFT, top, _WIDTH - _LEFT - _RIGHT, height)
    entries = draw_offsets(axes, list(offsets), values)
    key(figure, entries)
    axes.set_ylabel(f"offset ({unit})")
    return figure


def draw_offsets(
    axes: Axes, antennas: Sequence[str], values: NDArray[np.float64]
) -> list[tuple[str, dict[str, Any]]]:
    """Draw offsets (a, 3) of antennas along x, y and z; give the entries of a legend."""
    entries = []
    axes.axhline(0.0, color="#8a939c", linewidth=0.8)
    for axis, name in enumerate("xyz"):
        how: dict[str, Any] = {
            "color": COLOURS[axis],
            "marker": _MARKERS[axis],
            "linestyle": "none",
        }
        # Side by side, so that equal offsets do not hide each other.
        at = np.arange(len(values)) + 0.18 * (axis - 1)
        axes.plot(at, values[:, axis], markersize=points(6), **how)
        entries.append((name, how))
    names = [shortened(name, 100, 10) for name in antennas]
    room = axes.get_position().width * _WIDTH / (max(width_of(name, 10) for name in names) + 8)
    every = max(1, ceil(len(names) / max(1.0, room)))
    axes.set_xticks(range(0, len(names), every), names[::every], parse_math=False)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(*limits(np.append(values, 0.0), 0.1, 0.1))
    axes.grid(visible=False, axis="x")
    return entries
