"""An image to a picture for people: its planes side by side, and the spectrum of a cube."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.axes import Axis, Frame, around
from radps_dag.workloads.sim.charts.marks import Style, line, points, segment, words
from radps_dag.workloads.sim.charts.page import HEADER, page, to_png
from radps_dag.workloads.sim.charts.panels import (
    ARCSEC,
    BELOW,
    BESIDE,
    LEFT,
    Panel,
    about_zero,
    bright,
    finite,
    panel,
)
from radps_dag.workloads.sim.charts.ticks import prefixed
from radps_dag.workloads.sim.image import Image, Plane

__all__ = ["quicklook_picture", "quicklook_svg", "residual_picture", "residual_svg"]

_SIZE, _ALONE = 288.0, 440.0  # of a panel beside others, and by itself
_SPECTRUM = 150.0
# Pixels of a side: more of noise make files too large to be shown in place.
_MOST_BESIDE, _MOST_ALONE = 144, 256


def residual_picture(image: Image) -> bytes:
    """A PNG of the residual, with the outline of the mask; of a cube, of all its channels."""
    return to_png(residual_svg(image))


def quicklook_picture(image: Image) -> bytes:
    """A PNG of what there is of an image: dirty, model, residual and restored planes."""
    return to_png(quicklook_svg(image))


def residual_svg(image: Image) -> str:
    """The residual as SVG."""
    shown = _residual(image, outlined=True)
    cycles = len(image.history)
    title = f"{_name(image)}: after {cycles} major cycle{'s' if cycles != 1 else ''}"
    left, top = LEFT, HEADER + 22
    width, height = left + _ALONE + BESIDE, top + _ALONE + BELOW
    every = ceil(image.size / _MOST_ALONE)
    # Beside the name of the panel there is room; the line above may have none.
    if shown.mask is not None and shown.mask.any():
        shown = replace(shown, name=f"{shown.name}, with the mask in green")
    drawn = panel(shown, image, left, top, _ALONE, every)
    return page(width, height, title, _about(image, every), drawn)


def quicklook_svg(image: Image) -> str:
    """All planes that people look at as SVG."""
    panels = _panels(image)
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    size = _SIZE if columns > 1 else _ALONE
    every = ceil(image.size / (_MOST_BESIDE if columns > 1 else _MOST_ALONE))
    across, down = LEFT + size + BESIDE, 22 + size + BELOW
    width, height = across * columns, HEADER + down * rows
    parts = [
        part
        for number, shown in enumerate(panels)
        for part in panel(
            shown,
            image,
            LEFT + across * (number % columns),
            HEADER + 22 + down * (number // columns),
            size,
            every,
        )
    ]
    if len(image.frequency) > 1:
        parts += _spectrum(image, height + 18, width)
        height += 18 + _SPECTRUM + 48
    return page(width, height, _name(image), _about(image, every), parts)


def _panels(image: Image) -> list[Panel]:
    """Dirty, model, residual, restored: those that there are."""
    noise = _noise(image)
    found = []
    if "dirty" in image.planes:
        dirty = finite(image, "dirty").max(axis=0)
        found.append(bright(_highest("Dirty", image), dirty, "Jy/beam", noise))
    if "model" in image.planes:
        found.append(_model(image))
    if "residual" in image.planes:
        found.append(_residual(image))
    if "restored" in image.planes:
        restored = finite(image, "restored").max(axis=0)
        found.append(bright(_highest("Restored", image), restored, "Jy/beam", noise))
    if not found:
        raise ValueError(f"the image of {image.field} has no plane to draw")
    return found


def _model(image: Image) -> Panel:
    """The model convolved with the beam, which is what the restored image has more than the
    residual; or as it is, where there is none."""
    components = finite(image, "model")
    if "restored" not in image.planes or "residual" not in image.planes:
        model = components.max(axis=0)
        return bright(_highest("Model", image), model, "Jy/pixel", 0.0)
    model = (finite(image, "restored") - finite(image, "residual")).max(axis=0)
    return bright(_highest("Model, convolved", image), model, "Jy/beam", 0.0)


def _residual(image: Image, outlined: bool = False) -> Panel:
    """The residual; of a cube, of the plane in which it is farthest above or below the noise."""
    planes = finite(image, "residual")
    thermal = np.where(image.sensitivity > 0, image.sensitivity, np.inf)
    worst = int((np.abs(planes).max(axis=(1, 2)) / thermal).argmax())
    name = "Residual" if len(planes) == 1 else f"Residual of plane {worst + 1} of {len(planes)}"
    mask = finite(image, "mask")[worst] > 0 if outlined and "mask" in image.planes else None
    return about_zero(name, planes[worst], "Jy/beam", mask)


def _spectrum(image: Image, top: float, width: float) -> Iterator[str]:
    """The spectrum at the brightest pixel of a cube."""
    name: Plane = next(one for one in ("restored", "dirty", "residual") if one in image.planes)
    cube = finite(image, name)
    row, column = np.unravel_index(int(cube.max(axis=0).argmax()), cube.shape[1:])
    good = image.sensitivity > 0
    values = np.where(good, cube[:, row, column], np.nan)
    factor, unit = prefixed(float(np.nanmax(np.abs(values), initial=0.0)), "Jy/beam")
    frequency = np.asarray(image.frequency, dtype=np.float64) / 1e9
    x = Axis(*around(frequency, 0.02, least=1e-3), "frequency (GHz)")
    y = Axis(*around(np.append(factor * values, 0.0)), unit)
    frame = Frame(LEFT + 8, top, width - LEFT - 30, _SPECTRUM, x, y)
    yield from frame.background()
    zero = float(frame.down([0.0])[0])
    yield segment(frame.left, zero, frame.right, zero, "#8a939c")
    order = np.argsort(frequency)
    at, down = frame.across(frequency[order]), frame.down(factor * values[order])
    steps = np.diff(frequency[order])
    gaps = (np.flatnonzero(steps > 1.5 * np.median(steps)) + 1).tolist()
    yield line(at, down, Style("#0072B2"), 1.4, breaks=gaps)
    yield points(at, down, Style("#0072B2"), 1.8)
    yield from frame.edge()
    east = (image.size // 2 - int(column)) * image.cell / ARCSEC
    north = (int(row) - image.size // 2) * image.cell / ARCSEC
    minus = "\N{MINUS SIGN}"
    place = f"{east:+.1f}, {north:+.1f} arcsec".replace("-", minus)
    yield words(frame.left, top - 7, f"Spectrum at the peak, at {place}", 12, weight="SemiBold")
    yield from frame.x_labels()
    yield from frame.y_labels(46)


def _highest(name: str, image: Image) -> str:
    return name if len(image.frequency) == 1 else f"{name}, highest of all planes"


def _name(image: Image) -> str:
    spws = ", ".join(map(str, image.spws))
    return f"{image.field}, spw{'s' if len(image.spws) > 1 else ''} {spws}, {image.mode}"


def _noise(image: Image) -> float:
    """Robust standard deviation in Jy/beam of the residual, of the planes that have data."""
    residual = image.planes.get("residual", image.planes.get("dirty"))
    if residual is None or not (image.sensitivity > 0).any():
        return 0.0
    values: NDArray[np.float64] = np.asarray(residual, dtype=np.float64)[image.sensitivity > 0]
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _about(image: Image, every: int) -> str:
    words = f"{_noise_words(image)}; {_beam_words(image)}"
    return words if every == 1 else f"{words}; means of {every} by {every} pixels"


def _noise_words(image: Image) -> str:
    good = image.sensitivity[image.sensitivity > 0]
    if not good.size:
        return "no data: all visibilities are flagged"
    rms, thermal = _noise(image), float(np.median(good))
    factor, unit = prefixed(max(rms, thermal), "Jy/beam")
    return f"rms {factor * rms:.3g} {unit}, thermal noise {factor * thermal:.3g} {unit}"


def _beam_words(image: Image) -> str:
    beams = image.beam[image.beam[:, 0] > 0]
    if not beams.size:
        return "no beam"
    major, minor, angle = np.median(beams, axis=0).tolist()
    return f"beam {major / ARCSEC:.2f} by {minor / ARCSEC:.2f} arcsec at {np.degrees(angle):.0f}°"
