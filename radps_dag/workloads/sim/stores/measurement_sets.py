"""Data that somebody else made to visibilities: processing sets of MSv4, MeasurementSets v2.

Processing sets are read by xarray, however they are compressed, cut into chunks and partitioned;
MeasurementSets are converted by xradio before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import Data, Observation
from radps_dag.workloads.sim.simulation.geometry import cell_for
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Antennas, PointModel, Visibilities

if TYPE_CHECKING:  # only data need it
    from xarray import DataArray, Dataset, DataTree

__all__ = ["convert", "is_measurement_set", "observation_in", "read_field"]

_SHAPE = ("time", "baseline_id", "frequency", "polarization")
# Of correlations; the others say nothing of unpolarized sources.
_PARALLEL = ("XX", "YY", "RR", "LL")
# What intents of observatories mean here.
_INTENTS = {
    "CALIBRATE_BANDPASS": "BANDPASS",
    "CALIBRATE_FLUX": "FLUX",
    "CALIBRATE_AMPLI": "FLUX",
    "CALIBRATE_PHASE": "PHASE",
    "OBSERVE_TARGET": "TARGET",
}
_POINTLIKE = 0.01  # of a model's flux density: by more it must not differ between baselines


@dataclass(frozen=True, slots=True)
class _Part:
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
        return _dataset(self.node, self.group["field_and_source"])

    @property
    def antennas(self) -> Dataset:
        return _dataset(self.node, "antenna_xds")


def is_measurement_set(path: Path) -> bool:
    """Whether it is a MeasurementSet v2: a table of casacore."""
    return (path / "table.dat").exists()


def convert(path: Path, into: Path) -> None:
    """Convert a MeasurementSet v2 to a processing set, by xradio."""
    try:
        from toolviper.utils.logger import get_logger
        from xradio.measurement_set import convert_msv2_to_processing_set
    except ImportError:
        raise StoreUnusable(
            f"{path} is a MeasurementSet v2, which xradio converts: pip install 'radps-dag[ms]'"
        ) from None
    get_logger().setLevel("WARNING")  # what it does would be among the lines of the run
    try:
        convert_msv2_to_processing_set(str(path), str(into), with_pointing=False)
    except Exception as error:  # whatever comes of a table that is none
        raise StoreUnusable(
            f"{path} cannot be converted by xradio ({_line(error)}); is it a whole MeasurementSet?"
        ) from error


def observation_in(path: Path, group: str) -> Observation:
    """Describe the content of a processing set. Raises StoreUnusable if it is not a processing set,
    or has no such group.
    """
    parts = list(_parts(path, group))
    intents: dict[str, list[str]] = {}
    for part in parts:
        for field in dict.fromkeys(part.fields.tolist()):
            intents.setdefault(field, []).extend(part.intents)
    by_field = {field: tuple(dict.fromkeys(names)) for field, names in intents.items()}
    if not any("FLUX" in names for names in by_field.values()):
        flux = {field: (*names, "FLUX") for field, names in by_field.items() if "BANDPASS" in names}
        by_field |= flux
    calibrators = [field for field, names in by_field.items() if "TARGET" not in names]
    first = parts[0]
    place = first.antennas["ANTENNA_POSITION"].values.mean(axis=0)
    lines = {}
    for part in parts:
        if "LINE_REST_FREQUENCY" in part.field_table:
            lines[str(part.spw)] = float(part.field_table["LINE_REST_FREQUENCY"].values.flat[0])
    everything = [
        polarization for part in parts for polarization in part.data["polarization"].values.tolist()
    ]
    return Observation(
        project=str(first.data.attrs.get("observation_info", {}).get("project_UID", "")),
        # The flux calibrator is the first, as it is of simulated ones.
        calibrators=tuple(sorted(calibrators, key=lambda field: "FLUX" not in by_field[field])),
        targets=tuple(field for field in by_field if field not in calibrators),
        spws=tuple(sorted({part.spw for part in parts})),
        scans=tuple(sorted({int(scan) for part in parts for scan in _scans(part)})),
        polarizations=tuple(name for name in dict.fromkeys(everything) if name in _PARALLEL),
        channels=max(part.data.sizes["frequency"] for part in parts),
        antennas=max(part.antennas.sizes["antenna_name"] for part in parts),
        seed=0, noise=0.0, phase_rms=0.0, amplitude_rms=0.0, bandpass_rms=0.0, interference=0.0,
        position_error=0.0, wvr_error=0.0, dead_receptors=(),
        data=Data(
            group=group,
            telescope=str(first.antennas.attrs.get("overall_telescope_name", "unknown")),
            place=(float(place[0]), float(place[1]), float(place[2])),
            start=min(float(part.data["time"].values.min()) for part in parts),
            cell=cell_for(max(map(_longest, parts))),
            intents=by_field,
            widths={str(part.spw): _width(part.data["frequency"]) for part in parts},
            lines={spw: line for spw, line in lines.items() if line > 0},
        ),
    )  # fmt: skip


def read_field(path: Path, data: Data, field: str, spw: int) -> Visibilities:
    """The visibilities of one field and spw, of all partitions.

    Baselines without data at a time are flagged, and what is no number; a weight that is not there
    is 1. Raises ValueError for a field or spw that is not there.
    """
    parts = [part for part in _parts(path, data.group) if part.spw == spw and field in part.fields]
    if not parts:
        raise ValueError(f"no field {field!r} with spw {spw} in {path}")
    antennas = _antennas(parts)
    number = {name: index for index, name in enumerate(antennas.names)}
    pairs = [_pairs(part, number) for part in parts]
    every = {(min(pair), max(pair)) for group in pairs for pair in group}
    baselines = sorted(pair for pair in every if pair[0] != pair[1])
    pieces = [_piece(*part, field, baselines) for part in zip(parts, pairs, strict=True)]
    joined = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    order = np.argsort(joined["time"], kind="stable")
    joined = {name: values[order] for name, values in joined.items()}
    first = parts[0].data
    about, frequency = first["time"].attrs, first["frequency"].values.astype(np.float64)
    return Visibilities(
        field=field,
        intents=tuple(data.intents[field]),
        spw=spw,
        integration=_integration(about, joined["time"]),
        antenna1=np.array([baseline for baseline, _ in baselines], dtype=np.int64),
        antenna2=np.array([other for _, other in baselines], dtype=np.int64),
        antennas=antennas,
        frequency=frequency,
        channels=np.arange(frequency.size),
        channel_width=_width(first["frequency"]),
        polarizations=tuple(_parallel(first)),
        direction=_direction(parts[0], field),
        model=_model(parts, field) if "FLUX" in data.intents[field] else None,
        **joined,
    )


def _parts(path: Path, group: str) -> Iterator[_Part]:
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
            f"{path} is not a processing set of MSv4 ({_line(error)}); give a folder that xradio "
            "or this library wrote, or a MeasurementSet v2"
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
        yield _Part(node, data, groups[group], windows[_window(node)])


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


def _scans(part: _Part) -> NDArray[np.int64]:
    names = np.broadcast_to(part.data["scan_name"].values.astype(str), part.data["time"].shape)
    numbers = [int(re.sub(r"\D", "", name) or 0) for name in names.tolist()]
    return np.array(numbers, dtype=np.int64)


def _antennas(parts: Sequence[_Part]) -> Antennas:
    """Antennas of all partitions; the diameter is that of all of them, if it is the same."""
    positions: dict[str, NDArray[np.float64]] = {}
    for part in parts:
        names = part.antennas["antenna_name"].values.astype(str).tolist()
        positions |= dict(zip(names, part.antennas["ANTENNA_POSITION"].values, strict=True))
    named = [part.antennas.get("ANTENNA_DISH_DIAMETER", np.zeros(1)) for part in parts]
    diameters = set(np.concatenate([np.ravel(sizes) for sizes in named]).tolist())
    return Antennas(
        names=tuple(positions),
        positions=np.array(list(positions.values()), dtype=np.float64),
        diameter=diameters.pop() if len(diameters) == 1 else 0.0,
    )


def _pairs(part: _Part, number: Mapping[str, int]) -> list[tuple[int, int]]:
    """The antennas of each baseline, in the order that it has them."""
    names = [part.data[f"baseline_antenna{end}_name"].values.astype(str) for end in (1, 2)]
    both = zip(*(name.tolist() for name in names), strict=True)
    return [(number[antenna1], number[antenna2]) for antenna1, antenna2 in both]


def _piece(
    part: _Part,
    pairs: Sequence[tuple[int, int]],
    field: str,
    baselines: Sequence[tuple[int, int]],
) -> dict[str, NDArray[Any]]:
    """A field's arrays in a partition, at these baselines; see Visibilities for their names."""
    times = np.flatnonzero(part.fields == field)
    data = part.data.isel(time=times, polarization=_places(part.data))
    place = {pair: at for at, pair in enumerate(baselines)}
    lower = [(min(pair), max(pair)) for pair in pairs]
    here = [at for at, pair in enumerate(lower) if pair in place]
    there = [place[lower[at]] for at in here]
    shape = (times.size, len(baselines), *(data.sizes[dimension] for dimension in _SHAPE[2:]))

    def placed(name: str, dimensions: tuple[str, ...], empty: NDArray[Any]) -> NDArray[Any]:
        empty[:, there] = data[name].transpose(*dimensions).values[:, here]
        return empty

    values = placed(part.group["correlated_data"], _SHAPE, np.full(shape, np.nan, np.complex64))
    flag, weight = np.ones(shape, bool), np.ones(shape, np.float32)
    flag[:, there] = False
    if part.group.get("flag") in data:
        flag = placed(part.group["flag"], _SHAPE, flag)
    if part.group.get("weight") in data:
        weight = placed(part.group["weight"], _SHAPE, weight)
    # MSv4 has baselines from the other end.
    label = (*_SHAPE[:2], "uvw_label")
    uvw = -placed(part.group["uvw"], label, np.zeros((*shape[:2], 3)))
    back = [to for to, at in zip(there, here, strict=True) if pairs[at][0] > pairs[at][1]]
    values[:, back], uvw[:, back] = values[:, back].conj(), -uvw[:, back]
    finite = np.isfinite(values) & np.isfinite(uvw).all(axis=-1)[..., np.newaxis, np.newaxis]
    finite &= np.isfinite(weight)
    return {
        "time": data["time"].values.astype(np.float64),
        "scan": _scans(part)[times],
        "uvw": np.nan_to_num(uvw),
        "data": np.where(finite, values, 0),
        "flag": flag | ~finite,
        "weight": np.where(finite, weight, 0),
    }


def _parallel(data: Dataset) -> list[str]:
    names: list[str] = data["polarization"].values.astype(str).tolist()
    return [name for name in names if name in _PARALLEL]


def _places(data: Dataset) -> list[int]:
    """Indices of the polarizations that are processed; raises StoreUnusable where there are
    none.
    """
    names = data["polarization"].values.astype(str).tolist()
    if not (indices := [at for at, name in enumerate(names) if name in _PARALLEL]):
        raise StoreUnusable(f"polarizations {', '.join(names)} are none of {', '.join(_PARALLEL)}")
    return indices


def _direction(part: _Part, field: str) -> NDArray[np.float64]:
    """(2,) of the phase centre in rad."""
    table = part.field_table
    centre = table["FIELD_PHASE_CENTER_DIRECTION"]
    if "field_name" in centre.dims:
        names = table["field_name"].values.astype(str).tolist()
        centre = centre.isel(field_name=names.index(field))
    return np.array(centre.values.reshape(-1, 2)[0], dtype=np.float64)


def _model(parts: Sequence[_Part], field: str) -> PointModel | None:
    """The point source that a data group `model` has for a field; None where there is none.

    Raises StoreUnusable for a model that is no point source at the phase centre.
    """
    models = []
    for part in parts:
        name = part.node.attrs["data_groups"].get("model", {}).get("correlated_data")
        if name is None or name not in part.data:
            return None
        chosen = part.data[name].isel(
            time=np.flatnonzero(part.fields == field), polarization=_places(part.data)
        )
        channels = chosen.sizes["frequency"]
        models.append(chosen.transpose(..., "frequency").values.reshape(-1, channels))
    every = np.concatenate(models)
    rows = every[(np.abs(every) > 0).all(axis=1)].astype(np.complex128)
    if not rows.size:
        return None
    flux = rows.mean(axis=0).real
    if not np.all(np.abs(rows - flux) < _POINTLIKE * flux):
        raise StoreUnusable(
            f"the model of the flux calibrator {field} is not a point source at the phase centre; "
            "take such a calibrator, or set such a model"
        )
    frequency = parts[0].data["frequency"].values
    middle = float(frequency.mean())
    slope, level = 0.0, np.log(flux).mean()
    if frequency.size > 1:
        slope, level = np.polyfit(np.log(frequency / middle), np.log(flux), 1)
    return PointModel(float(np.exp(level)), float(slope), middle)


def _longest(part: _Part) -> float:
    """The longest baseline, as the source sees it, in wavelengths."""
    uvw = part.data[part.group["uvw"]].transpose(..., "uvw_label").values[..., :2]
    metres = np.sqrt((np.nan_to_num(uvw) ** 2).sum(axis=-1)).max()
    return float(metres * part.data["frequency"].values.max() / SPEED_OF_LIGHT)


def _width(frequency: DataArray) -> float:
    """The width of a channel in Hz."""
    about = frequency.attrs.get("channel_width", {})
    if "data" in about:
        return abs(float(np.ravel(about["data"])[0]))
    return abs(float(np.diff(frequency.values[:2])[0])) if frequency.size > 1 else 1.0


def _integration(about: Mapping[str, Any], time: NDArray[np.float64]) -> float:
    """Length of an integration in s."""
    told = about.get("integration_time", {})
    if "data" in told and np.all(np.asarray(told["data"]) > 0):
        return float(np.ravel(told["data"])[0])
    steps = np.diff(time)
    return float(steps[steps > 0].min(initial=np.inf)) if (steps > 0).any() else 1.0


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]
