"""A plane of an image to a panel: offsets from the phase centre, beam, colour bar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import degrees

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.axes import Axis, Frame
from radps_dag.workloads.sim.charts.colours import DIVERGING, SEQUENTIAL, Map
from radps_dag.workloads.sim.charts.marks import picture, rectangle, words
from radps_dag.workloads.sim.charts.stretch import Stretch, bar
from radps_dag.workloads.sim.charts.ticks import linear_ticks, prefixed
from radps_dag.workloads.sim.image import Image, Plane
from radps_dag.workloads.sim.visibilities import Floats

__all__ = ["BELOW", "BESIDE", "LEFT", "Panel", "about_zero", "bright", "finite", "panel"]

ARCSEC = np.pi / 180 / 3600
# Around the picture itself, in units of the page.
LEFT, BESIDE, BELOW = 58.0, 66.0, 40.0


@dataclass(frozen=True, slots=True)
class Panel:
    """A plane (y, x) to show, in `unit`, with its colours; `mask` (y, x) is outlined."""

    name: str
    values: NDArray[np.float64]
    unit: str
    stretch: Stretch
    colours: Map
    mask: NDArray[np.bool_] | None = None


def finite(image: Image, name: Plane) -> NDArray[np.float64]:
    """A plane (c, y, x) of an image.

    Raises ValueError if the image does not have it, or if a pixel of it is no number.
    """
    if name not in image.planes:
        raise ValueError(f"the image of {image.field} has no {name} plane to draw")
    values = np.asarray(image.planes[name], dtype=np.float64)
    if not values.size:
        raise ValueError(f"the {name} plane of the image of {image.field} has no pixels")
    if bad := int((~np.isfinite(values)).sum()):
        raise ValueError(
            f"{bad} of {values.size} pixels of the {name} plane of the image of {image.field} are "
            "no numbers: it cannot be drawn"
        )
    return values


def bright(name: str, values: NDArray[np.float64], unit: str, noise: float) -> Panel:
    """A panel for emission: logarithmic above some times the noise, so that both are seen."""
    peak = max(float(values.max()), 0.0)
    if not peak:
        return Panel(name, values, unit, Stretch(0.0, 1.0), SEQUENTIAL)
    factor, unit = prefixed(peak, unit)
    soft = max(3.0 * noise, peak / 1000.0)
    low = max(float(values.min()), -3.0 * noise)
    stretch = Stretch(factor * min(low, 0.0), factor * peak, factor * soft)
    return Panel(name, factor * values, unit, stretch, SEQUENTIAL)


def about_zero(
    name: str, values: NDArray[np.float64], unit: str, mask: NDArray[np.bool_] | None = None
) -> Panel:
    """A panel for what should be noise: as far below zero as above."""
    limit = float(np.abs(values).max())
    factor, unit = prefixed(limit, unit)
    limit = factor * limit or 1.0
    return Panel(name, factor * values, unit, Stretch(-limit, limit), DIVERGING, mask)


def panel(
    shown: Panel, image: Image, left: float, top: float, size: float, every: int = 1
) -> Iterator[str]:
    """A panel whose picture is at a place on the page and of a size there; so many pixels in each
    direction are shown as one, their mean."""
    extent = image.size * image.cell / ARCSEC
    east = (image.size // 2 + 0.5) * image.cell / ARCSEC
    # Right ascension grows to the left, and the first row is the lowest.
    inside = min(east, extent - east)
    ticks = tuple(linear_ticks(-inside, inside, 8))
    x = Axis(east, east - extent, "RA offset (arcsec)", at=ticks)
    y = Axis(-east, extent - east, "Dec offset (arcsec)", at=ticks)
    frame = Frame(left, top, size, size, x, y)
    values = _fewer(shown.values, every)
    pixels = shown.colours(shown.stretch.share(values))[::-1]
    yield picture(left, top, size, size, pixels, shown.name)
    if shown.mask is not None and shown.mask.any():
        yield _outline(shown.mask, left, top, size)
    yield from _beam(image, frame)
    yield from frame.edge()
    yield words(left, top - 7, shown.name, 12, weight="SemiBold")
    yield words(left + size + 26, top - 7, shown.unit, 10, anchor="middle")
    yield from frame.x_labels()
    yield from frame.y_labels(38)
    yield from bar(left + size + 10, top, size, shown.stretch, shown.colours)


def _fewer(values: NDArray[np.float64], every: int) -> NDArray[np.float64]:
    """Means of blocks of pixels; those at the ends are filled up with what is at the edge."""
    if every == 1:
        return values
    short = -values.shape[0] % every
    padded = np.pad(values, ((0, short), (0, short)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // every, every, padded.shape[1] // every, every)
    return np.asarray(blocks.mean(axis=(1, 3)))


def _outline(mask: NDArray[np.bool_], left: float, top: float, size: float) -> str:
    """The borders of the pixels of a mask (y, x) that touch one outside of it."""
    count = mask.shape[0]
    step = size / count
    wide = np.pad(mask, 1)
    path = []
    # Between rows, then between columns: pixel (y, x) is from y to y + 1 above the bottom.
    for y, x in np.argwhere(wide[1:, 1:-1] != wide[:-1, 1:-1]).tolist():
        path.append(f"M{left + x * step:.1f} {top + size - y * step:.1f}h{step:.2f}")
    for y, x in np.argwhere(wide[1:-1, 1:] != wide[1:-1, :-1]).tolist():
        path.append(f"M{left + x * step:.1f} {top + size - y * step:.1f}v{-step:.2f}")
    return f'<path d="{"".join(path)}" stroke="#009E73" stroke-width="1.2" fill="none"/>'


def _beam(image: Image, frame: Frame) -> Iterator[str]:
    """The beam's ellipse in the lower left corner; none where no plane has one."""
    beams: Floats = image.beam[image.beam[:, 0] > 0]
    if not beams.size:
        return
    major, minor, angle = np.median(beams, axis=0).tolist()
    unit = frame.width / (image.size * image.cell)
    a, b = max(major * unit / 2, 0.8), max(minor * unit / 2, 0.8)
    if 2 * a > frame.width / 3:
        return
    box = max(2 * a + 8, 16)
    x, y = frame.left + box / 2 + 4, frame.bottom - box / 2 - 4
    yield rectangle(x - box / 2, y - box / 2, box, box, fill="#ffffff", radius=3, opacity=0.85)
    # From north (up) through east (left), which is against the clock.
    turn = 90.0 + degrees(angle)
    yield (
        f'<ellipse cx="{x:.2f}" cy="{y:.2f}" rx="{a:.2f}" ry="{b:.2f}" fill="#5b6570"'
        f' stroke="#1a1f24" stroke-width="0.8" transform="rotate({-turn:.2f} {x:.2f} {y:.2f})"/>'
    )
