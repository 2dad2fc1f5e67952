"""A mean spectrum to a picture: line-free channels shaded, lines of the catalogue named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.sheet import (
    COLOURS,
    HEADER,
    INK,
    axes_at,
    limits,
    points,
    prefixed,
    sheet,
    shortened,
    width_of,
)

__all__ = ["draw_lines", "draw_spectrum", "spectrum"]

_WIDTH, _HEIGHT, _LEFT, _RIGHT = 900.0, 280.0, 74.0, 18.0
_FREE, _LEVEL = "#cfeadf", "#8a939c"
_ROW, _MOST_ROWS = 16.0, 6  # of names of lines
_MEMBERS = ("field", "spw", "channels", "frequency", "mean", "rms")


def spectrum(record: Mapping[str, Any], ranges: Mapping[str, Any] | None) -> Figure:
    """The record of a spectrum, and that of its continuum ranges.

    Raises ValueError where the spectrum is incomplete, has no channels or a value that is not a
    number, and for ranges that are not of its spw.
    """
    frequency, mean = _checked(record)
    free = None if ranges is None else _free(record, ranges)
    x = limits(_edges(frequency), 0.015, least=1e-3)
    names = _placed([] if ranges is None else ranges.get("lines", []), x)
    above = HEADER + 14 + _ROW * max((label.row + 1 for label in names), default=0)
    title = f"Mean spectrum of {record['field']}, spw {record['spw']}"
    about = _about(float(record["rms"]), mean.size, free)
    simulated = record.get("observation", {}).get("data") is None
    figure = sheet(_WIDTH, above + _HEIGHT + 44, title, about, simulated)
    axes = axes_at(figure, _LEFT, above, _WIDTH - _LEFT - _RIGHT, _HEIGHT)
    axes.set_xlim(*x)
    draw_spectrum(axes, frequency, mean, float(record["rms"]), free)
    draw_lines(axes, names)
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
    size = float(np.abs(mean).max())
    factor, unit = prefixed(size, "Jy/beam")
    half = _width(frequency) / 2
    for low, high in [] if free is None else _spans(frequency[free], half):
        axes.axvspan(low, high, color=_FREE, linewidth=0, zorder=0, gid="line-free")
    level = factor * float(np.median(mean[free] if free is not None and free.any() else mean))
    axes.axhspan(level - factor * rms, level + factor * rms, color=_LEVEL, alpha=0.18, linewidth=0)
    axes.axhline(level, color=_LEVEL, linewidth=0.8, linestyle=(0, (4, 3)))
    order = np.argsort(frequency)
    at, values = frequency[order], factor * mean[order]
    # A flat step for each channel; where channels are missing, the line is interrupted.
    gaps = np.flatnonzero(np.diff(at) > 3 * half) + 1
    x = np.insert(np.stack([at - half, at + half], axis=1).ravel(), 2 * gaps, np.nan)
    y = np.insert(np.repeat(values, 2), 2 * gaps, np.nan)
    axes.plot(x, y, color=COLOURS[0], linewidth=1.1)
    axes.set_ylim(*limits(values, 0.1, factor * max(8 * rms, 0.02 * size, 1e-9)))
    axes.grid(visible=False, axis="x")
    axes.set(xlabel="frequency (GHz)", ylabel=unit)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the catalogue: its frequency in GHz, its name, on which side of the line that is
    and in which row above the frame."""

    at: float
    name: str
    side: Literal["left", "right"]
    row: int


def draw_lines(axes: Axes, lines: Sequence[Line]) -> None:
    """Draw lines of the catalogue, their names above the frame."""
    transform = axes.get_xaxis_transform()
    for line in lines:
        y = 1.0 + (7.0 + _ROW * line.row) / _HEIGHT
        how: dict[str, Any] = {"color": COLOURS[1], "linewidth": 0.8, "linestyle": (0, (3, 3))}
        how |= {"transform": transform, "clip_on": False}
        axes.plot([line.at, line.at], [0.0, y + 9.0 / _HEIGHT], **how)
        axes.annotate(
            line.name,
            (line.at, y),
            xycoords=transform,
            xytext=(points(3.0 if line.side == "right" else -3.0), 0.0),
            textcoords="offset points",
            ha="left" if line.side == "right" else "right",
            size=points(10),
            color=INK,
            parse_math=False,
            annotation_clip=False,
        )


def _placed(lines: Sequence[Mapping[str, Any]], x: tuple[float, float]) -> list[Line]:
    """Lines in the band, once each.

    Names are to the right of their lines; or all to the left, if one would leave the page. A line
    that another's name reaches has its own name in a lower row, so that none runs through a name.
    """
    width = _WIDTH - _LEFT - _RIGHT
    seen = {(float(line["frequency"]), str(line["name"])) for line in lines}
    unit = width / (x[1] - x[0])
    within = [(at, name) for at, name in sorted(seen) if x[0] <= at <= x[1]]
    cut = [(at, shortened(name, width / 2, 10)) for at, name in within]
    too_wide = any((at - x[0]) * unit + 8 + width_of(name, 10) > width for at, name in cut)
    placed: list[Line] = []
    # From where names do not reach: each after those that its own name reaches.
    for at, name in cut if too_wide else reversed(cut):
        short = shortened(name, max(20.0, (at - x[0]) * unit + _LEFT / 2), 10) if too_wide else name
        reach = width_of(short, 10) + 8
        row = max(
            (label.row + 1 for label in placed if abs(label.at - at) * unit < reach), default=0
        )
        if row < _MOST_ROWS:
            placed.append(Line(at, short, "left" if too_wide else "right", row))
    return placed


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
    steps = steps[steps > 0]
    return float(steps.min()) if steps.size else 0.01


def _edges(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    half = _width(frequency) / 2
    return np.append(frequency - half, frequency + half)


def _spans(frequency: NDArray[np.float64], half: float) -> list[tuple[float, float]]:
    """The bands that channels cover, those side by side as one."""
    spans: list[tuple[float, float]] = []
    for at in np.sort(frequency).tolist():
        if spans and at - half <= spans[-1][1] + half / 2:
            spans[-1] = (spans[-1][0], at + half)
        else:
            spans.append((at - half, at + half))
    return spans


def _about(rms: float, channels: int, free: NDArray[np.bool_] | None) -> str:
    factor, unit = prefixed(rms, "Jy/beam")
    count = f"{channels} channel{'s' if channels > 1 else ''}"
    about = f"{count}; noise {factor * rms:.3g} {unit} (grey)"
    if free is not None:
        about += f"; {int(free.sum())} channels are line-free (green)"
    return about
