"""An image to a FITS file (the FITS standard, version 4.0; WCS papers I to III)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.geometry import BANDWIDTH
from radps_dag.workloads.sim.stores.zarr_store import SIMULATED

__all__ = ["fits"]

_BLOCK, _CARD, _STRING = 2880, 80, 66
_STOKES_I = 1
_TABLE, _COLUMN = "WCS-TABLE", "COORDS"
_BEAM_COLUMNS = (
    ("BMAJ", ">f4", "1E", "arcsec"),
    ("BMIN", ">f4", "1E", "arcsec"),
    ("BPA", ">f4", "1E", "deg"),
    ("CHAN", ">i4", "1J", ""),
    ("POL", ">i4", "1J", ""),
)
_Reals = NDArray[np.float64] | NDArray[np.float32]
_Value = str | int | float | bool


def fits(image: Image, observation: Observation) -> bytes:
    """The restored plane as a FITS file: an array over right ascension, declination, frequency and
    Stokes, and a table with the beam of each plane.

    Planes without data are blank (no numbers, as the standard has it). Where planes are not at
    equal steps of frequency, as of several spectral windows, a table says where they are (`-TAB`).

    Raises ValueError where there is no restored plane, where a pixel is no number, or where no
    plane has data.
    """
    if "restored" not in image.planes:
        raise ValueError(f"the image of {image.field} has no restored plane: restore it first")
    planes = np.array(image.planes["restored"], dtype=np.float64)
    if bad := int((~np.isfinite(planes)).sum()):
        raise ValueError(
            f"{bad} of {planes.size} pixels of the restored image of {image.field} are no numbers"
        )
    good = np.asarray(image.sensitivity, dtype=np.float64) > 0
    if not good.any():
        raise ValueError(f"the image of {image.field} has no data: all visibilities are flagged")
    order = np.argsort(image.frequency)
    planes[~good] = np.nan
    frequency = np.asarray(image.frequency, dtype=np.float64)[order]
    header = _header(image, observation, frequency, good)
    data = planes[order][np.newaxis].astype(">f4").tobytes()
    tables = [*_beams(np.asarray(image.beam, dtype=np.float64)[order])]
    if not _even(frequency):
        tables += _frequencies(frequency)
    return b"".join((_cards(header), _padded(data), *tables))


def _header(
    image: Image, observation: Observation, frequency: _Reals, good: NDArray[np.bool_]
) -> Iterator[str]:
    channels, size = len(frequency), image.size
    major, minor, angle = np.median(np.asarray(image.beam, dtype=np.float64)[good], axis=0).tolist()
    yield _card("SIMPLE", True, "conforms to the FITS standard")
    yield _card("BITPIX", -32, "32-bit floating point")
    yield _card("NAXIS", 4)
    for number, length in enumerate((size, size, channels, 1), start=1):
        yield _card(f"NAXIS{number}", length)
    yield _card("EXTEND", True)
    yield _card("OBJECT", image.field)
    yield _card("ORIGIN", "radps-dag", "simulated by its sim library")
    yield _card("PROJECT", observation.project)
    yield _card("SIMULATD", True, "no measurement: simulated")
    yield _card("BUNIT", "Jy/beam", "brightness")
    yield _card("BTYPE", "Intensity")
    yield _card("BMAJ", np.degrees(major), "[deg] median of the planes; see table BEAMS")
    yield _card("BMIN", np.degrees(minor), "[deg] median of the planes; see table BEAMS")
    yield _card("BPA", np.degrees(angle), "[deg] north through east")
    yield _card("RADESYS", "ICRS")
    yield _card("SPECSYS", "TOPOCENT")
    ra, dec = np.degrees(np.asarray(image.direction, dtype=np.float64)).tolist()
    cell, centre = np.degrees(image.cell), size // 2 + 1.0
    yield from _axis(1, "RA---SIN", ra % 360.0, -cell, centre, "deg")
    yield from _axis(2, "DEC--SIN", dec, cell, centre, "deg")
    if _even(frequency):
        step = _step(image, observation, frequency)
        yield from _axis(3, "FREQ", float(frequency[0]), step, 1.0, "Hz")
    else:
        yield from _axis(3, "FREQ-TAB", 1.0, 1.0, 1.0, "Hz")
        yield _card("PS3_0", _TABLE, "the table with the frequencies")
        yield _card("PS3_1", _COLUMN)
    yield from _axis(4, "STOKES", float(_STOKES_I), 1.0, 1.0, "")
    yield _card("RESTFRQ", float(np.median(frequency)), "[Hz] the middle of the band")
    yield _card("SPWS", ",".join(map(str, image.spws)), "spectral windows")
    yield _card("ROBUST", float(image.robust), "Briggs weighting")
    yield _comment(SIMULATED)
    if not good.all():
        yield _comment(f"{int((~good).sum())} planes have no data and are blank")


def _axis(
    number: int, name: str, value: float, step: float, pixel: float, unit: str
) -> Iterator[str]:
    yield _card(f"CTYPE{number}", name)
    yield _card(f"CRVAL{number}", value)
    yield _card(f"CDELT{number}", step)
    yield _card(f"CRPIX{number}", pixel)
    yield _card(f"CUNIT{number}", unit)


def _even(frequency: _Reals) -> bool:
    """Whether planes are at equal steps."""
    steps = np.diff(frequency)
    return bool(steps.size == 0 or np.ptp(steps) <= 1e-6 * abs(steps.mean()))


def _step(image: Image, observation: Observation, frequency: _Reals) -> float:
    """Between planes in Hz; of a single one, the bandwidth that went in."""
    if len(frequency) > 1:
        return float(np.diff(frequency).mean())
    used = sum(len(channels) for channels in image.channels.values())
    return BANDWIDTH / observation.channels * max(1, used)


def _card(name: str, value: _Value, comment: str = "") -> str:
    match value:
        case bool():
            text = f"{'T' if value else 'F':>20}"
        case int():
            text = f"{value:>20}"
        case float():
            text = f"{_real(value):>20}"
        case str():
            text = f"'{_quoted(_ascii(value)):<8}'"
            text = f"{text:<20}"
    note = f" / {comment}" if comment else ""
    return f"{name:<8}= {text}{note}"[:_CARD].ljust(_CARD)


def _quoted(text: str) -> str:
    """As much of a text as fits into a card, its quotes doubled: half of a pair would end it."""
    doubled = ""
    for char in text:
        more = 2 * char if char == "'" else char
        if len(doubled) + len(more) > _STRING:
            break
        doubled += more
    return doubled


def _real(value: float) -> str:
    """With an E and all digits that fit."""
    return f"{value:.13E}"


def _comment(text: str) -> str:
    return f"COMMENT {_ascii(text)}"[:_CARD].ljust(_CARD)


def _ascii(text: str) -> str:
    return "".join(char if " " <= char <= "~" else "?" for char in text)


def _cards(cards: Iterable[str]) -> bytes:
    return _padded("".join((*cards, "END".ljust(_CARD))).encode("ascii"), b" ")


def _padded(content: bytes, with_: bytes = b"\0") -> bytes:
    return content + with_ * (-len(content) % _BLOCK)


def _beams(beam: _Reals) -> Iterator[bytes]:
    """A binary table BEAMS as CASA writes it: major and minor axis in arcsec, angle in degrees."""
    count = len(beam)
    table = np.zeros(count, dtype=[(name, kind) for name, kind, _, _ in _BEAM_COLUMNS])
    table["BMAJ"], table["BMIN"] = (3600 * np.degrees(beam[:, axis]) for axis in (0, 1))
    table["BPA"] = np.degrees(beam[:, 2])
    table["CHAN"] = np.arange(count)
    columns = []
    for number, (name, _, form, unit) in enumerate(_BEAM_COLUMNS, start=1):
        columns += [_card(f"TTYPE{number}", name), _card(f"TFORM{number}", form)]
        columns += [_card(f"TUNIT{number}", unit)] if unit else []
    columns += [_card("NCHAN", count), _card("NPOL", 1)]
    yield from _binary_table("BEAMS", table.itemsize, count, len(_BEAM_COLUMNS), columns)
    yield _padded(table.tobytes())


def _frequencies(frequency: _Reals) -> Iterator[bytes]:
    """The table to which an axis `-TAB` refers: one row with all frequencies in Hz."""
    count = len(frequency)
    columns = [
        _card("TTYPE1", _COLUMN),
        _card("TFORM1", f"{count}D"),
        _card("TDIM1", f"(1,{count})"),
        _card("TUNIT1", "Hz"),
        _card("EXTVER", 1),
        _card("EXTLEVEL", 1),
    ]
    yield from _binary_table(_TABLE, 8 * count, 1, 1, columns)
    yield _padded(frequency.astype(">f8").tobytes())


def _binary_table(
    name: str, width: int, rows: int, fields: int, columns: Sequence[str]
) -> Iterator[bytes]:
    """The header of a table."""
    yield _cards(
        [
            _card("XTENSION", "BINTABLE", "binary table"),
            _card("BITPIX", 8),
            _card("NAXIS", 2),
            _card("NAXIS1", width),
            _card("NAXIS2", rows),
            _card("PCOUNT", 0),
            _card("GCOUNT", 1),
            _card("TFIELDS", fields),
            _card("EXTNAME", name),
            *columns,
        ]
    )
