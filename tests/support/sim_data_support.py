"""Small observations, and calls of the sim library's workloads as an engine makes them."""

from __future__ import annotations

from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from radps_dag.workloads.contract import workload as contract
from radps_dag.workloads.contract.workload import Product
from radps_dag.workloads.sim.importing import (
    apply_antenna_positions,
    apply_online_flags,
    import_visibilities,
    query_antenna_positions,
)
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.observe import Simulated
from radps_dag.workloads.sim.stores.observations import write_observation

BANDPASS, PHASE, TARGET = "J1924-2914", "J1832-2039", "G09.62"
FIELDS = (BANDPASS, PHASE, TARGET)


def observation(seed: int = 1, **changes: Any) -> Observation:
    """Eight antennas and sixteen channels, else the defaults of simulate_observation."""
    members: dict[str, Any] = {"channels": 16, "antennas": 8, "seed": seed}
    return Observation(**{**members, **changes})


class Calls:
    """Calls of workloads through the contract, each in a directory of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    def directory(self) -> Path:
        """One more."""
        path = self._folder / f"call{next(self._numbers)}"
        path.mkdir(parents=True)
        return path

    def __call__(self, function: Any, **arguments: Any) -> dict[str, Any]:
        return contract.invoke(function.workload, arguments, self.directory(), 1)

    def record(self, of: Observation) -> Product:
        """The observation as a product."""
        return write_observation(self.directory(), of)

    def imported(self, of: Observation, field: str = TARGET, spw: int = 0) -> Product:
        """Visibilities as the archive has them."""
        called = self(import_visibilities, observation=self.record(of), field=field, spw=spw)
        ms: Product = called["ms"]
        return ms

    def flagged(self, of: Observation, field: str = TARGET, spw: int = 0) -> Product:
        """The same with the online flags."""
        ms: Product = self(apply_online_flags, ms=self.imported(of, field, spw))["ms"]
        return ms

    def prepared(self, of: Observation, field: str = TARGET, spw: int = 0) -> Product:
        """The same with the antennas' positions."""
        positions = self(query_antenna_positions, observation=self.record(of))["caltable"]
        called = self(apply_antenna_positions, ms=self.flagged(of, field, spw), positions=positions)
        ms: Product = called["ms"]
        return ms


def digest(simulated: Simulated) -> str:
    """Of all that was observed."""
    vis = simulated.vis
    arrays = (vis.time, vis.uvw, vis.data, vis.flag, vis.weight, simulated.tsys, simulated.path)
    return sha256(b"".join(np.ascontiguousarray(one).tobytes() for one in arrays)).hexdigest()
