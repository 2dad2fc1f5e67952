"""Caltables to zarr stores, and back: a group for each part of the solutions.

Gains, flags and signal to noise are arrays; what they are against is among the group's attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.solutions import Caltable, Solutions
from radps_dag.workloads.sim.stores.zarr_store import Writing, open_store, tuples

__all__ = ["read_caltable", "write_caltable"]

_NOTED = ("field", "intents", "spws", "scan", "interval")
_AXES = {"time": "time", "frequency": "frequency", "polarizations": "polarization"}
_SHAPE = ("time", "antenna_name", "frequency", "polarization")


def write_caltable(
    workdir: Path,
    observation: Observation,
    table: Caltable,
    selection: Mapping[str, Any] | None = None,
) -> Product:
    """Write a caltable."""
    about = {
        "observation": observation.to_json(),
        "type": table.type,
        "parameters": table.parameters,
        "history": list(table.history),
    }
    store = Writing(workdir / f"{table.type}.zarr", "caltable", about)
    store.array("antenna_name", np.array(table.antennas, dtype="U16"), ("antenna_name",))
    for number, part in enumerate(table.parts):
        name = f"part{number:04d}"
        attributes = {member: getattr(part, member) for member in (*_NOTED, "polarizations")}
        attributes["time"] = np.asarray(part.time, dtype=np.float64).tolist()
        attributes["frequency"] = np.asarray(part.frequency, dtype=np.float64).tolist()
        store.group(name, attributes)
        store.array(f"{name}/GAIN", part.gain, _SHAPE, {"units": "1"})
        store.array(f"{name}/FLAG", part.flag, _SHAPE)
        store.array(f"{name}/SNR", part.snr, _SHAPE)
    return store.product(selection=selection)


def read_caltable(product: Product) -> Caltable:
    """Read a caltable."""
    store = open_store(product, "caltable")
    parts = []
    for name in store.groups():
        attributes = store.attributes(name)
        # What solutions are against were arrays once.
        against = {
            axis: attributes[axis] if axis in attributes else store.array(f"{name}/{old}").tolist()
            for axis, old in _AXES.items()
        }
        parts.append(
            Solutions(
                **tuples(attributes, _NOTED),
                time=np.array(against["time"], dtype=np.float64),
                frequency=np.array(against["frequency"], dtype=np.float64),
                polarizations=tuple(against["polarizations"]),
                gain=store.array(f"{name}/GAIN"),
                flag=store.array(f"{name}/FLAG"),
                snr=store.array(f"{name}/SNR"),
            )
        )
    return Caltable(
        type=store.about["type"],
        antennas=tuple(store.array("antenna_name").tolist()),
        parts=tuple(parts),
        parameters=dict(store.about["parameters"]),
        history=tuple(store.about["history"]),
        simulated=store.about["observation"].get("data") is None,
    )
