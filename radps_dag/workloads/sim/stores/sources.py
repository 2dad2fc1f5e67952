"""Visibilities of a processing set, and of what was derived of it, read from all its stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.sim.stores.observations import observation_behind
from radps_dag.workloads.sim.stores.parents import Line, line_of
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable, ZarrStore
from radps_dag.workloads.sim.visibilities import Antennas, PointModel, Visibilities

__all__ = [
    "Source",
    "list_visibilities",
    "models_of",
    "observation_behind",
    "read_table",
    "read_visibilities",
    "sources_in",
    "sources_of",
]


@dataclass(frozen=True, slots=True)
class Source:
    """A measurement set in what it was made of: the newest store first, the whole one last."""

    name: str
    group: str
    stores: tuple[ZarrStore, ...]
    polarizations: tuple[str, ...]  # that it has
    all_polarizations: tuple[str, ...]

    @property
    def whole(self) -> ZarrStore:
        """The store that needs no other to be read."""
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


def list_visibilities(ms: Product) -> list[tuple[str, int]]:
    """The (field, spw) of all that is in there, in the order of names."""
    return [
        (str(noted["field"]), int(noted["spw"]))
        for noted in (source.noted() for source in sources_of(ms))
    ]


def models_of(ms: Product) -> dict[str, PointModel]:
    """The models that were noted beside visibilities, by field."""
    noted = [source.noted() for source in sources_of(ms)]
    return {str(note["field"]): PointModel(**note["model"]) for note in noted if note.get("model")}


def read_table(ms: Product, name: str, table: str) -> dict[str, NDArray[Any]]:
    """The arrays of a group below a measurement set, such as `system_calibration_xds`."""
    for source in sources_of(ms):
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
    sources = [(source, source.noted()) for source in sources_of(ms)]
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
    source: Source,
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


def sources_of(ms: Product) -> list[Source]:
    """The measurement sets of a product, each with the stores that hold its arrays."""
    return sources_in(line_of(ms))


def sources_in(line: Line) -> list[Source]:
    """The measurement sets of a line of stores, the newest of which names them."""
    stores = [store for _, store in line]
    group = str(stores[0].about["data_group"])
    sources = []
    for name in stores[0].groups():
        everything = tuple(map(str, stores[-1].array(f"{name}/polarization").tolist()))
        having = tuple(stores[0].attributes(name).get("polarizations", everything))
        sources.append(Source(name, group, tuple(stores), having, everything))
    return sources


def _numbers(names: NDArray[Any], number: Mapping[str, int]) -> NDArray[np.int64]:
    return np.array([number[name] for name in names.tolist()], dtype=np.int64)
