"""Corrections of antenna positions to a picture: an offset for each antenna and axis."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.lettering.text import clean, shorten
from radps_dag.workloads.sim.charts.axes import Axis, Frame, around
from radps_dag.workloads.sim.charts.marks import (
    AXIS,
    MUTED,
    Style,
    points,
    segment,
    style,
    width_of,
    words,
)
from radps_dag.workloads.sim.charts.page import HEADER, legend, page
from radps_dag.workloads.sim.solutions import Caltable

__all__ = ["positions_svg"]

_WIDTH, _HEIGHT = 940.0, 260.0
_LONGEST = 100.0  # name of an antenna


def positions_svg(table: Caltable) -> str:
    """The offsets of the antennas as SVG.

    Raises ValueError where there are none, or one is no number.
    """
    offsets = table.parameters.get("offsets", {})
    if not offsets:
        raise ValueError("the caltable of type antenna_positions has no offsets to draw")
    names = list(offsets)
    metres = np.array([offsets[name] for name in names], dtype=np.float64)
    if not np.isfinite(metres).all():
        raise ValueError("offsets of antenna positions are no numbers: they cannot be drawn")
    factor, unit = (1e3, "mm") if np.abs(metres).max() < 1.0 else (1.0, "m")
    values = factor * metres
    styles = [style(number, number) for number in range(3)]
    key, taken = legend(16, HEADER, _WIDTH, list(zip("xyz", styles, strict=True)))
    top = HEADER + taken + 10
    x = Axis(-0.5, len(names) - 0.5)
    y = Axis(*around(np.append(values, 0.0), 0.1, least=0.1), f"offset ({unit})")
    frame = Frame(62, top, _WIDTH - 80, _HEIGHT, x, y)
    parts = [*key, *frame.background(grid=False)]
    parts += frame.levels()
    zero = float(frame.down([0.0])[0])
    parts.append(segment(frame.left, zero, frame.right, zero, AXIS))
    for axis, drawn in enumerate(styles):
        # Side by side, so that equal offsets do not hide each other.
        parts.append(_dots(frame, values[:, axis], drawn, 0.18 * (axis - 1)))
    parts += [*frame.edge(), *frame.y_labels(42), *_antennas(frame, names)]
    moved = int((np.abs(values).max(axis=1) > 0).sum())
    largest = float(np.sqrt((values**2).sum(axis=1)).max())
    subtitle = f"{moved} of {len(names)} antennas corrected; at most by {largest:.2g} {unit}"
    return page(_WIDTH, frame.bottom + 40, "Antenna positions", subtitle, parts)


def _dots(frame: Frame, values: NDArray[np.float64], drawn: Style, beside: float) -> str:
    across = frame.across(np.arange(len(values)) + beside)
    return points(across, frame.down(values), drawn, 3.0)


def _antennas(frame: Frame, names: list[str]) -> list[str]:
    """Their names below, as many as stand side by side."""
    names = [shorten(clean(name), _LONGEST, 10) for name in names]
    widest = max(width_of(name, 10) for name in names) + 6
    every = int(np.ceil(widest * len(names) / frame.width))
    return [
        words(x, frame.bottom + 15, name, 10, anchor="middle", colour=MUTED)
        for number, (x, name) in enumerate(
            zip(frame.across(list(map(float, range(len(names))))).tolist(), names, strict=True)
        )
        if number % every == 0
    ]
