"""A mean spectrum to a picture: line-free channels shaded, lines of the catalogue named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.lettering.text import clean, shorten
from radps_dag.workloads.sim.charts.axes import Axis, Frame, around
from radps_dag.workloads.sim.charts.marks import (
    AXIS,
    INK,
    Style,
    line,
    points,
    rectangle,
    segment,
    width_of,
    words,
)
from radps_dag.workloads.sim.charts.page import HEADER, page, to_png
from radps_dag.workloads.sim.charts.ticks import prefixed

__all__ = ["spectrum_picture", "spectrum_svg"]

_WIDTH, _HEIGHT = 900.0, 280.0
_FREE, _MEAN, _LINE = "#cfeadf", "#0072B2", "#D55E00"
_ROW = 15.0  # of names of lines
_MOST_ROWS = 6
_MEMBERS = ("field", "spw", "channels", "frequency", "mean", "rms")


def spectrum_picture(spectrum: Mapping[str, Any], ranges: Mapping[str, Any] | None) -> bytes:
    """A PNG of the records of a spectrum and of continuum ranges."""
    return to_png(spectrum_svg(spectrum, ranges))


def spectrum_svg(spectrum: Mapping[str, Any], ranges: Mapping[str, Any] | None) -> str:
    """The same as SVG.

    Raises ValueError where the spectrum is incomplete, has no channels or a value that is no
    number, and for ranges that are not of its spw.
    """
    frequency, mean = _checked(spectrum)
    field, spw = spectrum["field"], int(spectrum["spw"])
    free = None if ranges is None else _free(spectrum, ranges)
    factor, unit = prefixed(float(np.abs(mean).max()), "Jy/beam")
    x = Axis(*around(_edges(frequency), 0.015, least=1e-3), "frequency (GHz)")
    size = float(np.abs(mean).max())
    least = factor * max(8 * float(spectrum["rms"]), 0.02 * size, 1e-9)
    y = Axis(*around(factor * mean, 0.1, least=least), unit)
    names = _named([] if ranges is None else ranges.get("lines", []), x)
    rows = max((one.row + 1 for one in names), default=0)
    frame = Frame(66, HEADER + 14 + _ROW * rows, _WIDTH - 84, _HEIGHT, x, y)
    parts = [*frame.background(grid=False), *_shades(frame, frequency, free)]
    parts += frame.levels()
    parts += _noise(frame, factor, mean, free, float(spectrum["rms"]))
    for named in names:
        parts += _line(frame, named)
    parts += _steps(frame, frequency, factor * mean)
    parts += [*frame.edge(), *frame.x_labels(), *frame.y_labels(48)]
    title = f"Mean spectrum of {field}, spw {spw}"
    return page(_WIDTH, frame.bottom + 42, title, _about(spectrum, mean, free), parts)


def _checked(spectrum: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies (f,) in GHz and means (f,) in Jy/beam."""
    if missing := [name for name in _MEMBERS if name not in spectrum]:
        raise ValueError(
            f"the record of a spectrum has no {missing[0]}; make it with average_spectrum"
        )
    what = f"the spectrum of {spectrum['field']}, spw {spectrum['spw']},"
    frequency = np.array(spectrum["frequency"], dtype=np.float64) / 1e9
    mean = np.array(spectrum["mean"], dtype=np.float64)
    if not mean.size:
        raise ValueError(f"{what} has no channels to draw")
    if not len(spectrum["channels"]) == frequency.size == mean.size:
        raise ValueError(
            f"{what} has {len(spectrum['channels'])} channels, {frequency.size} frequencies and "
            f"{mean.size} means"
        )
    if not np.isfinite([*mean, *frequency, spectrum["rms"]]).all():
        raise ValueError(f"{what} has values that are no numbers")
    return frequency, mean


def _free(spectrum: Mapping[str, Any], ranges: Mapping[str, Any]) -> NDArray[np.bool_]:
    """(f,) which channels are line-free."""
    spw = str(spectrum["spw"])
    if spw not in ranges.get("ranges", {}):
        there = ", ".join(ranges.get("ranges", {}))
        raise ValueError(f"the continuum ranges are of spw {there or 'none'}, not of spw {spw}")
    channels = np.array(spectrum["channels"], dtype=np.int64)
    free = np.zeros(channels.shape, dtype=np.bool_)
    for first, last in ranges["ranges"][spw]:
        free |= (channels >= first) & (channels <= last)
    return free


def _width(frequency: NDArray[np.float64]) -> float:
    """Of a channel in GHz; of a lone one 10 MHz, as it says nothing of its neighbours."""
    steps = np.abs(np.diff(frequency))
    steps = steps[steps > 0]
    return float(steps.min()) if steps.size else 0.01


def _edges(frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    half = _width(frequency) / 2
    return np.append(frequency - half, frequency + half)


def _shades(
    frame: Frame, frequency: NDArray[np.float64], free: NDArray[np.bool_] | None
) -> list[str]:
    """Line-free channels, those side by side as one."""
    if free is None:
        return []
    half = _width(frequency) / 2
    shades, spans = [], _spans(frequency[free], half)
    for low, high in spans:
        left, right = frame.across([low, high]).tolist()
        shades.append(rectangle(left, frame.top, right - left, frame.height, fill=_FREE))
    return shades


def _spans(frequency: NDArray[np.float64], half: float) -> list[tuple[float, float]]:
    """The bands that channels cover."""
    spans: list[tuple[float, float]] = []
    for at in np.sort(frequency).tolist():
        if spans and at - half <= spans[-1][1] + half / 2:
            spans[-1] = (spans[-1][0], at + half)
        else:
            spans.append((at - half, at + half))
    return spans


def _noise(
    frame: Frame,
    factor: float,
    mean: NDArray[np.float64],
    free: NDArray[np.bool_] | None,
    rms: float,
) -> list[str]:
    """The level of the line-free channels, and their noise above and below it."""
    level = float(np.median(mean[free] if free is not None and free.any() else mean))
    middle, low, high = frame.down(
        [factor * one for one in (level, level - rms, level + rms)]
    ).tolist()
    low, high = min(low, frame.bottom), max(high, frame.top)
    return [
        rectangle(frame.left, high, frame.width, low - high, fill=AXIS, opacity=0.18),
        segment(frame.left, middle, frame.right, middle, AXIS, 1, "4 3"),
    ]


def _steps(frame: Frame, frequency: NDArray[np.float64], values: NDArray[np.float64]) -> list[str]:
    """A step for each channel."""
    order = np.argsort(frequency)
    half = _width(frequency) / 2
    at = frequency[order]
    x = frame.across(np.stack([at - half, at + half], axis=1).ravel())
    y = frame.down(np.repeat(values[order], 2))
    gaps = (2 * np.flatnonzero(np.diff(at) > 3 * half) + 2).tolist()
    drawn = [line(x, y, Style(_MEAN), 1.5, breaks=gaps)]
    if len(values) == 1:
        drawn.append(points(frame.across(at), frame.down(values), Style(_MEAN)))
    return drawn


@dataclass(frozen=True, slots=True)
class _Named:
    """A line of the catalogue: its place across the page, its name and on which side of the line
    that is, in which row above the frame."""

    at: float
    name: str
    anchor: Literal["start", "end"]
    row: int


def _line(frame: Frame, named: _Named) -> list[str]:
    """A line of the catalogue."""
    y = frame.top - 6 - _ROW * named.row
    beside = named.at + (3 if named.anchor == "start" else -3)
    return [
        segment(named.at, y - 8, named.at, frame.bottom, _LINE, 1.0, "3 3"),
        words(beside, y, named.name, 10, anchor=named.anchor, colour=INK),
    ]


def _named(lines: Sequence[Mapping[str, Any]], x: Axis) -> list[_Named]:
    """Lines in the band, once each.

    Names are to the right of their lines; or all to the left, if one would leave the page. A line
    that another's name reaches has its own name in a lower row, so that none runs through a name.
    """
    frame = Frame(66, 0, _WIDTH - 84, _HEIGHT, x, x)
    seen = {
        (float(one["frequency"]), str(one["name"]))
        for one in lines
        if x.first <= float(one["frequency"]) <= x.last
    }
    places = [(float(frame.across([at])[0]), name) for at, name in sorted(seen)]
    left = any(at + 8 + width_of(name, 10) > frame.right for at, name in places)
    anchor: Literal["start", "end"] = "end" if left else "start"
    placed: list[_Named] = []
    # From where names do not reach: each after those that its own name reaches.
    for at, name in places if left else reversed(places):
        short = shorten(clean(name), max(20.0, at - frame.left if left else _WIDTH), 10)
        reach = width_of(short, 10) + 8
        row = max((one.row + 1 for one in placed if abs(one.at - at) < reach), default=0)
        if row < _MOST_ROWS:
            placed.append(_Named(at, short, anchor, row))
    return placed


def _about(
    spectrum: Mapping[str, Any], mean: NDArray[np.float64], free: NDArray[np.bool_] | None
) -> str:
    rms = float(spectrum["rms"])
    factor, unit = prefixed(rms, "Jy/beam")
    about = (
        f"{mean.size} channel{'s' if mean.size > 1 else ''}; noise {factor * rms:.3g} {unit} (grey)"
    )
    if free is not None:
        about += f"; {int(free.sum())} channels are line-free (green)"
    return about
