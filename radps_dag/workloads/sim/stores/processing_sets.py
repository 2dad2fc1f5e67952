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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.stores import msv4
from radps_dag.workloads.sim.stores.observations import observation_of
from radps_dag.workloads.sim.stores.parents import Line, line_of, note_parent, standing_on
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable, Writing, ZarrStore, open_store
from radps_dag.workloads.sim.visibilities import Antennas, PointModel, Visibilities

__all__ = [
    "Changed",
    "Table",
    "derive",
    "gather",
    "list_visibilities",
    "models_of",
    "observation_behind",
    "read_table",
    "read_visibilities",
    "write_visibilities",
]

Table = msv4.Table
Changed = Literal["data", "flag", "weight"]
_ARRAY: Mapping[Changed, str] = {"data": "VISIBILITY", "flag": "FLAG", "weight": "WEIGHT"}
_ROLE: Mapping[Changed, str] = {"data": "correlated_data", "flag": "flag", "weight": "weight"}
# Of a store that MSv4 calls a processing set: one that needs no other to be read.
_WHOLE = {"type": "processing_set"}
_SHAPE = ("time", "baseline_id", "frequency", "polarization")


@dataclass(frozen=True, slots=True)
class _Source:
    """A measurement set in what it was made of: the newest store first, the whole one last."""

    name: str
    group: str
    stores: tuple[ZarrStore, ...]
    polarizations: tuple[str, ...]  # that it has
    all_polarizations: tuple[str, ...]

    @property
    def whole(self) -> ZarrStore:
        return self.stores[-1]

    @property
    def entry(self) -> dict[str, str]:
        """The entry of its data group."""
        groups = self.stores[0].attributes(self.name)["data_groups"]
        if self.group not in groups:
            raise StoreUnusable(
                f"visibilities {self.stores[0].path} have no data group {self.group!r} in "
                f"{self.name}; there are {', '.join(sorted(groups))}"
            )
        return dict(groups[self.group])

    def array(self, name: str, where: tuple[slice, ...]) -> NDArray[Any]:
        """An array at (time, baseline, frequency), of the polarizations that it has."""
        for store in self.stores:
            if store.has(f"{self.name}/{name}"):
                values = store.array(f"{self.name}/{name}", where)
                if values.shape[-1] == len(self.polarizations):
                    return values
                return values[..., [self.all_polarizations.index(p) for p in self.polarizations]]
        raise StoreUnusable(f"visibilities {self.whole.path} have no array {self.name}/{name}")

    def noted(self) -> dict[str, Any]:
        """Notes of workloads beside the data, such as a calibrator's model."""
        notes = [store.attributes(self.name).get("radps_dag", {}) for store in self.stores]
        return {name: value for note in reversed(notes) for name, value in note.items()}


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
    sources = {source.name: source for source in _sources_in(line)}
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
    together: dict[str, list[_Source]] = {}
    for part in ms:
        for source in _sources(part):
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


def _check_parts(together: Mapping[str, Sequence[_Source]]) -> None:
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


def list_visibilities(ms: Product) -> list[tuple[str, int]]:
    """The (field, spw) of all that is in there, in the order of names."""
    return [
        (str(noted["field"]), int(noted["spw"]))
        for noted in (source.noted() for source in _sources(ms))
    ]


def models_of(ms: Product) -> dict[str, PointModel]:
    """The models that were noted beside visibilities, by field."""
    noted = [source.noted() for source in _sources(ms)]
    return {str(note["field"]): PointModel(**note["model"]) for note in noted if note.get("model")}


def observation_behind(ms: Product) -> Observation:
    """The observation that visibilities belong to."""
    return observation_of(open_store(ms, "visibilities").about["observation"])


def read_table(ms: Product, name: str, table: str) -> dict[str, NDArray[Any]]:
    """The arrays of a group below a measurement set, such as `system_calibration_xds`."""
    for source in _sources(ms):
        if source.name == name:
            where = f"{name}/{table}"
            names = source.whole.arrays(where)
            if not names:
                raise StoreUnusable(f"visibilities {source.whole.path} have no {where}")
            return {name: source.whole.array(f"{where}/{name}") for name in names}
    raise StoreUnusable(f"visibilities {ms['uri']} have no {name}")


def read_visibilities(
    ms: Product,
    *,
    field: str | None = None,
    spws: Sequence[int] | None = None,
    scans: Sequence[int] | None = None,
    polarizations: Sequence[str] | None = None,
    channels: slice | None = None,
) -> list[Visibilities]:
    """Read visibilities of one field, some spws, scans, polarizations; of all where not said.

    Raises ValueError for a spw or a field that is not there; scans without data are no error: what
    is left has no times.
    """
    sources = [(source, source.noted()) for source in _sources(ms)]
    fields = {str(noted["field"]) for _, noted in sources}
    if field is not None and field not in fields:
        raise ValueError(
            f"no field {field!r} in {ms['uri']}; there are {', '.join(sorted(fields))}"
        )
    chosen = [(source, noted) for source, noted in sources if field in (None, noted["field"])]
    for spw in spws or ():
        if spw not in {int(noted["spw"]) for _, noted in chosen}:
            of = f" of field {field!r}" if field is not None else ""
            raise ValueError(f"no spw {spw}{of} in {ms['uri']}")
    return [
        _read(source, noted, scans, polarizations, channels or slice(None))
        for source, noted in chosen
        if spws is None or int(noted["spw"]) in spws
    ]


def _read(
    source: _Source,
    noted: Mapping[str, Any],
    scans: Sequence[int] | None,
    polarizations: Sequence[str] | None,
    channels: slice,
) -> Visibilities:
    if polarizations is not None:
        if absent := [
            polarization
            for polarization in polarizations
            if polarization not in source.polarizations
        ]:
            raise ValueError(f"no polarization {absent[0]} in {source.name}")
        source = replace(source, polarizations=tuple(polarizations))
    store, name, entry = source.whole, source.name, source.entry
    where = (slice(None), slice(None), channels)
    antennas = store.array(f"{name}/antenna_xds/antenna_name").tolist()
    number = {antenna: index for index, antenna in enumerate(antennas)}
    frequency = store.array(f"{name}/frequency")
    vis = Visibilities(
        field=str(noted["field"]),
        intents=tuple(noted["intents"]),
        spw=int(noted["spw"]),
        time=store.array(f"{name}/time"),
        integration=float(store.attributes(f"{name}/time")["integration_time"]["data"]),
        scan=store.array(f"{name}/scan_name").astype(np.int64),
        antenna1=_numbers(store.array(f"{name}/baseline_antenna1_name"), number),
        antenna2=_numbers(store.array(f"{name}/baseline_antenna2_name"), number),
        antennas=Antennas(
            tuple(antennas),
            store.array(f"{name}/antenna_xds/ANTENNA_POSITION"),
            float(store.array(f"{name}/antenna_xds/ANTENNA_DISH_DIAMETER")[0]),
        ),
        frequency=frequency[channels],
        channels=np.arange(frequency.size)[channels],
        channel_width=float(store.attributes(f"{name}/frequency")["channel_width"]["data"]),
        polarizations=source.polarizations,
        direction=store.array(f"{name}/field_and_source_base_xds/FIELD_PHASE_CENTER_DIRECTION")[0],
        uvw=-store.array(f"{name}/UVW"),
        data=source.array(entry["correlated_data"], where),
        flag=source.array(entry["flag"], where),
        weight=source.array(entry["weight"], where),
        model=PointModel(**noted["model"]) if noted.get("model") else None,
    )
    return vis if scans is None else vis.of_times(np.isin(vis.scan, list(scans)))


def _sources(ms: Product) -> list[_Source]:
    """The measurement sets of a product, each with the stores that hold its arrays."""
    return _sources_in(line_of(ms))


def _sources_in(line: Line) -> list[_Source]:
    stores = [store for _, store in line]
    group = str(stores[0].about["data_group"])
    sources = []
    for name in stores[0].groups():
        everything = tuple(map(str, stores[-1].array(f"{name}/polarization").tolist()))
        having = tuple(stores[0].attributes(name).get("polarizations", everything))
        sources.append(_Source(name, group, tuple(stores), having, everything))
    return sources


def _together(sources: Sequence[_Source], what: Changed) -> NDArray[Any]:
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


def _numbers(names: NDArray[Any], number: Mapping[str, int]) -> NDArray[np.int64]:
    return np.array([number[name] for name in names.tolist()], dtype=np.int64)
