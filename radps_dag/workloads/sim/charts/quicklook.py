"""An image to a picture for people: its planes side by side, and the spectrum of a cube."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from radps_dag.workloads.noise import clipped_noise
from radps_dag.workloads.sim.charts.planes import (
    ARCSEC,
    draw_emission,
    draw_half_power,
    draw_residual,
)
from radps_dag.workloads.sim.charts.sheet import (
    COLOURS,
    EDGE,
    counted,
    prefixed,
    sheet,
    styled,
    titled,
)
from radps_dag.workloads.sim.image import Image, Plane
from radps_dag.workloads.sim.stores.fits_reading import FitsPlane

__all__ = ["draw_spectrum_at_peak", "fits_quicklook", "quicklook"]

_SHOWN: tuple[Plane, ...] = ("dirty", "model", "residual", "restored")
_ALONE, _MARGINS = (4.4, 4.4), (0.62, 0.76, 0.26, 0.44)
_Planes = Mapping[Plane, NDArray[np.float64]]


def quicklook(image: Image) -> Figure:
    """The planes that there are of dirty, model, residual and restored, and a cube's spectrum; of
    an image that is being cleaned, the residual with the outline of the mask.

    Raises ValueError where there are none, or a pixel is not a number.
    """
    cleaning = "residual" in image.planes and "restored" not in image.planes
    planes = {name: _finite(image, name) for name in _SHOWN if name in image.planes}
    if not planes:
        raise ValueError(f"the image of {image.field} has no plane to draw")
    title, shown = image.name, list(planes)
    if cleaning:
        title, shown = f"{title}: after {counted(len(image.history), 'major cycle')}", ["residual"]
    cube = len(image.frequency) > 1 and not cleaning
    columns = min(2, len(shown))
    figure, grid = sheet(
        title,
        _about(image),
        image.simulated,
        (2.88, 2.88) if columns > 1 else _ALONE,
        (-(-len(shown) // 2), columns),
        (1.36, 0.7),
        (*_MARGINS[:3], 2.6 if cube else _MARGINS[3]),
    )
    for name, place in zip(shown, grid, strict=False):
        _draw_plane(figure.add_subplot(place), image, planes, name, cleaning)
    if cube:
        width, height = figure.get_size_inches()
        axes = figure.add_axes((0.7 / width, 0.48 / height, 1 - 0.9 / width, 1.5 / height))
        cleaned = planes["restored" if "restored" in planes else "dirty"]
        draw_spectrum_at_peak(axes, cleaned, image.frequency, image.cell, image.sensitivity > 0)
    return figure


def fits_quicklook(plane: FitsPlane) -> Figure:
    """The plane of a FITS image; of one that is not square, the middle."""
    figure, grid = sheet(plane.name, plane.about, False, _ALONE, margins=_MARGINS)
    size = min(plane.values.shape)
    top, left = ((length - size) // 2 for length in plane.values.shape)
    values = plane.values[top : top + size, left : left + size]
    axes = figure.add_subplot(grid[0])
    draw_emission(axes, values, plane.cell, noise=plane.rms, beam=plane.beam)
    return figure


def draw_spectrum_at_peak(
    axes: Axes,
    cube: NDArray[np.float64],
    frequency: NDArray[np.float64] | NDArray[np.float32],
    cell: float,
    good: NDArray[np.bool_],
) -> None:
    """Draw the spectrum at the brightest pixel of a cube.

    Args:
        axes: the frame
        cube: (c, y, x) in Jy/beam
        frequency: (c,) in Hz
        cell: width of a pixel in rad
        good: (c,) planes that have data
    """
    size = cube.shape[-1]
    row, column = np.unravel_index(int(cube.max(axis=0).argmax()), cube.shape[1:])
    values = np.where(good, cube[:, row, column], np.nan)
    factor, unit = prefixed(float(np.nanmax(np.abs(values), initial=0.0)), "Jy/beam")
    at = np.asarray(frequency, dtype=np.float64) / 1e9
    order = np.argsort(at)
    steps = np.diff(at[order])
    # Where channels are missing, as between spectral windows, the line is interrupted.
    gaps = np.flatnonzero(steps > 1.5 * np.median(steps)) + 1
    x, y = np.insert(at[order], gaps, np.nan), np.insert(factor * values[order], gaps, np.nan)
    styled(axes).axhline(0.0, color=EDGE, linewidth=1.0)
    axes.plot(x, y, color=COLOURS[0], linewidth=1.0, marker="o", markersize=2.5)
    axes.set(xmargin=0.02, xlabel="frequency (GHz)", ylabel=unit)
    east = (size // 2 - int(column)) * cell / ARCSEC
    north = (int(row) - size // 2) * cell / ARCSEC
    place = f"{east:+.1f}, {north:+.1f} arcsec".replace("-", "\N{MINUS SIGN}")
    titled(axes, f"Spectrum at the peak, at {place}")


def _draw_plane(axes: Axes, image: Image, planes: _Planes, name: Plane, outlined: bool) -> None:
    """Draw the highest of the planes of a cube; the residual in the plane in which it is farthest
    above or below the noise."""
    values, beam = planes[name], _beam(image)
    if name == "residual":
        thermal = np.where(image.sensitivity > 0, image.sensitivity, np.inf)
        worst = int((np.abs(values).max(axis=(1, 2)) / thermal).argmax())
        title = f"Residual of plane {worst + 1} of {len(values)}" if len(values) > 1 else "Residual"
        mask = image.planes["mask"][worst] > 0 if outlined and "mask" in image.planes else None
        if mask is not None and mask.any():
            title += ", with the mask in green"
        draw_residual(axes, values[worst], image.cell, name=title, beam=beam, mask=mask)
        return
    title, unit, noise = name.capitalize(), "Jy/beam", _noise(image)
    if name == "model":
        noise, unit = 0.0, "Jy/pixel"
        if "restored" in planes and "residual" in planes:
            # What the restored image has more than the residual.
            title, unit = "Model, convolved", "Jy/beam"
            values = planes["restored"] - planes["residual"]
    if len(values) > 1:
        title += ", highest of all planes"
    highest = values.max(axis=0)
    draw_emission(axes, highest, image.cell, name=title, unit=unit, noise=noise, beam=beam)
    if name == "restored":
        draw_half_power(axes, image.primary_beam[0], image.cell)


def _finite(image: Image, name: Plane) -> NDArray[np.float64]:
    """A plane (c, y, x) of an image; raises ValueError if a pixel of it is not a number."""
    values = np.asarray(image.planes[name], dtype=np.float64)
    if not values.size:
        raise ValueError(f"the {name} plane of the image of {image.field} has no pixels")
    if bad := int((~np.isfinite(values)).sum()):
        raise ValueError(
            f"{bad} of {values.size} pixels of the {name} plane of the image of {image.field} are "
            "not numbers: it cannot be drawn"
        )
    return values


def _noise(image: Image) -> float:
    """Noise in Jy/beam of the residual, of the planes that have data."""
    plane = image.planes.get("residual", image.planes.get("dirty"))
    good = image.sensitivity > 0
    if plane is None or not good.any():
        return 0.0
    return clipped_noise(np.asarray(plane[good], dtype=np.float64).ravel())


def _beam(image: Image) -> NDArray[np.float64]:
    """(3,) the median of the planes; zeros where no plane has one."""
    beams = image.beam[image.beam[:, 0] > 0]
    return np.asarray(np.median(beams, axis=0)) if beams.size else np.zeros(3)


def _about(image: Image) -> str:
    good = image.sensitivity[image.sensitivity > 0]
    if not good.size:
        return "no data: all visibilities are flagged; no beam"
    rms, thermal = _noise(image), float(np.median(good))
    factor, unit = prefixed(max(rms, thermal), "Jy/beam")
    noise = f"rms {factor * rms:.3g} {unit}, thermal noise {factor * thermal:.3g} {unit}"
    major, minor, angle = _beam(image).tolist()
    if not major:
        return f"{noise}; no beam"
    size = f"{major / ARCSEC:.2f} by {minor / ARCSEC:.2f} arcsec at {np.degrees(angle):.0f}°"
    return f"{noise}; beam {size}"
