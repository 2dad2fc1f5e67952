"""The tables that the telescope records beside visibilities, as groups of a measurement set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.simulation.corruption import T0
from radps_dag.workloads.sim.simulation.observe import Simulated
from radps_dag.workloads.sim.stores.msv4 import TIME, Part, Table, receptors_of
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["nothing_recorded", "tables_of"]

# MSv4 has no such tables: it allows those of others under names of this form.
_OWN = "extension:{}.radps_dag"


def tables_of(simulated: Simulated) -> tuple[Table, ...]:
    """System temperatures, radiometers and online flags of what was simulated."""
    vis, events = simulated.vis, simulated.events
    names = np.array(vis.antennas.names, dtype="U16")
    antenna = Part(names, ("antenna_name",))
    flagged = names[[event.antenna for event in events]]
    reasons = np.array([event.reason for event in events], dtype="U16")
    cal, path = "time_system_cal", "time_radiometer"
    kelvin, metres = ({"type": "quantity", "units": unit} for unit in ("K", "m"))
    tsys = simulated.tsys.transpose(1, 0, 2)
    return (
        Table(
            "system_calibration_xds",
            {"type": "system_calibration", "coordinates": "station_name polarization_type"},
            {
                "antenna_name": antenna,
                "station_name": antenna,
                **receptors_of(vis),
                cal: Part(simulated.tsys_time, (cal,), TIME),
                "TSYS": Part(tsys, ("antenna_name", cal, "receptor_label"), kelvin),
            },
        ),
        Table(
            "radiometer_xds",
            {
                "type": _OWN.format("radiometer"),
                "description": "excess path seen by water-vapour radiometers",
            },
            {
                "antenna_name": antenna,
                path: Part(vis.time, (path,), TIME),
                "PATH": Part(simulated.path, (path, "antenna_name"), metres),
            },
        ),
        Table(
            "flags_xds",
            {
                "type": _OWN.format("online_flags"),
                "description": "antennas without a view of the source",
            },
            {
                "event": Part(np.arange(len(events)), ("event",)),
                "ANTENNA": Part(flagged, ("event",)),
                "START": Part(np.array([event.start for event in events]), ("event",), TIME),
                "END": Part(np.array([event.end for event in events]), ("event",), TIME),
                "REASON": Part(reasons, ("event",)),
            },
        ),
    )


def nothing_recorded(vis: Visibilities) -> dict[str, NDArray[Any]]:
    """The arrays of all of these tables, with what changes no visibility."""
    antennas = len(vis.antennas.names)
    return {
        "TSYS": np.full((antennas, 1, len(vis.polarizations)), T0),
        "time_system_cal": vis.time[:1],
        "PATH": np.zeros((vis.time.size, antennas)),
        **{name: np.zeros(0) for name in ("ANTENNA", "START", "END")},
    }
