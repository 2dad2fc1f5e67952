"""Visibilities to a MeasurementSet v2, by python-casacore, as an observatory's filler does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["write_measurement_set"]

_EPOCH = 3_506_716_800.0  # s: 1970 in the modified Julian days of a MeasurementSet
_INTENTS = {
    "BANDPASS": "CALIBRATE_BANDPASS#ON_SOURCE",
    "FLUX": "CALIBRATE_FLUX#ON_SOURCE",
    "PHASE": "CALIBRATE_PHASE#ON_SOURCE",
    "TARGET": "OBSERVE_TARGET#ON_SOURCE",
}
_POLARIZATIONS = {"RR": 5, "LL": 8, "XX": 9, "YY": 12}


def write_measurement_set(path: Path, parts: Sequence[Visibilities], column: str = "DATA") -> Path:
    """All parts in one MeasurementSet, rows in the order of time. Raises StoreUnusable without
    casacore."""
    try:
        from casacore import tables
    except ImportError:
        raise StoreUnusable(
            "a MeasurementSet is written by python-casacore: pip install python-casacore"
        ) from None
    description = tables.maketabdesc(tables.makearrcoldesc(column, 0j, ndim=2, valuetype="complex"))
    ms = tables.default_ms(str(path), description)
    fields = list(dict.fromkeys(vis.field for vis in parts))
    spws = sorted({vis.spw for vis in parts})
    _write_subtables(str(path), parts, fields, spws)
    written: dict[str, Callable[[Visibilities], Any]] = {
        **dict.fromkeys(("TIME", "TIME_CENTROID"), lambda vis: vis.time[:, np.newaxis] + _EPOCH),
        **dict.fromkeys(("INTERVAL", "EXPOSURE"), lambda vis: vis.integration),
        "ANTENNA1": lambda vis: vis.antenna1,
        "ANTENNA2": lambda vis: vis.antenna2,
        "SCAN_NUMBER": lambda vis: vis.scan[:, np.newaxis],
        **dict.fromkeys(("FIELD_ID", "STATE_ID"), lambda vis: fields.index(vis.field)),
        "DATA_DESC_ID": lambda vis: spws.index(vis.spw),
        # A MeasurementSet has u, v and w from the other end of a baseline than memory has.
        "UVW": lambda vis: -vis.uvw,
        column: lambda vis: vis.data,
        "FLAG": lambda vis: vis.flag,
        "WEIGHT": lambda vis: vis.weight.mean(axis=2),
        "SIGMA": lambda vis: 1 / np.sqrt(vis.weight.mean(axis=2)),
    }
    order = np.argsort(_rows(parts, written["TIME"]), kind="stable")
    ms.addrows(order.size)
    for name, value in written.items():
        ms.putcol(name, _rows(parts, value)[order])
    ms.close()
    return path


def _rows(parts: Sequence[Visibilities], value: Callable[[Visibilities], Any]) -> NDArray[Any]:
    """A column: of each part what is (t, b, ...), or becomes (t, b) by repetition."""
    column = []
    for vis in parts:
        values = np.asarray(value(vis))
        values = np.broadcast_to(values, (*vis.uvw.shape[:2], *values.shape[2:]))
        column.append(values.reshape(-1, *values.shape[2:]))
    rows = np.concatenate(column)
    return rows.astype(np.int32) if rows.dtype == np.int64 else rows


def _write_subtables(
    path: str, parts: Sequence[Visibilities], fields: list[str], spws: list[int]
) -> None:
    from casacore import tables

    first = parts[0]

    def fill(name: str, rows: list[dict[str, Any]]) -> None:
        with tables.table(f"{path}/{name}", readonly=False, ack=False) as table:
            table.addrows(len(rows))
            for number, row in enumerate(rows):
                for column, value in row.items():
                    table.putcell(column, number, value)

    fill("ANTENNA", [
        {"NAME": name, "STATION": name, "TYPE": "GROUND-BASED", "MOUNT": "ALT-AZ",
         "POSITION": place, "OFFSET": np.zeros(3), "DISH_DIAMETER": first.antennas.diameter}
        for name, place in zip(first.antennas.names, first.antennas.positions, strict=True)
    ])  # fmt: skip
    letters = [name[0] for name in first.polarizations]
    fill("FEED", [
        {"ANTENNA_ID": number, "FEED_ID": 0, "SPECTRAL_WINDOW_ID": -1, "TIME": 0.0, "INTERVAL": 0.0,
         "NUM_RECEPTORS": len(letters), "BEAM_ID": -1, "BEAM_OFFSET": np.zeros((len(letters), 2)),
         "POLARIZATION_TYPE": letters, "POL_RESPONSE": np.eye(len(letters), dtype=complex),
         "POSITION": np.zeros(3), "RECEPTOR_ANGLE": np.zeros(len(letters))}
        for number in range(len(first.antennas.names))
    ])  # fmt: skip
    by_field = [next(vis for vis in parts if vis.field == field) for field in fields]
    fill("FIELD", [
        {"NAME": vis.field, "SOURCE_ID": number, "NUM_POLY": 0, "TIME": vis.time[0] + _EPOCH,
         **{f"{what}_DIR": vis.direction[np.newaxis] for what in ("PHASE", "DELAY", "REFERENCE")}}
        for number, vis in enumerate(by_field)
    ])  # fmt: skip
    fill("STATE", [
        {"OBS_MODE": ",".join(_INTENTS[intent] for intent in vis.intents), "SIG": True}
        for vis in by_field
    ])  # fmt: skip
    windows = [next(vis for vis in parts if vis.spw == spw) for spw in spws]
    fill("SPECTRAL_WINDOW", [
        {"NAME": f"window {vis.spw}", "NUM_CHAN": vis.frequency.size, "CHAN_FREQ": vis.frequency,
         "REF_FREQUENCY": vis.frequency[0], "MEAS_FREQ_REF": 5, "NET_SIDEBAND": 1,
         "TOTAL_BANDWIDTH": vis.channel_width * vis.frequency.size,
         **{name: np.full(vis.frequency.size, vis.channel_width)
            for name in ("CHAN_WIDTH", "EFFECTIVE_BW", "RESOLUTION")}}
        for vis in windows
    ])  # fmt: skip
    fill("DATA_DESCRIPTION", [
        {"SPECTRAL_WINDOW_ID": number, "POLARIZATION_ID": 0} for number in range(len(spws))
    ])  # fmt: skip
    kinds = np.array([_POLARIZATIONS[name] for name in first.polarizations], np.int32)
    products = np.tile(np.arange(len(letters), dtype=np.int32), (2, 1)).T
    fill("POLARIZATION", [
        {"NUM_CORR": kinds.size, "CORR_TYPE": kinds, "CORR_PRODUCT": products}
    ])  # fmt: skip
    span = np.array([min(vis.time[0] for vis in parts), max(vis.time[-1] for vis in parts)])
    fill("OBSERVATION", [
        {"TELESCOPE_NAME": "ALMA", "OBSERVER": "nobody", "PROJECT": "simulated",
         "TIME_RANGE": span + _EPOCH, "RELEASE_DATE": 0.0}
    ])  # fmt: skip
