"""A plane of an image to a frame with its colours, its beam and its mask."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm, Normalize
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.sheet import (
    EDGE,
    INK,
    MUTED,
    SMALL,
    prefixed,
    styled,
    titled,
)
from radps_dag.workloads.sim.visibilities import Bools, Floats

__all__ = ["ARCSEC", "draw_emission", "draw_half_power", "draw_residual"]

ARCSEC = np.pi / 180 / 3600
# Noise in 256 shades makes files that are too large to be shown in place, and 0 is in the middle of
# an odd number.
_SHADES = 33


def draw_emission(
    axes: Axes,
    values: Floats,
    cell: float,
    *,
    name: str = "",
    unit: str = "Jy/beam",
    noise: float = 0.0,
    beam: Floats | None = None,
) -> None:
    """Draw a plane of emission: logarithmic above some times the noise, so that both are seen
    (asinh: Lupton et al. 1999, AJ 118, 1406).

    Args:
        axes: the frame
        values: (y, x) in `unit`; rows grow to the north, columns to the west
        cell: width of a pixel in rad
        name: title of the frame
        unit: without a prefix; the plot takes the one that suits the values
        noise: in `unit`
        beam: (3,) major and minor full width at half maximum in rad, position angle in rad from
            north through east
    """
    peak = max(float(values.max()), 0.0)
    factor, unit = prefixed(peak, unit)
    low = factor * min(max(float(values.min()), -3.0 * noise), 0.0)
    soft = factor * max(3.0 * noise, peak / 1000.0)
    norm = AsinhNorm(soft, low, factor * peak) if peak else Normalize(0.0, 1.0)
    _draw(axes, factor * values, cell, name, unit, norm, "inferno", beam)


def draw_residual(
    axes: Axes,
    values: Floats,
    cell: float,
    *,
    name: str = "",
    unit: str = "Jy/beam",
    beam: Floats | None = None,
    mask: Bools | None = None,
) -> None:
    """Draw a plane of what should be noise: as far below zero as above, with the outline of a mask
    (y, x). The other arguments are those of `draw_emission`."""
    largest = float(np.abs(values).max())
    factor, unit = prefixed(largest, unit)
    limit = factor * largest or 1.0
    _draw(axes, factor * values, cell, name, unit, Normalize(-limit, limit), "RdBu_r", beam)
    if mask is not None and mask.any():
        at = _offsets(len(mask) + 2, cell)
        axes.contour(at, -at, np.pad(mask, 1), [0.5], colors="#009E73", linewidths=1.0)


def draw_half_power(axes: Axes, power: Floats, cell: float) -> None:
    """Draw where the primary beam (y, x) has fallen to a half, dashed, if it does in this image."""
    if power.min() < 0.5:
        at = _offsets(len(power), cell)
        axes.contour(at, -at, power, [0.5], colors=EDGE, linewidths=1.0, linestyles="dashed")


def _offsets(size: int, cell: float) -> NDArray[np.float64]:
    """(size,) offsets in arcsec of pixels to the east."""
    return np.asarray((size // 2 - np.arange(size)) * cell / ARCSEC)


def _draw(
    axes: Axes,
    values: Floats,
    cell: float,
    name: str,
    unit: str,
    norm: Normalize,
    colours: str,
    beam: Floats | None,
) -> None:
    size, pixel = len(values), cell / ARCSEC
    east = (size // 2 + 0.5) * pixel
    shown = axes.imshow(
        values,
        norm=norm,
        cmap=colormaps[colours].resampled(_SHADES),
        origin="lower",
        extent=(east, east - size * pixel, -east, size * pixel - east),
    )
    styled(axes).grid(visible=False)
    axes.set(xlabel="RA offset (arcsec)", ylabel="Dec offset (arcsec)")
    titled(axes, name)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    ticks = _asinh_ticks(norm) if isinstance(norm, AsinhNorm) else None
    bar = axes.figure.colorbar(
        shown, cax=axes.inset_axes((1.03, 0.0, 0.035, 1.0)), ticks=ticks, format="{x:g}"
    )
    bar.minorticks_off()
    bar.ax.tick_params(labelsize=SMALL, labelcolor=MUTED, color=MUTED, length=3.0)
    bar.outline.set_edgecolor(MUTED)
    bar.ax.set_title(unit, size=SMALL, color=INK, loc="left")
    if beam is not None and 0 < beam[0] < size * cell / 3:
        _draw_beam(axes, beam, size * pixel)


def _asinh_ticks(norm: AsinhNorm) -> list[float]:
    """Round numbers that stand apart on a bar: 0, then powers of ten, then 2 and 5 times these."""
    ends = (norm.vmin or 0.0, norm.vmax or 0.0)
    top = int(np.floor(np.log10(np.abs(ends).max())))
    tens = [sign * 10.0**power for power in range(top, top - 4, -1) for sign in (1, -1)]
    wanted = [0.0, *tens, *(digit * ten for ten in tens for digit in (2, 5))]
    taken: dict[float, float] = {}
    for tick, place in zip(wanted, np.asarray(norm(wanted)).tolist(), strict=True):
        if 0 <= place <= 1 and all(abs(place - other) >= 0.05 for other in taken.values()):
            taken[tick] = place
    return sorted(taken)


def _draw_beam(axes: Axes, beam: Floats, width: float) -> None:
    """Draw the ellipse of the beam in the lower left corner."""
    major, minor = beam[:2] / ARCSEC
    box = max(1.3 * major, 0.045 * width)
    left, bottom = axes.get_xlim()[0] - 0.012 * width, axes.get_ylim()[0] + 0.012 * width
    axes.add_patch(Rectangle((left - box, bottom), box, box, fc="white", ec="none", alpha=0.85))
    # From north (up) through east (left), where x grows.
    angle, centre = 90.0 - np.degrees(beam[2]), (left - box / 2, bottom + box / 2)
    axes.add_patch(Ellipse(centre, major, minor, angle=angle, fc=INK, ec=INK, lw=0.8))
