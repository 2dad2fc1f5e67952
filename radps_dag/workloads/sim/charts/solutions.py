"""A caltable to a picture: each antenna in frames of its own, all with the same axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.sheet import (
    COLOURS,
    EDGE,
    INK,
    MUTED,
    NORMAL,
    SMALL,
    counted,
    fitted,
    sheet,
    styled,
    titled,
)
from radps_dag.workloads.sim.simulation.corruption import T0
from radps_dag.workloads.sim.solutions import Caltable, Solutions

__all__ = ["draw_curve", "draw_offsets", "solutions"]

_WIDTH, _GAP, _PAIR = 8.5, 0.2, 0.06  # of a row, between antennas, between frames of one; inches
_MOST_ANTENNAS = 36
# Solutions of so many times or channels have large markers, and are joined: lines through the noise
# of more would hide each other, and make large files.
_MOST_LARGE, _MOST_JOINED = 20, 40
_LANE, _MOST_LANES = 0.055, 4  # of crosses
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
_AXES: list[tuple[str, dict[str, Any]]] = [
    (name, {"color": colour, "marker": marker, "linestyle": "none", "markersize": 4.0})
    for name, colour, marker in zip("xyz", COLOURS, _MARKERS, strict=False)
]
# Quantities that are drawn, and what a gain that differs by less was not solved for.
_AMPLITUDE, _PHASE, _TSYS, _NOTHING = "amplitude", "phase (deg)", "Tsys (K)", 1e-9
_Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Series:
    """Solutions of spws and a polarization, of all antennas; what lies between runs that are joined
    is not a number.

    `x` (n,) is in minutes or GHz, `gain` (a, n) complex, `flag` (a, n); crosses are in a lane.
    """

    name: str
    x: _Floats
    gain: NDArray[np.complex128]
    flag: NDArray[np.bool_]
    lane: int
    style: Mapping[str, Any]

    def values(self, quantity: str) -> _Floats:
        """(a, n) values of a quantity, not a number where flagged."""
        with np.errstate(divide="ignore", invalid="ignore"):
            size: _Floats = np.abs(self.gain)
            if quantity == _PHASE:
                size = np.degrees(np.angle(self.gain))
            elif quantity == _TSYS:
                size = T0 / size**2
        return np.where(self.flag, np.nan, size)


def solutions(table: Caltable) -> Figure:
    """The solutions of up to 36 antennas; flagged ones are marked at the bottom.

    Raises ValueError for a caltable without solutions, or with ones that are not numbers.
    """
    if table.type == "antenna_positions":
        return _positions(table)
    if not table.antennas or not any(part.gain.size for part in table.parts):
        raise ValueError(f"the caltable of type {table.type} has no solutions to draw")
    _require_finite(table)
    spectral = table.type == "bandpass" or any(part.frequency.size > 1 for part in table.parts)
    shown, series = min(len(table.antennas), _MOST_ANTENNAS), _series_of(table, spectral)
    quantities = _quantities(table, series)
    columns = shown if shown <= 3 else 3 if shown <= 9 else 4 if shown <= 16 else 6
    rows, count = ceil(shown / columns), len(quantities)
    width = (_WIDTH - _GAP * (columns - 1)) / columns
    height = {1: 1.7, 2: 1.1}.get(rows, 0.84) if count > 1 else 1.3
    entries = [(curve.name, curve.style) for curve in series]
    if any(curve.flag.any() for curve in series):
        entries.append(("flagged", {"marker": "x", "color": MUTED, "linestyle": "none"}))
    figure, grid = sheet(
        _title(table),
        _about(table, shown),
        table.simulated,
        (width, count * height + (count - 1) * _PAIR),
        (rows, columns),
        (_GAP, 0.32),
        (0.7, 0.2, 0.26, 0.5),
        entries,
    )
    x = _range([curve.x for curve in series], 0.05, 1e-3 if spectral else 0.2)
    x_ticks = _ticks(x, max(2, int(width / 0.6)))
    lanes = max((curve.lane + 1 for curve in series if curve.flag.any()), default=0)
    scales = [_scale(name, values) for name, values in quantities.items()]
    (low, high, y_ticks), room = scales[0], lanes * _LANE / height
    scales[0] = (low - (high - low) * room / (1 - room), high, y_ticks)
    silent = np.all([(curve.flag | np.isnan(curve.x)).all(axis=1) for curve in series], axis=0)
    for antenna, name in enumerate(table.antennas[:shown]):
        pair = grid[antenna].subgridspec(count, 1, hspace=_PAIR / height)
        frames = [styled(figure.add_subplot(pair[number])) for number in range(count)]
        for axes, (quantity, values), (low, high, y_ticks) in zip(
            frames, quantities.items(), scales, strict=True
        ):
            if silent[antenna]:
                where: dict[str, Any] = {"ha": "center", "va": "center", "color": MUTED}
                axes.text(0.5, 0.5, "all flagged", transform=axes.transAxes, size=NORMAL, **where)
            for curve, each in zip(series, values, strict=True):
                draw_curve(axes, curve.x, each[antenna], curve.style, degrees=quantity == _PHASE)
            axes.set(xlim=x, ylim=(low, high))
            axes.xaxis.set_major_locator(FixedLocator(x_ticks))
            axes.yaxis.set_major_locator(FixedLocator(y_ticks))
            axes.tick_params(labelbottom=False, labelleft=antenna % columns == 0)
            if antenna % columns == 0:
                axes.set_ylabel(quantity)
                axes.yaxis.set_label_coords(-0.5 / width, 0.5)
        if not silent[antenna]:
            _draw_crosses(frames[0], series, antenna, height)
        titled(frames[0], fitted(name, width - 0.08, 8.6, "bold"))
        frames[-1].tick_params(labelbottom=antenna + columns >= shown)
    label = "frequency (GHz)" if spectral else "time since the first solution (min)"
    figure.supxlabel(label, y=0.1 / figure.get_size_inches()[1], size=NORMAL, color=INK)
    return figure


def draw_curve(
    axes: Axes, x: _Floats, values: _Floats, style: Mapping[str, Any], degrees: bool = False
) -> None:
    """Draw values (n,) at x (n,); phases in degrees without lines across the frame where they go
    through 180."""
    if degrees:
        breaks = np.flatnonzero(np.abs(np.diff(values)) > 180.0) + 1
        x, values = np.insert(x, breaks, np.nan), np.insert(values, breaks, np.nan)
    axes.plot(x, values, **style)


def _draw_crosses(axes: Axes, series: Sequence[_Series], antenna: int, height: float) -> None:
    """Mark flagged solutions at the bottom of a frame."""
    for curve in series:
        if not (at := curve.x[curve.flag[antenna]]).size:
            continue
        y = np.full(at.size, (0.6 + curve.lane) * _LANE / height)
        how = {"color": curve.style["color"], "marker": "x", "linestyle": "none"}
        how |= {"markersize": 3.2, "markeredgewidth": 0.8}
        axes.plot(at, y, transform=axes.get_xaxis_transform(), **how)


def _series_of(table: Caltable, spectral: bool) -> list[_Series]:
    """Colours tell spws and polarizations apart, markers and dashes spws once more."""
    names = sorted({(part.spws, name) for part in table.parts for name in part.polarizations})
    spws = sorted({spw for spw, _ in names})
    # Spectral windows are side by side, if it is against frequency.
    lanes = list(dict.fromkeys(name if spectral else (spw, name) for spw, name in names))
    start = min(float(part.time.min()) for part in table.parts if part.time.size)
    longest = max(len(part.frequency if spectral else part.time) for part in table.parts)
    series = []
    for number, (spw, name) in enumerate(names):
        runs = [
            _runs(part, part.polarizations.index(name), start, spectral)
            for part in table.parts
            if part.spws == spw and name in part.polarizations
        ]
        x, gain, flag = (
            np.concatenate(each, axis=-1)[..., :-1] for each in zip(*runs, strict=True)
        )
        style = {
            "color": COLOURS[number % len(COLOURS)],
            "marker": _MARKERS[spws.index(spw) % len(_MARKERS)],
            "linestyle": _DASHES[spws.index(spw) % 4] if longest <= _MOST_JOINED else "none",
            "linewidth": 0.8,
            "markeredgewidth": 0.0,
            "markersize": 3.3 if longest <= _MOST_LARGE else 1.7,
        }
        lane = lanes.index(name if spectral else (spw, name)) % _MOST_LANES
        series.append(_Series(f"spw {'+'.join(map(str, spw))} {name}", x, gain, flag, lane, style))
    return series


def _runs(part: Solutions, number: int, start: float, spectral: bool) -> tuple[Any, Any, Any]:
    """Solutions of a polarization in the order of x, each time a run where that is frequency."""
    gain, flag = (np.moveaxis(each[..., number], 1, 0) for each in (part.gain, part.flag))
    x = np.tile(np.asarray(part.frequency, dtype=np.float64) / 1e9, (len(part.time), 1))
    if not spectral:
        x = (np.asarray(part.time, dtype=np.float64)[np.newaxis] - start) / 60.0
        gain, flag = gain.swapaxes(1, 2)[:, :1], flag.swapaxes(1, 2)[:, :1]
    order = np.argsort(x[0]) if len(x) else slice(0)
    end = [(0, 0), (0, 0), (0, 1)]
    gain = np.pad(gain[..., order].astype(complex), end, constant_values=np.nan)
    x = np.pad(x[:, order], end[1:], constant_values=np.nan)
    return (
        x.ravel(),
        gain.reshape(len(gain), -1),
        np.pad(flag[..., order], end).reshape(len(gain), -1),
    )


def _quantities(table: Caltable, series: Sequence[_Series]) -> dict[str, list[_Floats]]:
    """The quantities that the solutions are about, with the values (a, n) of each series."""
    names = {"tsys": [_TSYS], "wvr": [_PHASE]}.get(table.type, [_AMPLITUDE, _PHASE])
    values = {name: [curve.values(name) for curve in series] for name in names}
    for name, nothing in ((_AMPLITUDE, 1.0), (_PHASE, 0.0)):
        solved = any((np.abs(each - nothing) > _NOTHING).any() for each in values.get(name, ()))
        if len(values) > 1 and not solved:
            del values[name]
    return values


def _scale(quantity: str, values: Sequence[_Floats]) -> tuple[float, float, list[float]]:
    """The range of the y axis, and its ticks."""
    low, high = _range(values, 0.12, 0.1)
    if quantity != _PHASE:
        return low, high, _ticks((low, high), 4)
    high = 1.1 * min(180.0, max(5.0, abs(low), abs(high)))
    steps = (1, 2, 4.5, 5, 9, 10) if high > 40 else (1, 2, 5, 10)
    return -high, high, _ticks((-high, high), 5, steps)


def _range(values: Sequence[_Floats], room: float, least: float) -> tuple[float, float]:
    """A range with room around numbers, at least so long."""
    every = np.concatenate([each.ravel() for each in values])
    good = every[np.isfinite(every)]
    low, high = (float(good.min()), float(good.max())) if good.size else (0.0, 1.0)
    span = max(high - low, least, 1e-9 * max(abs(low), abs(high)))
    middle, half = (low + high) / 2, (0.5 + room) * span
    return middle - half, middle + half


def _ticks(
    ends: tuple[float, float], most: int, steps: Sequence[float] = (1, 2, 5, 10)
) -> list[float]:
    """Round numbers in a range, to be shared by many frames."""
    ticks = MaxNLocator(most, steps=steps).tick_values(*ends)
    return [float(tick) for tick in ticks if ends[0] <= tick <= ends[1]]


def _require_finite(table: Caltable) -> None:
    for part in table.parts:
        bad = ~np.isfinite(part.gain) & ~part.flag
        if bad.any():
            antenna = int(np.argwhere(bad)[0][1])
            raise ValueError(
                f"{int(bad[:, antenna].sum())} {table.type} solutions of antenna "
                f"{table.antennas[antenna]}, spws {', '.join(map(str, part.spws))}, are not numbers"
                " and not flagged: they cannot be drawn"
            )


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
    words = [f"on {fields}"] if fields else []
    words.append(f"the first {shown} of {count}" if shown < count else counted(count, "antenna"))
    words.append(f"{int(flag.sum())} of {flag.size} solutions flagged ({flag.mean():.1%})")
    if snr.size and table.type not in ("tsys", "wvr"):
        words.append(f"median SNR {np.median(snr):.3g}")
    return "; ".join(words)


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
    many = len(offsets) > 12
    figure, grid = sheet(
        _TITLES[table.type],
        about,
        table.simulated,
        (_WIDTH, 2.6),
        margins=(0.7, 0.2, 0.25, 0.8 if many else 0.4),
        entries=_AXES,
    )
    axes = styled(figure.add_subplot(grid[0]))
    wide = 0.6 if many else _WIDTH / len(offsets) - 0.1
    draw_offsets(axes, [fitted(name, wide, SMALL) for name in offsets], values)
    if many:
        axes.tick_params(axis="x", labelrotation=90)
    axes.set_ylabel(f"offset ({unit})")
    return figure


def draw_offsets(axes: Axes, antennas: Sequence[str], values: _Floats) -> None:
    """Draw offsets (a, 3) of antennas along x, y and z, each in a style of its own."""
    axes.axhline(0.0, color=EDGE, linewidth=0.8)
    for axis, (name, style) in enumerate(_AXES):
        # Side by side, so that equal offsets do not hide each other.
        at = np.arange(len(values)) + 0.18 * (axis - 1)
        axes.plot(at, values[:, axis], label=name, **style)
    axes.set_xticks(range(len(antennas)), antennas, parse_math=False)
    axes.set_xlim(-0.5, len(antennas) - 0.5)
    axes.grid(visible=False, axis="x")
