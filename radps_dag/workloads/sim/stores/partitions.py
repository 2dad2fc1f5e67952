"""A partition of data that others made: a measurement set of MSv4, as xarray has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.stores.msv4 import SHAPE
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT

if TYPE_CHECKING:  # only data need it
    from xarray import DataArray, Dataset, DataTree

__all__ = [
    "PARALLEL",
    "Partition",
    "channel_width",
    "direction_of",
    "in_a_line",
    "longest_baseline",
    "partitions",
    "piece_of",
    "places_in",
    "scans_of",
]

# Of correlations; the others say nothing of unpolarized sources.
PARALLEL = ("XX", "YY", "RR", "LL")
# What intents of observatories mean here.
_INTENTS = {
    "CALIBRATE_BANDPASS": "BANDPASS",
    "CALIBRATE_FLUX": "FLUX",
    "CALIBRATE_AMPLI": "FLUX",
    "CALIBRATE_PHASE": "PHASE",
    "OBSERVE_TARGET": "TARGET",
}


@dataclass(frozen=True, slots=True)
class Partition:
    """A measurement set (MSv4): a partition of the data."""

    node: DataTree
    data: Dataset
    group: Mapping[str, str]
    spw: int

    @property
    def fields(self) -> NDArray[Any]:
        """(t,) names."""
        return np.broadcast_to(self.data["field_name"].values.astype(str), self.data["time"].shape)

    @property
    def intents(self) -> list[str]:
        """The intents, in our words."""
        info = self.data.attrs.get("observation_info", {})
        named = self.data["scan_name"].attrs.get("scan_intents") or info.get("intents", [])
        names = [str(intent).partition("#")[0] for intent in named]
        return [_INTENTS.get(intent, intent) for intent in names]

    @property
    def field_table(self) -> Dataset:
        """The table of fields."""
        return _dataset(self.node, self.group["field_and_source"])

    @property
    def antennas(self) -> Dataset:
        """The table of antennas."""
        return _dataset(self.node, "antenna_xds")


def partitions(path: Path, group: str) -> Iterator[Partition]:
    """The measurement sets of a processing set, in the order of their names."""
    import xarray

    try:
        tree = xarray.open_datatree(
            path, engine="zarr", chunks=None, decode_times=False, mask_and_scale=False
        )
        nodes = [node for node in tree.subtree if node.attrs.get("type") == "visibility"]
        if not nodes:
            raise ValueError("it holds no measurement set of visibilities")
    except Exception as error:  # whatever comes of what is no store
        raise StoreUnusable(
            f"{path} is not a processing set of MSv4 ({in_a_line(error)}); give a folder that "
            "xradio or this library wrote, or a MeasurementSet v2"
        ) from error
    windows = _numbers(nodes)
    for node in nodes:
        groups = node.attrs["data_groups"]
        if group not in groups:
            raise StoreUnusable(
                f"{path} has no data group {group!r} in {node.name}; there are "
                f"{', '.join(sorted(groups))}: choose with data_group"
            )
        data = node.to_dataset(inherit=False)
        yield Partition(node, data, groups[group], windows[_window(node)])


def _dataset(node: DataTree, name: str) -> Dataset:
    """A table below a measurement set."""
    return node.children[name].to_dataset(inherit=False)


def _window(node: DataTree) -> tuple[str, int, float]:
    """Identify a spectral window by name, number of channels and first frequency."""
    frequency = node.coords["frequency"]
    name = str(frequency.attrs.get("spectral_window_name", ""))
    return name, frequency.size, float(frequency.values[0])


def _numbers(nodes: Sequence[DataTree]) -> dict[tuple[str, int, float], int]:
    """Spectral window ids: those that names end in, else their places in the order of frequency."""
    windows = sorted({_window(node) for node in nodes}, key=lambda window: window[2])
    ends = [re.search(r"(\d+)$", name) for name, _, _ in windows]
    numbers = [int(end.group()) for end in ends if end]
    if len(set(numbers)) == len(windows):
        return dict(zip(windows, numbers, strict=True))
    return {window: number for number, window in enumerate(windows)}


def scans_of(part: Partition) -> NDArray[np.int64]:
    """(t,) numbers: the digits of the scans' names."""
    names = np.broadcast_to(part.data["scan_name"].values.astype(str), part.data["time"].shape)
    numbers = [int(re.sub(r"\D", "", name) or 0) for name in names.tolist()]
    return np.array(numbers, dtype=np.int64)


def piece_of(part: Partition, names: Sequence[str], field: str) -> Dataset:
    """A field's arrays in a partition, called as in Visibilities, against time and baseline: the
    number of its lower antenna times how many there are, and of its other."""
    from xarray import Dataset

    times = np.flatnonzero(part.fields == field)
    data = part.data.isel(time=times, polarization=places_in(part.data))
    ends = [data[f"baseline_antenna{end}_name"].values.astype(str).tolist() for end in (1, 2)]
    first, second = np.array([[names.index(name) for name in end] for end in ends])
    shape = tuple(data.sizes[dimension] for dimension in SHAPE)

    def array(role: str, dimensions: tuple[str, ...], without: NDArray[Any]) -> NDArray[Any]:
        name = part.group.get(role)
        return data[name].transpose(*dimensions).values if name in data else without

    values = data[part.group["correlated_data"]].transpose(*SHAPE).values.astype(np.complex64)
    flag = array("flag", SHAPE, np.zeros(shape, bool)).astype(bool)
    weight = array("weight", SHAPE, np.ones(shape)).astype(np.float32)
    # MSv4 has baselines from the other end.
    label = (*SHAPE[:2], "uvw_label")
    uvw = -data[part.group["uvw"]].transpose(*label).values.astype(np.float64)
    back = first > second
    values[:, back], uvw[:, back] = values[:, back].conj(), -uvw[:, back]
    placed = np.asarray(np.isfinite(uvw).all(axis=-1))
    finite = np.isfinite(values) & np.isfinite(weight) & placed[..., np.newaxis, np.newaxis]
    piece = Dataset(
        {
            "scan": ("time", scans_of(part)[times]),
            "uvw": (label, np.nan_to_num(uvw)),
            "data": (SHAPE, np.where(finite, values, 0)),
            "flag": (SHAPE, flag | ~finite),
            "weight": (SHAPE, np.where(finite, weight, 0)),
        },
        {
            "time": data["time"].values.astype(np.float64),
            "baseline_id": np.minimum(first, second) * len(names) + np.maximum(first, second),
        },
    )
    return piece.isel(baseline_id=first != second)


def places_in(data: Dataset) -> list[int]:
    """Indices of the polarizations that are processed; raises StoreUnusable where there are
    none.
    """
    names = data["polarization"].values.astype(str).tolist()
    if not (indices := [at for at, name in enumerate(names) if name in PARALLEL]):
        raise StoreUnusable(f"polarizations {', '.join(names)} are none of {', '.join(PARALLEL)}")
    return indices


def direction_of(part: Partition, field: str) -> NDArray[np.float64]:
    """(2,) of the phase centre in rad."""
    table = part.field_table
    centre = table["FIELD_PHASE_CENTER_DIRECTION"]
    if "field_name" in centre.dims:
        names = table["field_name"].values.astype(str).tolist()
        centre = centre.isel(field_name=names.index(field))
    return np.array(centre.values.reshape(-1, 2)[0], dtype=np.float64)


def longest_baseline(part: Partition) -> float:
    """The longest baseline, as the source sees it, in wavelengths."""
    uvw = part.data[part.group["uvw"]].transpose(..., "uvw_label").values[..., :2]
    metres = np.sqrt((np.nan_to_num(uvw) ** 2).sum(axis=-1)).max()
    return float(metres * part.data["frequency"].values.max() / SPEED_OF_LIGHT)


def channel_width(frequency: DataArray) -> float:
    """The width of a channel in Hz."""
    about = frequency.attrs.get("channel_width", {})
    if "data" in about:
        return abs(float(np.ravel(about["data"])[0]))
    return abs(float(np.diff(frequency.values[:2])[0])) if frequency.size > 1 else 1.0


def in_a_line(error: Exception) -> str:
    """Text of a library's error, short and without breaks."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
