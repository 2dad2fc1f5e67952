"""A MeasurementSet v2 as a stranger's filler writes it, by python-casacore: row by row.

Antennas are in an order of their own, one is missing in a scan, each baseline with itself is there,
and each spectral window has its own number of channels, of four correlations.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from radps_dag.workloads.sim.visibilities import PointModel, Visibilities

EPOCH = 3_506_716_800.0  # s: 1970 in the modified Julian days of a MeasurementSet
LINEAR = np.array([9, 10, 11, 12], np.int32)  # XX, XY, YX, YY


def write_foreign(
    path: Path,
    parts: Sequence[Visibilities],
    modes: dict[str, str],
    models: dict[str, PointModel],
    lost: tuple[int, int],
) -> Path:
    """Write the parts, fields with these modes; `lost` is an antenna and the scan without it."""
    from casacore import tables

    columns = ["DATA", *(["MODEL_DATA"] if models else [])]
    ms = tables.default_ms(
        str(path),
        tables.maketabdesc(
            [tables.makearrcoldesc(name, 0j, ndim=2, valuetype="complex") for name in columns]
        ),
    )
    fields = list(dict.fromkeys(vis.field for vis in parts))
    spws = list(dict.fromkeys(vis.spw for vis in parts))
    count = len(parts[0].antennas.names)
    turned = list(reversed(range(count)))  # the id in this table of each antenna
    rows = sorted(
        (vis.time[t], number, t, b)
        for number, vis in enumerate(parts)
        for t in range(vis.time.size)
        for b in range(-count, vis.antenna1.size)
    )
    for _, number, t, b in rows:
        vis = parts[number]
        pair = (vis.antenna1[b], vis.antenna2[b]) if b >= 0 else (-1 - b, -1 - b)
        if lost[0] in pair and vis.scan[t] == lost[1]:
            continue
        data = np.full((vis.frequency.size, 4), 1 + 0j, np.complex64)
        flag = np.zeros(data.shape, bool)
        uvw, weight = np.zeros(3), np.ones(4, np.float32)
        if b >= 0:
            # The later antenna is the first here: conjugated, and from the other end.
            data[:] = 0
            data[:, [0, 3]] = vis.data[t, b].conj()
            flag[:, [0, 3]] = vis.flag[t, b]
            uvw = vis.uvw[t, b]
            weight[[0, 3]] = vis.weight[t, b].mean(axis=0)
        ids = sorted(turned[antenna] for antenna in pair)
        values: dict[str, Any] = {
            "TIME": vis.time[t] + EPOCH, "TIME_CENTROID": vis.time[t] + EPOCH,
            "INTERVAL": vis.integration, "EXPOSURE": vis.integration,
            "ANTENNA1": ids[0], "ANTENNA2": ids[1], "SCAN_NUMBER": int(vis.scan[t]),
            "FIELD_ID": fields.index(vis.field), "STATE_ID": fields.index(vis.field),
            "DATA_DESC_ID": spws.index(vis.spw), "UVW": uvw, "DATA": data, "FLAG": flag,
            "WEIGHT": weight, "SIGMA": 1 / np.sqrt(weight),
        }  # fmt: skip
        if models:
            model = np.zeros(data.shape, np.complex64)
            if vis.field in models:
                model[:, [0, 3]] = models[vis.field].at(vis.frequency)[:, np.newaxis]
            values["MODEL_DATA"] = model
        ms.addrows(1)
        for column, value in values.items():
            ms.putcell(column, ms.nrows() - 1, value)
    _write_subtables(str(path), parts, fields, spws, modes)
    ms.close()
    return path


def add_models(path: Path, models: dict[str, PointModel]) -> None:
    """Fill the column MODEL_DATA of a MeasurementSet with the models of fields."""
    from casacore import tables

    complexes = tables.makearrcoldesc("MODEL_DATA", 0j, ndim=2, valuetype="complex")
    fields = tables.table(f"{path}/FIELD", ack=False).getcol("NAME")
    frequency = tables.table(f"{path}/SPECTRAL_WINDOW", ack=False).getcol("CHAN_FREQ")
    with tables.table(str(path), readonly=False, ack=False) as ms:
        ms.addcols(tables.maketabdesc(complexes))
        values = np.zeros_like(ms.getcol("DATA"))
        field, spw = ms.getcol("FIELD_ID"), ms.getcol("DATA_DESC_ID")
        for name, model in models.items():
            rows = field == fields.index(name)
            values[rows] = model.at(frequency)[spw[rows], :, np.newaxis]
        ms.putcol("MODEL_DATA", values)


def add_rest_frequency(path: Path, rest: float) -> None:
    """Write a table SOURCE with the rest frequency in Hz of a line of each field and window."""
    from casacore import tables

    complete = tables.complete_ms_desc("SOURCE")
    lines = {name: complete[name] for name in ("TRANSITION", "REST_FREQUENCY")}
    tables.default_ms_subtable("SOURCE", f"{path}/SOURCE", lines).close()
    with tables.table(str(path), readonly=False, ack=False) as ms:
        ms.putkeyword("SOURCE", f"Table: {path}/SOURCE")
    fields = tables.table(f"{path}/FIELD", ack=False)
    windows = tables.table(f"{path}/SPECTRAL_WINDOW", ack=False).nrows()
    with tables.table(f"{path}/SOURCE", readonly=False, ack=False) as table:
        for number, field in enumerate(fields):
            for window in range(windows):
                row = {
                    "SOURCE_ID": number, "NAME": field["NAME"], "SPECTRAL_WINDOW_ID": window,
                    "NUM_LINES": 1, "DIRECTION": field["PHASE_DIR"][0], "TIME": 0.0,
                    "INTERVAL": 1e12, "CODE": "", "CALIBRATION_GROUP": 0,
                    "PROPER_MOTION": np.zeros(2), "TRANSITION": ["a line"],
                    "REST_FREQUENCY": np.array([rest]),
                }  # fmt: skip
                table.addrows(1)
                for column, value in row.items():
                    table.putcell(column, table.nrows() - 1, value)


def _write_subtables(
    path: str, parts: Sequence[Visibilities], fields: list[str], spws: list[int], modes: Any
) -> None:
    from casacore import tables

    first = parts[0]
    names = [f"ea{number:02d}" for number in range(len(first.antennas.names))]
    places = first.antennas.positions[::-1]
    by_field = [next(vis for vis in parts if vis.field == field) for field in fields]
    windows = [next(vis for vis in parts if vis.spw == spw) for spw in spws]
    filled: dict[str, list[dict[str, Any]]] = {
        "ANTENNA": [
            {"NAME": name, "STATION": f"W{number}", "TYPE": "GROUND-BASED", "MOUNT": "ALT-AZ",
             "POSITION": place, "OFFSET": np.zeros(3), "DISH_DIAMETER": 12.0}
            for number, (name, place) in enumerate(zip(names, places, strict=True))
        ],
        "FEED": [
            {"ANTENNA_ID": number, "FEED_ID": 0, "SPECTRAL_WINDOW_ID": -1, "TIME": 0.0,
             "INTERVAL": 0.0, "NUM_RECEPTORS": 2, "BEAM_ID": -1, "BEAM_OFFSET": np.zeros((2, 2)),
             "POLARIZATION_TYPE": ["X", "Y"], "POL_RESPONSE": np.eye(2, dtype=complex),
             "POSITION": np.zeros(3), "RECEPTOR_ANGLE": np.zeros(2)}
            for number in range(len(names))
        ],
        "FIELD": [
            {"NAME": vis.field, "SOURCE_ID": -1, "NUM_POLY": 0, "TIME": vis.time[0] + EPOCH,
             **{f"{what}_DIR": vis.direction[np.newaxis]
                for what in ("PHASE", "DELAY", "REFERENCE")}}
            for vis in by_field
        ],
        "STATE": [{"OBS_MODE": modes[field], "SIG": True} for field in fields],
        "SPECTRAL_WINDOW": [
            {"NAME": "", "NUM_CHAN": vis.frequency.size, "CHAN_FREQ": vis.frequency,
             "REF_FREQUENCY": vis.frequency[0], "MEAS_FREQ_REF": 5, "NET_SIDEBAND": 1,
             "TOTAL_BANDWIDTH": vis.channel_width * vis.frequency.size,
             **{name: np.full(vis.frequency.size, vis.channel_width)
                for name in ("CHAN_WIDTH", "EFFECTIVE_BW", "RESOLUTION")}}
            for vis in windows
        ],
        "DATA_DESCRIPTION": [
            {"SPECTRAL_WINDOW_ID": number, "POLARIZATION_ID": 0} for number in range(len(spws))
        ],
        "POLARIZATION": [
            {"NUM_CORR": 4, "CORR_TYPE": LINEAR,
             "CORR_PRODUCT": np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.int32)}
        ],
        "OBSERVATION": [
            {"TELESCOPE_NAME": "ELSEWHERE", "OBSERVER": "somebody", "PROJECT": "theirs",
             "TIME_RANGE": np.array([parts[0].time[0], parts[-1].time[-1]]) + EPOCH,
             "RELEASE_DATE": 0.0}
        ],
    }  # fmt: skip
    for table_name, cells in filled.items():
        with tables.table(f"{path}/{table_name}", readonly=False, ack=False) as table:
            table.addrows(len(cells))
            for number, row in enumerate(cells):
                for column, value in row.items():
                    table.putcell(column, number, value)
