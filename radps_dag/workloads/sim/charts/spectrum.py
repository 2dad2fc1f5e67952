"""A mean spectrum to a picture: line-free channels shaded, lines of the catalogue named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.sheet import (
    COLOURS,
    EDGE,
    INK,
    SMALL,
    counted,
    fitted,
    prefixed,
    sheet,
    styled,
)

__all__ = ["draw_lines", "draw_spectrum", "spectrum"]

_WIDTH, _HEIGHT = 8.0, 2.8  # of the frame in inches
_NAMES, _APART = 1.5, 0.13  # of names of lines, which stand upright
_MEMBERS = ("field", "spw", "channels", "frequency", "mean", "rms")


def spectrum(record: Mapping[str, Any], ranges: Mapping[str, Any] | None) -> Figure:
    """The record of a spectrum, and that of its continuum ranges.

    Raises ValueError where the spectrum is incomplete, has no channels or a value that is not a
    number, and for ranges that are not of its spw.
    """
    frequency, mean = _checked(record)
    free = None if ranges is None else _free(record, ranges)
    rms = float(record["rms"])
    factor, unit = prefixed(rms, "Jy/beam")
    about = f"{counted(mean.size, 'channel')}; noise {factor * rms:.3g} {unit} (grey)"
    if free is not None:
        about += f"; {int(free.sum())} channels are line-free (green)"
    lines = sorted(
        {
            (float(line["frequency"]), str(line["name"]))
            for line in ([] if ranges is None else ranges.get("lines", []))
            if abs(frequency - float(line["frequency"])).min() <= _width(frequency)
        }
    )
    room = min(_NAMES, 0.065 * max((len(name) for _, name in lines), default=0))
    figure, grid = sheet(
        f"Mean spectrum of {record['field']}, spw {record['spw']}",
        about,
        record.get("observation", {}).get("data") is None,
        (_WIDTH, _HEIGHT),
        margins=(0.78, 0.2, 0.45 + room if lines else 0.2, 0.45),
    )
    axes = styled(figure.add_subplot(grid[0]))
    draw_spectrum(axes, frequency, mean, rms, free)
    draw_lines(axes, [(at, fitted(name, room, SMALL)) for at, name in lines])
    return figure


def draw_spectrum(
    axes: Axes,
    frequency: NDArray[np.float64],
    mean: NDArray[np.float64],
    rms: float,
    free: NDArray[np.bool_] | None = None,
) -> None:
    """Draw a step for each channel, the level of the continuum with its noise, and shades.

    Args:
        axes: the frame
        frequency: (f,) in GHz
        mean: (f,) in Jy/beam
        rms: noise in Jy/beam
        free: (f,) line-free channels
    """
    factor, unit = prefixed(float(np.abs(mean).max()), "Jy/beam")
    values, noise = factor * mean, factor * rms
    for run in [] if free is None else _runs(frequency, np.flatnonzero(free)):
        low, *_, high = _edges(frequency, run)
        axes.axvspan(low, high, color="#cfeadf", linewidth=0, zorder=0, gid="line-free")
    level = float(np.median(values[free] if free is not None and free.any() else values))
    axes.axhspan(level - noise, level + noise, color=EDGE, alpha=0.18, linewidth=0)
    axes.axhline(level, color=EDGE, linewidth=0.8, linestyle=(0, (4, 3)))
    # Where channels are missing, the line is interrupted.
    for run in _runs(frequency, np.arange(frequency.size)):
        edges = _edges(frequency, run)
        axes.stairs(values[run], edges, baseline=None, color=COLOURS[0], linewidth=1.1)
    # As much above and below as noise takes, where there is nothing else.
    axes.update_datalim([(frequency[0], level - 4 * noise), (frequency[0], level + 4 * noise)])
    axes.grid(visible=False, axis="x")
    axes.set(xmargin=0.015, ymargin=0.1, xlabel="frequency (GHz)", ylabel=unit)


def draw_lines(axes: Axes, lines: Sequence[tuple[float, str]]) -> None:
    """Draw lines of the catalogue, (GHz, name) in their order, with names that stand upright above
    the frame, as near to their lines as there is room."""
    low, high = axes.get_xlim()
    apart = _APART / (axes.get_window_extent().width / axes.figure.dpi)
    number = apart * np.arange(len(lines))
    # Each a step from the one before, with as little moved to the left as to the right.
    places = (np.array([at for at, _ in lines]) - low) / (high - low) - number
    right, left = np.maximum.accumulate(places), np.minimum.accumulate(places[::-1])[::-1]
    places = number + np.clip((left + right) / 2, 0.0, max(0.0, 1.0 - number.max(initial=0.0)))
    for (at, name), place in zip(lines, places, strict=True):
        how: dict[str, Any] = {"color": COLOURS[1], "linewidth": 0.8, "linestyle": (0, (3, 3))}
        axes.axvline(at, **how)
        if place > 1.0:
            continue  # there is no room for more names
        axes.annotate(
            name,
            (at, 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(place, 1.0 + 0.16 / _HEIGHT),
            textcoords="axes fraction",
            arrowprops={"arrowstyle": "-", "shrinkA": 0, "shrinkB": 0, "relpos": (0.5, 0.0)} | how,
            rotation=90,
            ha="center",
            va="bottom",
            size=SMALL,
            color=INK,
            parse_math=False,
            annotation_clip=False,
        )


def _checked(record: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies (f,) in GHz and means (f,) in Jy/beam."""
    if missing := [name for name in _MEMBERS if name not in record]:
        raise ValueError(
            f"the record of a spectrum has no {missing[0]}; make it with average_spectrum"
        )
    what = f"the spectrum of {record['field']}, spw {record['spw']},"
    frequency = np.array(record["frequency"], dtype=np.float64) / 1e9
    mean = np.array(record["mean"], dtype=np.float64)
    if not mean.size:
        raise ValueError(f"{what} has no channels to draw")
    if not len(record["channels"]) == frequency.size == mean.size:
        raise ValueError(
            f"{what} has {len(record['channels'])} channels, {frequency.size} frequencies and "
            f"{mean.size} means"
        )
    if not np.isfinite([*mean, *frequency, record["rms"]]).all():
        raise ValueError(f"{what} has values that are not numbers")
    return frequency, mean


def _free(record: Mapping[str, Any], ranges: Mapping[str, Any]) -> NDArray[np.bool_]:
    """(f,) which channels are line-free."""
    spw = str(record["spw"])
    if spw not in ranges.get("ranges", {}):
        there = ", ".join(ranges.get("ranges", {}))
        raise ValueError(f"the continuum ranges are of spw {there or 'none'}, not of spw {spw}")
    channels = np.array(record["channels"], dtype=np.int64)
    free = np.zeros(channels.shape, dtype=np.bool_)
    for first, last in ranges["ranges"][spw]:
        free |= (channels >= first) & (channels <= last)
    return free


def _width(frequency: NDArray[np.float64]) -> float:
    """The width of a channel in GHz; 10 MHz for a lone one, as it says nothing of its
    neighbours.
    """
    steps = np.abs(np.diff(frequency))
    return float(min(steps[steps > 0], default=0.01))


def _runs(frequency: NDArray[np.float64], chosen: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Indices of channels that are side by side, in the order of frequency."""
    order = chosen[np.argsort(frequency[chosen])]
    gaps = np.flatnonzero(np.diff(frequency[order]) > 1.5 * _width(frequency)) + 1
    return [run for run in np.split(order, gaps) if run.size]


def _edges(frequency: NDArray[np.float64], run: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n + 1,) the edges in GHz of n channels that are side by side."""
    half = _width(frequency) / 2
    return np.append(frequency[run] - half, frequency[run[-1]] + half)
