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
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.stores import msv4
from radps_dag.workloads.sim.stores.observations import observation_behind
from radps_dag.workloads.sim.stores.parents import line_of, note_parent, standing_on
from radps_dag.workloads.sim.stores.sources import Source, sources_in, sources_of
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable, Writing
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["Changed", "Table", "derive", "gather", "write_visibilities"]

Table = msv4.Table
Changed = Literal["data", "flag", "weight"]
_ROLE: Mapping[Changed, str] = {"data": "correlated_data", "flag": "flag", "weight": "weight"}
# Of a store that MSv4 calls a processing set: one that needs no other to be read.
_WHOLE = {"type": "processing_set"}


def write_visibilities(
    workdir: Path,
    observation: Observation,
    parts: Iterable[Visibilities],
    group: str,
    tables: Mapping[str, Sequence[Table]] | None = None,
) -> Product:
    """Write visibilities as imported; `tables` are further groups by the measurement set's name."""
    parts = list(parts)
    store = _writing(workdir, observation, group, "base")
    for vis in parts:
        below = (*msv4.tables_below(vis, observation), *(tables or {}).get(vis.name, ()))
        attributes = msv4.attributes_of(vis, observation) | _note(vis)
        for table in (Table("", attributes, dict(msv4.parts_of(vis))), *below):
            where = f"{vis.name}/{table.name}".rstrip("/")
            store.group(where, table.attributes)
            for name, part in table.parts.items():
                store.array(f"{where}/{name}", part.values, part.dimensions, part.attributes)
    store.group("", _WHOLE)
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
    parent = {"version": str(line[0][1].about["version"])}
    store = _writing(workdir, observation_behind(ms), group, group, parent)
    note_parent(store.path, ms)
    for vis in parts:
        entry = {**sources[vis.name].entry, "description": f"{group}, of {sources[vis.name].group}"}
        entry |= {_ROLE[what]: _array(what, group) for what in changed}
        store.group(
            vis.name,
            {"data_groups": {group: entry}, "polarizations": list(vis.polarizations)} | _note(vis),
        )
        for what in changed:
            store.array(f"{vis.name}/{_array(what, group)}", getattr(vis, what), msv4.SHAPE)
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
    store = _writing(workdir, observation_behind(ms[0]), group, group)
    for name, sources in together.items():
        original = sources[0].whole
        store.copy(original, name)
        entry = {**sources[0].entry, "description": f"{group}: gathered"}
        for what, role in _ROLE.items():
            if all(original.has(f"{name}/{source.entry[role]}") for source in sources):
                continue
            entry[role] = _array(what, group)
            store.array(f"{name}/{entry[role]}", _together(sources, role), msv4.SHAPE)
        notes = {key: value for source in sources for key, value in source.noted().items()}
        groups = {**original.attributes(name)["data_groups"], group: entry}
        store.group(name, {"data_groups": groups, "radps_dag": notes})
    store.group("", _WHOLE)
    return store.product(group)


def _writing(
    workdir: Path,
    observation: Observation,
    group: str,
    data_group: str,
    parent: Mapping[str, str] | None = None,
) -> Writing:
    about: dict[str, Any] = {"observation": observation.to_json(), "group": group}
    about |= {"data_group": data_group, "parent": parent}
    return Writing(workdir / f"{group}.zarr", "visibilities", about)


def _array(what: Changed, group: str) -> str:
    return f"{msv4.BASE[_ROLE[what]]}_{group.upper()}"


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


def _together(sources: Sequence[Source], role: str) -> NDArray[Any]:
    """An array of all polarizations, of sources that each have some of them."""
    everything = sources[0].all_polarizations
    parts = [source.array(source.entry[role], (slice(None),) * 3) for source in sources]
    if sources[0].polarizations == everything:
        return parts[0]
    # A polarization that no part has is as good as flagged.
    shape = (*parts[0].shape[:3], len(everything))
    values = np.full(shape, role == "flag", dtype=parts[0].dtype)
    for source, part in zip(sources, parts, strict=True):
        values[..., [everything.index(name) for name in source.polarizations]] = part
    return values


def _note(vis: Visibilities) -> dict[str, Any]:
    noted: dict[str, Any] = {"field": vis.field, "spw": vis.spw, "intents": list(vis.intents)}
    if vis.model is not None:
        noted["model"] = asdict(vis.model)
    return {"radps_dag": noted}


def _selection(parts: Sequence[Visibilities]) -> dict[str, Any]:
    """The selection that all the parts have in common."""
    selection: dict[str, Any] = {}
    if len({vis.field for vis in parts}) == 1:
        selection["field"] = parts[0].field
    if len({vis.spw for vis in parts}) == 1:
        selection["spw"] = parts[0].spw
    return selection
