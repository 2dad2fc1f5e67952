"""An image to a picture for people: its planes side by side, and the spectrum of a cube."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from radps_dag.workloads.sim.charts.planes import (
    ARCSEC,
    draw_emission,
    draw_half_power,
    draw_residual,
)
from radps_dag.workloads.sim.charts.sheet import (
    COLOURS,
    HEADER,
    INK,
    axes_at,
    limits,
    points,
    prefixed,
    sheet,
)
from radps_dag.workloads.sim.image import Image, Plane
from radps_dag.workloads.sim.stores.fits_reading import FitsPlane

__all__ = ["draw_spectrum_at_peak", "fits_quicklook", "quicklook"]

_SIZE, _ALONE, _SPECTRUM = 288.0, 440.0, 150.0  # of a frame beside others, by itself, of a spectrum
_LEFT, _RIGHT, _BELOW = 62.0, 76.0, 44.0
_Draw = Callable[[Axes], None]


def quicklook(image: Image) -> Figure:
    """The planes that there are of dirty, model, residual and restored, and a cube's spectrum; of
    an image that is being cleaned, the residual with the outline of the mask.

    Raises ValueError where there are none, or a pixel is not a number.
    """
    planes = _planes(image)
    columns = min(2, len(planes))
    size = _SIZE if columns > 1 else _ALONE
    across, down = _LEFT + size + _RIGHT, 26 + size + _BELOW
    width, height = across * columns, HEADER + down * -(-len(planes) // columns)
    cube = len(image.frequency) > 1 and not _being_cleaned(image)
    below = _SPECTRUM + 66 if cube else 0.0
    figure = sheet(width, height + below, _name(image), _about(image), image.simulated)
    for number, draw in enumerate(planes):
        row, column = divmod(number, columns)
        draw(axes_at(figure, _LEFT + across * column, HEADER + 22 + down * row, size, size))
    if cube:
        name: Plane = "restored" if "restored" in image.planes else "dirty"
        axes = axes_at(figure, _LEFT + 8, height + 18, width - _LEFT - 30, _SPECTRUM)
        good = np.asarray(image.sensitivity, dtype=np.float64) > 0
        draw_spectrum_at_peak(axes, _finite(image, name), image.frequency, image.cell, good)
    return figure


def fits_quicklook(plane: FitsPlane) -> Figure:
    """The plane of a FITS image; of one that is not square, the middle."""
    width, height = _LEFT + _ALONE + _RIGHT, HEADER + 22 + _ALONE + _BELOW
    figure = sheet(width, height, plane.name, plane.about, simulated=False)
    size = min(plane.values.shape)
    top, left = ((length - size) // 2 for length in plane.values.shape)
    values = plane.values[top : top + size, left : left + size]
    axes = axes_at(figure, _LEFT, HEADER + 22, _ALONE, _ALONE)
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
    axes.axhline(0.0, color="#8a939c", linewidth=1.0)
    axes.plot(x, y, color=COLOURS[0], linewidth=1.0, marker="o", markersize=2.5)
    axes.set_xlim(*limits(at, 0.02, 1e-3))
    axes.set_ylim(*limits(np.append(factor * values, 0.0)))
    axes.set(xlabel="frequency (GHz)", ylabel=unit)
    east = (size // 2 - int(column)) * cell / ARCSEC
    north = (int(row) - size // 2) * cell / ARCSEC
    place = f"{east:+.1f}, {north:+.1f} arcsec".replace("-", "\N{MINUS SIGN}")
    title = f"Spectrum at the peak, at {place}"
    axes.set_title(title, loc="left", size=points(12), weight="bold", color=INK)


def _planes(image: Image) -> list[_Draw]:
    """Dirty, model, residual, restored: those that there are."""
    if _being_cleaned(image):
        return [_residual(image, outlined=True)]
    drawings: list[_Draw] = []
    if "dirty" in image.planes:
        drawings.append(_emission(image, "Dirty", _finite(image, "dirty").max(axis=0)))
    if "model" in image.planes:
        drawings.append(_model(image))
    if "residual" in image.planes:
        drawings.append(_residual(image))
    if "restored" in image.planes:
        drawings.append(_restored(image))
    if not drawings:
        raise ValueError(f"the image of {image.field} has no plane to draw")
    return drawings


def _emission(image: Image, name: str, values: NDArray[np.float64], unit: str = "Jy/beam") -> _Draw:
    name = name if len(image.frequency) == 1 else f"{name}, highest of all planes"
    noise = 0.0 if name.startswith("Model") else _noise(image)
    return lambda axes: draw_emission(
        axes, values, image.cell, name=name, unit=unit, noise=noise, beam=_beam(image)
    )


def _restored(image: Image) -> _Draw:
    """The restored image as it is, not corrected, and where the primary beam is at a half."""
    emission = _emission(image, "Restored", _finite(image, "restored").max(axis=0))

    def draw(axes: Axes) -> None:
        emission(axes)
        draw_half_power(axes, image.primary_beam[0], image.cell)

    return draw


def _model(image: Image) -> _Draw:
    """The model convolved with the beam, which is what the restored image has more than the
    residual; or as it is, where there is none."""
    components = _finite(image, "model")
    if "restored" not in image.planes or "residual" not in image.planes:
        return _emission(image, "Model", components.max(axis=0), "Jy/pixel")
    model = (_finite(image, "restored") - _finite(image, "residual")).max(axis=0)
    return _emission(image, "Model, convolved", model)


def _residual(image: Image, outlined: bool = False) -> _Draw:
    """The residual; of a cube, of the plane in which it is farthest above or below the noise."""
    planes = _finite(image, "residual")
    thermal = np.where(image.sensitivity > 0, image.sensitivity, np.inf)
    worst = int((np.abs(planes).max(axis=(1, 2)) / thermal).argmax())
    name = "Residual" if len(planes) == 1 else f"Residual of plane {worst + 1} of {len(planes)}"
    mask = _finite(image, "mask")[worst] > 0 if outlined and "mask" in image.planes else None
    if mask is not None and mask.any():
        name = f"{name}, with the mask in green"
    return lambda axes: draw_residual(
        axes, planes[worst], image.cell, name=name, beam=_beam(image), mask=mask
    )


def _finite(image: Image, name: Plane) -> NDArray[np.float64]:
    """A plane (c, y, x) of an image.

    Raises ValueError if there is none, or if a pixel of it is not a number.
    """
    if name not in image.planes:
        raise ValueError(f"the image of {image.field} has no {name} plane to draw")
    values = np.asarray(image.planes[name], dtype=np.float64)
    if not values.size:
        raise ValueError(f"the {name} plane of the image of {image.field} has no pixels")
    if bad := int((~np.isfinite(values)).sum()):
        raise ValueError(
            f"{bad} of {values.size} pixels of the {name} plane of the image of {image.field} are "
            "not numbers: it cannot be drawn"
        )
    return values


def _name(image: Image) -> str:
    spws, cycles = ", ".join(map(str, image.spws)), len(image.history)
    name = f"{image.field}, spw{'s' if len(image.spws) > 1 else ''} {spws}, {image.mode}"
    if not _being_cleaned(image):
        return name
    return f"{name}: after {cycles} major cycle{'s' if cycles != 1 else ''}"


def _being_cleaned(image: Image) -> bool:
    return "residual" in image.planes and "restored" not in image.planes


def _noise(image: Image) -> float:
    """Robust standard deviation in Jy/beam of the residual, of the planes that have data."""
    plane = image.planes.get("residual", image.planes.get("dirty"))
    if plane is None or not (image.sensitivity > 0).any():
        return 0.0
    values: NDArray[np.float64] = np.asarray(plane, dtype=np.float64)[image.sensitivity > 0]
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _beam(image: Image) -> NDArray[np.float64]:
    """(3,) the median of the planes; zeros where no plane has one."""
    beams = np.asarray(image.beam, dtype=np.float64)
    beams = beams[beams[:, 0] > 0]
    return np.median(beams, axis=0) if beams.size else np.zeros(3)


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
