"""Data that somebody else made to visibilities: processing sets of MSv4, MeasurementSets v2.

Processing sets are read by xarray, however they are compressed, cut into chunks and partitioned;
MeasurementSets are converted by xradio before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import NOTHING_SIMULATED, Data, Observation
from radps_dag.workloads.sim.simulation.geometry import cell_for
from radps_dag.workloads.sim.stores.partitions import (
    PARALLEL,
    Partition,
    channel_width,
    direction_of,
    in_a_line,
    longest_baseline,
    partitions,
    piece_of,
    places_in,
    scans_of,
)
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable
from radps_dag.workloads.sim.visibilities import Antennas, PointModel, Visibilities

__all__ = ["convert", "is_measurement_set", "observation_in", "read_field"]

_ARRAYS = ("time", "scan", "uvw", "data", "flag", "weight")
_POINTLIKE = 0.01  # of a model's flux density: by more it must not differ between baselines


def is_measurement_set(path: Path) -> bool:
    """Whether it is a MeasurementSet v2: a table of casacore."""
    return (path / "table.dat").exists()


def convert(path: Path, into: Path) -> None:
    """Convert a MeasurementSet v2 to a processing set, by xradio."""
    try:
        from toolviper.utils.logger import get_logger
        from xradio.measurement_set import convert_msv2_to_processing_set
    except ImportError:
        raise StoreUnusable(
            f"{path} is a MeasurementSet v2, which xradio converts: pip install 'radps-dag[ms]'"
        ) from None
    get_logger().setLevel("WARNING")  # what it does would be among the lines of the run
    try:
        convert_msv2_to_processing_set(str(path), str(into), with_pointing=False)
    except Exception as error:  # whatever comes of a table that is none
        raise StoreUnusable(
            f"{path} cannot be converted by xradio ({in_a_line(error)}); is it a whole "
            "MeasurementSet?"
        ) from error


def observation_in(path: Path, group: str) -> Observation:
    """Describe the content of a processing set. Raises StoreUnusable if it is not a processing set,
    or has no such group.
    """
    parts = list(partitions(path, group))
    intents: dict[str, list[str]] = {}
    for part in parts:
        for field in dict.fromkeys(part.fields.tolist()):
            intents.setdefault(field, []).extend(part.intents)
    by_field = {field: tuple(dict.fromkeys(names)) for field, names in intents.items()}
    if not any("FLUX" in names for names in by_field.values()):
        flux = {field: (*names, "FLUX") for field, names in by_field.items() if "BANDPASS" in names}
        by_field |= flux
    calibrators = [field for field, names in by_field.items() if "TARGET" not in names]
    first = parts[0]
    place = first.antennas["ANTENNA_POSITION"].values.mean(axis=0)
    lines = {}
    for part in parts:
        if "LINE_REST_FREQUENCY" in part.field_table:
            lines[str(part.spw)] = float(part.field_table["LINE_REST_FREQUENCY"].values.flat[0])
    everything = [
        polarization for part in parts for polarization in part.data["polarization"].values.tolist()
    ]
    return Observation(
        project=str(first.data.attrs.get("observation_info", {}).get("project_UID", "")),
        # The flux calibrator is the first, as it is of simulated ones.
        calibrators=tuple(sorted(calibrators, key=lambda field: "FLUX" not in by_field[field])),
        targets=tuple(field for field in by_field if field not in calibrators),
        spws=tuple(sorted({part.spw for part in parts})),
        scans=tuple(sorted({int(scan) for part in parts for scan in scans_of(part)})),
        polarizations=tuple(name for name in dict.fromkeys(everything) if name in PARALLEL),
        channels=max(part.data.sizes["frequency"] for part in parts),
        antennas=max(part.antennas.sizes["antenna_name"] for part in parts),
        **NOTHING_SIMULATED,
        data=Data(
            group=group,
            telescope=str(first.antennas.attrs.get("overall_telescope_name", "unknown")),
            place=(float(place[0]), float(place[1]), float(place[2])),
            start=min(float(part.data["time"].values.min()) for part in parts),
            cell=cell_for(max(map(longest_baseline, parts))),
            intents=by_field,
            widths={str(part.spw): channel_width(part.data["frequency"]) for part in parts},
            lines={spw: line for spw, line in lines.items() if line > 0},
        ),
    )


def read_field(path: Path, data: Data, field: str, spw: int) -> Visibilities:
    """The visibilities of one field and spw, of all partitions.

    Baselines without data at a time are flagged, and what is no number; a weight that is not there
    is 1. Raises ValueError for a field or spw that is not there.
    """
    parts = [
        part for part in partitions(path, data.group) if part.spw == spw and field in part.fields
    ]
    if not parts:
        raise ValueError(f"no field {field!r} with spw {spw} in {path}")
    import xarray

    antennas = _antennas(parts)
    pieces = [piece_of(part, antennas.names, field) for part in parts]
    missing = {"uvw": 0.0, "data": 0, "flag": True, "weight": np.float32(0)}
    joined = xarray.concat(pieces, "time", join="outer", fill_value=missing)
    joined = joined.sortby(["time", "baseline_id"])
    antenna1, antenna2 = np.divmod(joined["baseline_id"].values, len(antennas.names))
    first = parts[0].data
    about, frequency = first["time"].attrs, first["frequency"].values.astype(np.float64)
    return Visibilities(
        field=field,
        intents=tuple(data.intents[field]),
        spw=spw,
        integration=_integration(about, joined["time"].values),
        antenna1=antenna1,
        antenna2=antenna2,
        antennas=antennas,
        frequency=frequency,
        channels=np.arange(frequency.size),
        channel_width=channel_width(first["frequency"]),
        polarizations=tuple(first["polarization"].values[places_in(first)].astype(str).tolist()),
        direction=direction_of(parts[0], field),
        model=_model(parts, field) if "FLUX" in data.intents[field] else None,
        **{name: joined[name].values for name in _ARRAYS},
    )


def _antennas(parts: Sequence[Partition]) -> Antennas:
    """Antennas of all partitions; the diameter is that of all of them, if it is the same."""
    positions: dict[str, NDArray[np.float64]] = {}
    for part in parts:
        names = part.antennas["antenna_name"].values.astype(str).tolist()
        positions |= dict(zip(names, part.antennas["ANTENNA_POSITION"].values, strict=True))
    named = [part.antennas.get("ANTENNA_DISH_DIAMETER", np.zeros(1)) for part in parts]
    diameters = set(np.concatenate([np.ravel(sizes) for sizes in named]).tolist())
    return Antennas(
        names=tuple(positions),
        positions=np.array(list(positions.values()), dtype=np.float64),
        diameter=diameters.pop() if len(diameters) == 1 else 0.0,
    )


def _model(parts: Sequence[Partition], field: str) -> PointModel | None:
    """The point source that a data group `model` has for a field; None where there is none.

    Raises StoreUnusable for a model that is no point source at the phase centre.
    """
    models = []
    for part in parts:
        name = part.node.attrs["data_groups"].get("model", {}).get("correlated_data")
        if name is None or name not in part.data:
            return None
        chosen = part.data[name].isel(
            time=np.flatnonzero(part.fields == field), polarization=places_in(part.data)
        )
        channels = chosen.sizes["frequency"]
        models.append(chosen.transpose(..., "frequency").values.reshape(-1, channels))
    every = np.concatenate(models)
    rows = every[(np.abs(every) > 0).all(axis=1)].astype(np.complex128)
    if not rows.size:
        return None
    flux = rows.mean(axis=0).real
    if not np.all(np.abs(rows - flux) < _POINTLIKE * flux):
        raise StoreUnusable(
            f"the model of the flux calibrator {field} is not a point source at the phase centre; "
            "take such a calibrator, or set such a model"
        )
    frequency = parts[0].data["frequency"].values
    middle = float(frequency.mean())
    slope, level = 0.0, np.log(flux).mean()
    if frequency.size > 1:
        slope, level = np.polyfit(np.log(frequency / middle), np.log(flux), 1)
    return PointModel(float(np.exp(level)), float(slope), middle)


def _integration(about: Mapping[str, Any], time: NDArray[np.float64]) -> float:
    """Length of an integration in s."""
    told = about.get("integration_time", {})
    if "data" in told and np.all(np.asarray(told["data"]) > 0):
        return float(np.ravel(told["data"])[0])
    steps = np.diff(time)
    return float(steps[steps > 0].min(initial=np.inf)) if (steps > 0).any() else 1.0
