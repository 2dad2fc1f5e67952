"""Visibilities to processing sets, and back.

A *processing set* is a store with a measurement set (MSv4) for each field and spectral window. What
is derived of it is a new data group, never an overwrite. A workload on a part writes the arrays
alone that are new, and notes beside them what they were made of: little is written, a retry or a
roll-back is free, and two calls never write the same file. `gather` puts the parts together to a
processing set that is whole: it has the visibilities as imported, all groups gathered before, and
the new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.stores import msv4
from radps_dag.workloads.sim.stores.parents import line_of, note_parent, standing_on
from radps_dag.workloads.sim.stores.sources import (
    Source,
    observation_behind,
    sources_in,
    sources_of,
)
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable, Writing
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["Changed", "Table", "derive", "gather", "write_visibilities"]

Table = msv4.Table
Changed = Literal["data", "flag", "weight"]
_ARRAY: Mapping[Changed, str] = {"data": "VISIBILITY", "flag": "FLAG", "weight": "WEIGHT"}
_ROLE: Mapping[Changed, str] = {"data": "correlated_data", "flag": "flag", "weight": "weight"}
# Of a store that MSv4 calls a processing set: one that needs no other to be read.
_WHOLE = {"type": "processing_set"}
_SHAPE = ("time", "baseline_id", "frequency", "polarization")


def write_visibilities(
    workdir: Path,
    observation: Observation,
    parts: Iterable[Visibilities],
    group: str,
    tables: Mapping[str, Sequence[Table]] | None = None,
) -> Product:
    """Write visibilities as imported; `tables` are further groups by the measurement set's name."""
    parts = list(parts)
    about = {
        "observation": observation.to_json(),
        "group": group,
        "data_group": "base",
        "parent": None,
    }
    store = Writing(workdir / f"{group}.zarr", "visibilities", about)
    for vis in parts:
        attributes = msv4.attributes_of(vis, {"base": msv4.data_group()}, observation)
        store.group(vis.name, attributes | _note(vis))
        for name, part in msv4.parts_of(vis):
            store.array(f"{vis.name}/{name}", part.values, part.dimensions, part.attributes)
        for table in (*msv4.tables_below(vis, observation), *(tables or {}).get(vis.name, ())):
            store.group(f"{vis.name}/{table.name}", table.attributes)
            for name, part in table.parts.items():
                where = f"{vis.name}/{table.name}/{name}"
                store.array(where, part.values, part.dimensions, part.attributes)
    store.attributes("", _WHOLE)
    return store.product(group, _selection(parts))


def derive(
    workdir: Path,
    ms: Product,
    group: str,
    parts: Iterable[Visibilities],
    changed: Sequence[Changed],
    selection: Mapping[str, Any] | None = None,
) -> Product:
    """Write a new data group of visibilities, of which the arrays in `changed` are new.

    `parts` have all times, baselines and channels; they may have some of the polarizations.
    """
    parts = list(parts)
    line = line_of(ms)
    sources = {source.name: source for source in sources_in(line)}
    about = {
        "observation": observation_behind(ms).to_json(),
        "group": group,
        "data_group": group,
        "parent": {"version": str(line[0][1].about["version"])},
    }
    store = Writing(workdir / f"{group}.zarr", "visibilities", about)
    note_parent(store.path, ms)
    suffix = group.upper()
    for vis in parts:
        entry = {**sources[vis.name].entry, "description": f"{group}, of {sources[vis.name].group}"}
        for what in changed:
            entry[_ROLE[what]] = f"{_ARRAY[what]}_{suffix}"
        store.group(
            vis.name,
            {"data_groups": {group: entry}, "polarizations": list(vis.polarizations)} | _note(vis),
        )
        for what in changed:
            store.array(f"{vis.name}/{_ARRAY[what]}_{suffix}", getattr(vis, what), _SHAPE)
    product = store.product(group, _selection(parts) if selection is None else selection)
    return {**product, "stands_on": standing_on(line)}


def gather(workdir: Path, ms: Sequence[Product], group: str) -> Product:
    """Put parts together to a processing set that is whole, as data group `group`.

    Parts of one field and spw are of different polarizations, and come from one processing set;
    all parts are of one observation. Raises StoreUnusable where they are not.
    """
    together: dict[str, list[Source]] = {}
    for part in ms:
        for source in sources_of(part):
            together.setdefault(source.name, []).append(source)
    _check_parts(together)
    about = {
        "observation": observation_behind(ms[0]).to_json(),
        "group": group,
        "data_group": group,
        "parent": None,
    }
    store = Writing(workdir / f"{group}.zarr", "visibilities", about)
    for name, sources in together.items():
        original = sources[0].whole
        store.copy(original, name)
        entry = {**sources[0].entry, "description": f"{group}: gathered"}
        for what, role in _ROLE.items():
            if all(original.has(f"{name}/{source.entry[role]}") for source in sources):
                continue
            entry[role] = f"{_ARRAY[what]}_{group.upper()}"
            store.array(f"{name}/{entry[role]}", _together(sources, what), _SHAPE)
        notes = {key: value for source in sources for key, value in source.noted().items()}
        groups = {**original.attributes(name)["data_groups"], group: entry}
        store.attributes(name, {"data_groups": groups, "radps_dag": notes})
    store.attributes("", _WHOLE)
    return store.product(group)


def _check_parts(together: Mapping[str, Sequence[Source]]) -> None:
    """Raise StoreUnusable for parts of which one would hide another, or that do not belong."""
    everything = [source for sources in together.values() for source in sources]
    first = everything[0].stores[0]
    for source in everything:
        if source.stores[0].about["observation"] != first.about["observation"]:
            raise StoreUnusable(
                f"visibilities {source.stores[0].path} are not of the observation of {first.path}; "
                "gather those of one observation"
            )
    for name, sources in together.items():
        if len({source.whole.about["version"] for source in sources}) > 1:
            paths = ", ".join(sorted({str(source.whole.path) for source in sources}))
            raise StoreUnusable(
                f"parts of {name} are of several processing sets: {paths}; gather those of one"
            )
        names = [polarization for source in sources for polarization in source.polarizations]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise StoreUnusable(
                f"several parts have polarization {twice[0]} of {name}: "
                f"{', '.join(str(source.stores[0].path) for source in sources)}; gather it once"
            )


def _together(sources: Sequence[Source], what: Changed) -> NDArray[Any]:
    """An array of all polarizations, of sources that each have some of them."""
    everything = sources[0].all_polarizations
    first = sources[0].array(sources[0].entry[_ROLE[what]], (slice(None),) * 3)
    if sources[0].polarizations == everything:
        return first
    # A polarization that no part has is as good as flagged.
    shape = (*first.shape[:3], len(everything))
    values = np.full(shape, what == "flag", dtype=first.dtype)
    for source in sources:
        part = source.array(source.entry[_ROLE[what]], (slice(None),) * 3)
        values[..., [everything.index(polarization) for polarization in source.polarizations]] = (
            part
        )
    return values


def _note(vis: Visibilities) -> dict[str, Any]:
    noted: dict[str, Any] = {"field": vis.field, "spw": vis.spw, "intents": list(vis.intents)}
    if vis.model is not None:
        noted["model"] = {
            "flux_density": vis.model.flux_density,
            "spectral_index": vis.model.spectral_index,
            "frequency": vis.model.frequency,
        }
    return {"radps_dag": noted}


def _selection(parts: Sequence[Visibilities]) -> dict[str, Any]:
    """The selection that all the parts have in common."""
    selection: dict[str, Any] = {}
    if len({vis.field for vis in parts}) == 1:
        selection["field"] = parts[0].field
    if len({vis.spw for vis in parts}) == 1:
        selection["spw"] = parts[0].spw
    return selection
