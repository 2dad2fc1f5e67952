"""One measurement set to arrays as MSv4 lays them out, and back.

The layout is that of xradio's measurement set version 4 (https://xradio.readthedocs.io,
"Measurement Set v4.0.0"): a group of its own for each field and spectral window, with the antennas
and the field in groups below it. The schema checker of xradio 1.3.0 finds no issue in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = [
    "BASE",
    "SHAPE",
    "TIME",
    "Part",
    "Table",
    "attributes_of",
    "parts_of",
    "receptors_of",
    "tables_below",
    "telescope_of",
]

SCHEMA_VERSION = "4.0.0"
TELESCOPE = "ALMA"
# Results must not depend on when they were made: the simulated observation has one date.
DATE = "2026-01-01T00:00:00.000"


TIME = {"type": "time", "units": "s", "scale": "utc", "format": "unix"}


def telescope_of(observation: Observation) -> str:
    """The name of the telescope."""
    return TELESCOPE if observation.data is None else observation.data.telescope


@dataclass(frozen=True, slots=True)
class Part:
    """An array with its dimensions and attributes."""

    values: NDArray[Any]
    dimensions: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Table:
    """A group of arrays below a measurement set, such as its antennas."""

    name: str
    attributes: Mapping[str, Any]
    parts: Mapping[str, Part]


# The data group as it is imported: the names of its arrays.
BASE = {
    "correlated_data": "VISIBILITY",
    "flag": "FLAG",
    "weight": "WEIGHT",
    "uvw": "UVW",
    "field_and_source": "field_and_source_base_xds",
    "description": "as imported",
    "date": DATE,
}
SHAPE = ("time", "baseline_id", "frequency", "polarization")


def attributes_of(vis: Visibilities, observation: Observation) -> dict[str, Any]:
    """The attributes of a measurement set as it is imported."""
    what = "simulated" if observation.data is None else "unknown"
    return {
        "schema_version": SCHEMA_VERSION,
        "type": "visibility",
        "creator": {"software_name": "radps-dag", "version": SCHEMA_VERSION},
        "creation_date": DATE,
        "data_groups": {"base": BASE},
        "observation_info": {
            "project_UID": what if observation.data is None else observation.project,
            "observer": [what],
            "intents": list(vis.intents),
            "release_date": DATE,
        },
        "processor_info": {"type": "CORRELATOR", "sub_type": what.upper()},
        # Of xarray: which arrays are coordinates though they have not the name of a dimension.
        "coordinates": "baseline_antenna1_name baseline_antenna2_name field_name scan_name",
    }


def parts_of(vis: Visibilities) -> Iterator[tuple[str, Part]]:
    """The arrays of a measurement set as it is imported, in the order of its schema."""
    names = np.array(vis.antennas.names, dtype="U16")
    time = {**TIME, "integration_time": _quantity(vis.integration, "s")}
    yield "time", Part(vis.time, ("time",), time)
    yield "baseline_id", Part(np.arange(vis.antenna1.size), ("baseline_id",))
    yield "baseline_antenna1_name", Part(names[vis.antenna1], ("baseline_id",))
    yield "baseline_antenna2_name", Part(names[vis.antenna2], ("baseline_id",))
    yield "frequency", Part(vis.frequency, ("frequency",), _frequency(vis))
    yield "polarization", Part(np.array(vis.polarizations, dtype="U2"), ("polarization",))
    yield "uvw_label", Part(np.array(["u", "v", "w"], dtype="U1"), ("uvw_label",))
    yield "scan_name", Part(vis.scan.astype("U8"), ("time",), {"scan_intents": list(vis.intents)})
    yield "field_name", Part(np.full(vis.time.size, vis.field), ("time",))
    yield (
        "UVW",
        # MSv4 has baselines from the other end: with those of memory, the imagers of RADPS would
        # turn the sky by 180 degrees.
        Part(-vis.uvw, (*SHAPE[:2], "uvw_label"), {"type": "uvw", "units": "m", "frame": "icrs"}),
    )
    yield "VISIBILITY", Part(vis.data, SHAPE, {"type": "quantity", "units": "Jy"})
    yield "FLAG", Part(vis.flag, SHAPE)
    yield "WEIGHT", Part(vis.weight, SHAPE)


def tables_below(vis: Visibilities, observation: Observation) -> Iterator[Table]:
    """The groups below a measurement set: its antennas and its field."""
    names = np.array(vis.antennas.names, dtype="U16")
    count, telescope = names.size, telescope_of(observation)
    yield Table(
        "antenna_xds",
        {
            "type": "antenna",
            "overall_telescope_name": telescope,
            "relocatable_antennas": True,
            "coordinates": "mount polarization_type station_name telescope_name",
        },
        {
            "antenna_name": Part(names, ("antenna_name",)),
            **receptors_of(vis),
            "cartesian_pos_label": Part(np.array(["x", "y", "z"], "U1"), ("cartesian_pos_label",)),
            "station_name": Part(names, ("antenna_name",)),
            "telescope_name": Part(np.full(count, telescope, "U16"), ("antenna_name",)),
            "mount": Part(np.full(count, "ALT-AZ", "U8"), ("antenna_name",)),
            "ANTENNA_POSITION": Part(
                vis.antennas.positions,
                ("antenna_name", "cartesian_pos_label"),
                {
                    "type": "location",
                    "units": "m",
                    "frame": "ITRS",
                    "coordinate_system": "geocentric",
                    "origin_object_name": "Earth",
                },
            ),
            "ANTENNA_DISH_DIAMETER": Part(
                np.full(count, vis.antennas.diameter),
                ("antenna_name",),
                {"type": "quantity", "units": "m"},
            ),
        },
    )
    yield Table(
        "field_and_source_base_xds",
        {"type": "field_and_source", "coordinates": "source_name"},
        {
            "field_name": Part(np.array([vis.field]), ("field_name",)),
            "source_name": Part(np.array([vis.field]), ("field_name",)),
            "sky_dir_label": Part(np.array(["ra", "dec"], "U4"), ("sky_dir_label",)),
            "FIELD_PHASE_CENTER_DIRECTION": Part(
                vis.direction[np.newaxis],
                ("field_name", "sky_dir_label"),
                {"type": "sky_coord", "units": "rad", "frame": "icrs"},
            ),
        },
    )


def receptors_of(vis: Visibilities) -> dict[str, Part]:
    """The receptors of each antenna, in the order of the correlations: XX is of the receptor X."""
    letters = list(dict.fromkeys(name[0] for name in vis.polarizations))
    labels = np.array([f"pol_{number}" for number in range(len(letters))], dtype="U8")
    types = np.tile(np.array(letters, dtype="U1"), (len(vis.antennas.names), 1))
    return {
        "receptor_label": Part(labels, ("receptor_label",)),
        "polarization_type": Part(types, ("antenna_name", "receptor_label")),
    }


def _frequency(vis: Visibilities) -> dict[str, Any]:
    return {
        "type": "spectral_coord",
        "units": "Hz",
        "observer": "TOPO",
        "reference_frequency": _quantity(float(vis.frequency[0]), "Hz", "spectral_coord"),
        "channel_width": _quantity(vis.channel_width, "Hz"),
        "spectral_window_name": f"spw_{vis.spw}",
        "spectral_window_intents": list(vis.intents),
    }


def _quantity(value: float, units: str, kind: str = "quantity") -> dict[str, Any]:
    observer = {"observer": "TOPO"} if kind == "spectral_coord" else {}
    return {"data": value, "dims": [], "attrs": {"type": kind, "units": units, **observer}}
