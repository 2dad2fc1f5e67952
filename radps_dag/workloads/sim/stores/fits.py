"""An image to a FITS file (the FITS standard, version 4.0; WCS papers I to III), by astropy."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from astropy.io.fits import BinTableHDU, Column, HDUList, Header, ImageHDU, PrimaryHDU
from astropy.time import Time
from astropy.wcs import WCS
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.geometry import BANDWIDTH, antennas_of, schedule
from radps_dag.workloads.sim.simulation.sky import line_of
from radps_dag.workloads.sim.stores.msv4 import telescope_of
from radps_dag.workloads.sim.stores.zarr_store import SIMULATED

__all__ = ["fits"]

_TABLE, _COLUMN = "WCS-TABLE", "COORDS"
_Reals = NDArray[np.float64]


def fits(image: Image, observation: Observation) -> bytes:
    """The restored plane as a FITS file, corrected for the primary beam: an array over right
    ascension, declination, frequency and Stokes, a table with the beam of each plane, and the
    primary beam, by which the array is multiplied to have even noise again.

    Planes without data are blank (not a number, as the standard has it). Where planes are not at
    equal steps of frequency, as of several spectral windows, a table says where they are (`-TAB`).

    Raises ValueError where there is no restored plane, where a pixel is not a number, or where no
    plane has data.
    """
    planes, good = _corrected(image)
    order = np.argsort(image.frequency)
    frequency = np.asarray(image.frequency, dtype=np.float64)[order]
    beam = np.asarray(image.beam, dtype=np.float64)
    axes = _axes(image, observation, frequency)
    first = PrimaryHDU(planes[order][np.newaxis].astype(">f4"), axes)
    first.header.update(_header(image, observation, np.median(beam[good], axis=0)))
    if observation.data is None:
        first.header.add_comment(SIMULATED)
    if not good.all():
        first.header.add_comment(f"{int((~good).sum())} planes have no data and are blank")
    parts = [first, _beams(beam[order])] + ([] if _even(frequency) else [_frequencies(frequency)])
    if image.diameter:
        power = image.primary_beam[order][np.newaxis].astype(">f4")
        parts.append(ImageHDU(power, axes, name="PRIMARY_BEAM"))
    file = io.BytesIO()
    HDUList(parts).writeto(file, output_verify="exception")
    return file.getvalue()


def _corrected(image: Image) -> tuple[_Reals, NDArray[np.bool_]]:
    """(c, y, x) corrected for the primary beam, and (c,) the planes that have data, as the others
    are blank. Raises ValueError for what cannot be exported."""
    if "restored" not in image.planes:
        raise ValueError(f"the image of {image.field} has no restored plane: restore it first")
    restored = np.asarray(image.planes["restored"])
    if bad := int((~np.isfinite(restored)).sum()):
        of = f"{restored.size} pixels of the restored image of {image.field}"
        raise ValueError(f"{bad} of {of} are not numbers")
    good = np.asarray(image.sensitivity, dtype=np.float64) > 0
    if not good.any():
        raise ValueError(f"the image of {image.field} has no data: all visibilities are flagged")
    planes = np.asarray(image.corrected, dtype=np.float64)
    planes[~good] = np.nan
    return planes, good


def _header(image: Image, observation: Observation, beam: _Reals) -> dict[str, Any]:
    """The header but for the axes: values, or values with comments."""
    major, minor, angle = np.degrees(beam).tolist()
    simulated = observation.data is None
    cards = {
        "OBJECT": _ascii(image.field),
        "TELESCOP": (
            _ascii(telescope_of(observation)),
            "whose array is simulated" * simulated,
        ),
        "ORIGIN": ("radps-dag", "its sim library"),
        "PROJECT": _ascii(observation.project),
        "SIMULATD": (simulated, "not a measurement: simulated" * simulated),
        "BUNIT": ("Jy/beam", "brightness"),
        "BTYPE": "Intensity",
        "BMAJ": (major, "[deg] median of the planes; see table BEAMS"),
        "BMIN": (minor, "[deg] median of the planes; see table BEAMS"),
        "BPA": (angle, "[deg] north through east"),
        "CASAMBM": (True, "there is a table BEAMS, as CASA writes it"),
        "PBCOR": (image.diameter > 0, "whether corrected for the primary beam"),
        "SPWS": (",".join(map(str, image.spws)), "spectral windows"),
        "ROBUST": (float(image.robust), "Briggs weighting"),
    }
    if image.diameter:
        cards["DISHDIAM"] = (image.diameter, "[m] diameter of the dishes")
    return cards


def _axes(image: Image, observation: Observation, frequency: _Reals) -> Header:
    """The axes on the sky and in frequency, and when and from where they were seen."""
    system = WCS(naxis=4)
    axes, start = system.wcs, _start(image, observation)
    ra, dec = np.degrees(image.direction).tolist()
    cell, centre = float(np.degrees(image.cell)), image.size // 2 + 1.0
    even = _even(frequency)
    axes.ctype = ["RA---SIN", "DEC--SIN", "FREQ" if even else "FREQ-TAB", "STOKES"]
    axes.cunit = ["deg", "deg", "Hz", ""]
    axes.crpix = [centre, centre, 1.0, 1.0]
    axes.crval = [ra % 360.0, dec, float(frequency[0]) if even else 1.0, 1.0]
    axes.cdelt = [-cell, cell, _step(image, observation, frequency) if even else 1.0, 1.0]
    if not even:
        axes.set_ps([(3, 0, _TABLE), (3, 1, _COLUMN)])
    axes.radesys, axes.specsys = "ICRS", "TOPOCENT"
    axes.restfrq = _rest(image, observation) or float(np.median(frequency))
    axes.timesys, axes.dateobs, axes.mjdobs = "UTC", str(start.isot), float(start.mjd)
    axes.obsgeo[:3] = _place(observation)
    return system.to_header()


def _start(image: Image, observation: Observation) -> Time:
    """The start of the field's first visit; of real data, their beginning."""
    if observation.data is not None:
        return Time(observation.data.start, format="unix", scale="utc")
    starts = [visit.start for visit in schedule(observation) if visit.field == image.field]
    starts = starts or [visit.start for visit in schedule(observation)]
    return Time(min(starts), format="unix", scale="utc")


def _even(frequency: _Reals) -> bool:
    """Whether planes are at equal steps."""
    steps = np.diff(frequency)
    return bool(steps.size == 0 or np.ptp(steps) <= 1e-6 * abs(steps.mean()))


def _step(image: Image, observation: Observation, frequency: _Reals) -> float:
    """Between planes in Hz; of a single one, the bandwidth that went in."""
    if len(frequency) > 1:
        return float(np.diff(frequency).mean())
    if observation.data is not None:
        widths = observation.data.widths
        return sum(len(used) * widths[str(spw)] for spw, used in image.channels.items())
    used = sum(len(channels) for channels in image.channels.values())
    return BANDWIDTH / observation.channels * max(1, used)


def _place(observation: Observation) -> tuple[float, ...]:
    """The position of the array in m (ITRF)."""
    if observation.data is not None:
        return observation.data.place
    return tuple(antennas_of(observation).positions.mean(axis=0).tolist())


def _rest(image: Image, observation: Observation) -> float | None:
    """The rest frequency in Hz of the line of the image's spw, where the observation names one."""
    if len(image.spws) != 1:
        return None
    if observation.data is not None:
        return observation.data.lines.get(str(image.spws[0]))
    line = line_of(observation, image.field, image.spws[0])
    return line.frequency if line is not None else None


def _ascii(text: str) -> str:
    """A text with the characters that a header takes."""
    return "".join(char if " " <= char <= "~" else "?" for char in text)


def _beams(beam: _Reals) -> BinTableHDU:
    """A table BEAMS as CASA writes it: major and minor axis in arcsec, angle in degrees."""
    count = len(beam)
    arcsec = np.degrees(beam[:, :2]) * 3600.0
    columns = [
        Column("BMAJ", "1E", "arcsec", array=arcsec[:, 0]),
        Column("BMIN", "1E", "arcsec", array=arcsec[:, 1]),
        Column("BPA", "1E", "deg", array=np.degrees(beam[:, 2])),
        Column("CHAN", "1J", array=np.arange(count)),
        Column("POL", "1J", array=np.zeros(count, dtype=np.int32)),
    ]
    return BinTableHDU.from_columns(columns, Header({"NCHAN": count, "NPOL": 1}), name="BEAMS")


def _frequencies(frequency: _Reals) -> BinTableHDU:
    """The table to which an axis `-TAB` refers: one row with all frequencies in Hz."""
    count = len(frequency)
    values = frequency.reshape(1, count, 1)
    column = Column(_COLUMN, f"{count}D", "Hz", dim=f"(1,{count})", array=values)
    return BinTableHDU.from_columns([column], name=_TABLE, ver=1)
