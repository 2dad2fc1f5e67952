"""An observation as a record on disk, and as other stores hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.sim.observation import Data, Observation
from radps_dag.workloads.sim.stores.records import read_record, write_record
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable, open_store, tuples

__all__ = ["observation_behind", "observation_of", "read_observation", "write_observation"]


def observation_of(document: Mapping[str, Any]) -> Observation:
    """The observation that a record or a store holds as JSON; raises StoreUnusable for another."""
    names = [field.name for field in fields(Observation)]
    members = tuples(document, names)
    # Observations written before data could be had are without.
    for name in names:
        if name != "data" and name not in members:
            raise StoreUnusable(
                f"the observation's record has no {name}; was it made with another --library?"
            )
    data = members.pop("data", None)
    return Observation(**members, data=Data(**data) if data else None)


def observation_behind(product: Product) -> Observation:
    """The observation that visibilities, an image or a caltable belong to."""
    return observation_of(open_store(product, product["kind"]).about["observation"])


def read_observation(product: Product) -> Observation:
    """The observation of an observation's record."""
    return observation_of(read_record(product, "observation").get("observation", {}))


def write_observation(workdir: Path, observation: Observation) -> Product:
    """Write the observation's record."""
    return write_record(workdir, "observation", {"observation": observation.to_json()})
