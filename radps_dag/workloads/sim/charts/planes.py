"""A plane of an image to a frame with its colours, its beam and its mask."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import AsinhNorm, Colormap, Normalize
from matplotlib.image import AxesImage
from matplotlib.patches import Ellipse, Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.sheet import INK, MAPS, MUTED, SHADES, points, prefixed
from radps_dag.workloads.sim.visibilities import Bools, Floats

__all__ = ["ARCSEC", "draw_emission", "draw_half_power", "draw_residual"]

ARCSEC = np.pi / 180 / 3600


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
    factor, unit = prefixed(peak, unit) if peak else (1.0, unit)
    low = factor * min(max(float(values.min()), -3.0 * noise), 0.0)
    soft = factor * max(3.0 * noise, peak / 1000.0)
    norm = AsinhNorm(soft, low, factor * peak) if peak else Normalize(0.0, 1.0)
    _draw(
        axes,
        factor * np.asarray(values, np.float64),
        cell,
        name,
        unit,
        norm,
        colormaps[MAPS[0]],
        beam,
    )


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
    norm = Normalize(-limit, limit)
    _draw(
        axes,
        factor * np.asarray(values, np.float64),
        cell,
        name,
        unit,
        norm,
        colormaps[MAPS[1]],
        beam,
    )
    if mask is not None and mask.any():
        size = len(mask)
        edges = (size // 2 - np.arange(-1, size + 1)) * cell / ARCSEC
        outlined = np.pad(mask, 1).astype(np.float64)
        axes.contour(edges, -edges, outlined, [0.5], colors="#009E73", linewidths=1.0)


def draw_half_power(axes: Axes, power: Floats, cell: float) -> None:
    """Draw where the primary beam (y, x) has fallen to a half, dashed, if it does in this image."""
    if power.min() < 0.5:
        at = (len(power) // 2 - np.arange(len(power))) * cell / ARCSEC
        axes.contour(at, -at, power, [0.5], colors="#8a939c", linewidths=1.0, linestyles="dashed")


def _draw(
    axes: Axes,
    values: NDArray[np.float64],
    cell: float,
    name: str,
    unit: str,
    norm: Normalize,
    colours: Colormap,
    beam: Floats | None,
) -> None:
    size = len(values)
    east = (size // 2 + 0.5) * cell / ARCSEC
    extent = (east, east - size * cell / ARCSEC, -east, size * cell / ARCSEC - east)
    shades = colours.resampled(SHADES)
    shown = axes.imshow(values, norm=norm, cmap=shades, origin="lower", extent=extent)
    axes.grid(visible=False)
    axes.set_xlabel("RA offset (arcsec)")
    axes.set_ylabel("Dec offset (arcsec)")
    axes.set_title(name, loc="left", size=points(12), weight="bold", color=INK, parse_math=False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    _bar(axes, shown, unit)
    if beam is not None and beam[0] > 0:
        _beam(axes, np.asarray(beam, dtype=np.float64), size * cell / ARCSEC)


def _bar(axes: Axes, shown: AxesImage, unit: str) -> None:
    """Draw the colour bar beside the frame."""
    bar = axes.inset_axes((1.03, 0.0, 0.035, 1.0))
    colorbar = axes.figure.colorbar(shown, cax=bar)
    if isinstance(colorbar.norm, AsinhNorm):
        ticks = _asinh_ticks(colorbar.norm)
        colorbar.set_ticks(
            ticks, labels=[f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks]
        )
    colorbar.minorticks_off()
    colorbar.ax.tick_params(labelsize=points(10), labelcolor=MUTED, color=MUTED, length=points(4))
    colorbar.outline.set_edgecolor(MUTED)
    bar.set_title(unit, size=points(10), color=INK, loc="left")


def _asinh_ticks(norm: AsinhNorm) -> list[float]:
    """Round numbers that stand apart on a bar: 0, then powers of ten, then 2 and 5 times these."""
    assert norm.vmin is not None and norm.vmax is not None
    top = int(np.floor(np.log10(max(abs(norm.vmin), abs(norm.vmax)))))
    wanted = [0.0] + [
        sign * float(f"{digit}e{power}")
        for digits in ((1,), (2, 5))
        for power in range(top, top - 4, -1)
        for digit in digits
        for sign in (1, -1)
    ]
    taken: dict[float, float] = {}
    for tick, place in zip(wanted, np.asarray(norm(wanted)).tolist(), strict=True):
        apart = all(abs(place - other) >= 0.05 for other in taken.values())
        if norm.vmin <= tick <= norm.vmax and apart:
            taken[tick] = place
    return sorted(taken)


def _beam(axes: Axes, beam: NDArray[np.float64], width: float) -> None:
    """Draw the ellipse of the beam in the lower left corner, unless it is as large as the frame."""
    major, minor = beam[:2] / ARCSEC
    if major > width / 3:
        return
    box = max(1.3 * major, 0.045 * width)
    left, bottom = axes.get_xlim()[0], axes.get_ylim()[0]
    x, y = left - box / 2 - 0.012 * width, bottom + box / 2 + 0.012 * width
    axes.add_patch(
        Rectangle((x - box / 2, y - box / 2), box, box, fc="white", ec="none", alpha=0.85)
    )
    # From north (up) through east (left), where x grows.
    angle = 90.0 - np.degrees(beam[2])
    axes.add_patch(Ellipse((x, y), major, minor, angle=angle, fc=INK, ec=INK, lw=0.8))
