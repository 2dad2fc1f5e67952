"""An observation as a record: what was observed, and all that the simulation draws from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from radps_dag.workloads.description import Product
from radps_dag.workloads.sim.stores.records import read_record, write_record
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable

__all__ = ["Observation", "observation_of", "read_observation", "write_observation"]


@dataclass(frozen=True, slots=True)
class Observation:
    """What simulate_observation was asked for; its arguments by their names."""

    project: str
    calibrators: tuple[str, ...]
    targets: tuple[str, ...]
    spws: tuple[int, ...]
    scans: tuple[int, ...]
    polarizations: tuple[str, ...]
    channels: int
    antennas: int
    seed: int
    noise: float
    phase_rms: float
    amplitude_rms: float
    bandpass_rms: float
    interference: float
    position_error: float
    wvr_error: float
    dead_receptors: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Its members as JSON."""
        document: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return document


def observation_of(document: Mapping[str, Any]) -> Observation:
    """The observation that a record or a store holds as JSON; raises StoreUnusable for another."""
    members: dict[str, Any] = {}
    for one in fields(Observation):
        if one.name not in document:
            raise StoreUnusable(
                f"the observation's record has no {one.name}; was it made with another --library?"
            )
        value = document[one.name]
        members[one.name] = tuple(value) if isinstance(value, list) else value
    return Observation(**members)


def read_observation(product: Product) -> Observation:
    """The observation of an observation's record."""
    return observation_of(read_record(product, "observation").get("observation", {}))


def write_observation(workdir: Path, observation: Observation) -> Product:
    """Write the observation's record."""
    return write_record(workdir, "observation", {"observation": observation.to_json()})
