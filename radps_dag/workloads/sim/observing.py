"""Observations to process, and visibilities already prepared."""

from __future__ import annotations

from typing import Any, Literal

from radps_dag.workloads.contract.opening import local_path
from radps_dag.workloads.contract.workload import Context, Product, Workdir, workload
from radps_dag.workloads.outcomes import Observed, Opened
from radps_dag.workloads.sim.observation import NOTHING_SIMULATED, Observation
from radps_dag.workloads.sim.simulation.corruption import dead
from radps_dag.workloads.sim.simulation.geometry import VISIT_INTEGRATIONS
from radps_dag.workloads.sim.simulation.observe import State, simulate
from radps_dag.workloads.sim.stores.measurement_sets import (
    convert,
    is_measurement_set,
    observation_in,
)
from radps_dag.workloads.sim.stores.observations import read_observation, write_observation
from radps_dag.workloads.sim.stores.partitions import PARALLEL
from radps_dag.workloads.sim.stores.processing_sets import write_visibilities
from radps_dag.workloads.sim.stores.sources import observation_behind, read_visibilities
from radps_dag.workloads.sim.visibilities import mean_flagged
from radps_dag.workloads.units import Degrees, Fraction, Megabytes, Metres

__all__ = [
    "describe_observation",
    "describe_visibilities",
    "open_data",
    "simulate_observation",
]

Intent = Literal["calibrators", "target"]
_CALIBRATORS = ["J1924-2914", "J1832-2039"]
_TARGETS = ["G09.62"]
# Farther off is not a telescope, and would leave the range of numbers.
_MOST = 1e6
_MOST_VISIBILITIES = 1e8  # 800 MB
_STATES: dict[str, State] = {"imported": "imported", "prepared": "prepared", "flagged": "flagged"}


@workload
def simulate_observation(
    project: str = "simulated",
    calibrators: list[str] = _CALIBRATORS,
    targets: list[str] = _TARGETS,
    spws: list[int] = [0, 1],  # noqa: B006  # never changed: JSON Schema wants the plain list
    scans: list[int] = [1, 2, 3],  # noqa: B006
    polarizations: list[str] = ["XX", "YY"],  # noqa: B006
    channels: int = 32,
    antennas: int = 12,
    pace: float = 1.0,
    megabytes: Megabytes = 0.0,
    converge_after: int = 3,
    seed: int = 1,
    noise: float = 1.0,
    phase_rms: Degrees = 40.0,
    amplitude_rms: Fraction = 0.05,
    bandpass_rms: Fraction = 0.1,
    interference: Fraction = 0.01,
    position_error: Metres = 3e-4,
    wvr_error: float = 0.2,
    dead_receptors: list[str] = [],  # noqa: B006
    *,
    workdir: Workdir,
    context: Context,
) -> Observed:
    """Make up an observation with an array like ALMA's, and all that is wrong with it.

    Nothing is observed yet: import_visibilities draws the visibilities from what is recorded here,
    the same ones each time. The first calibrator is that of bandpass and flux scale, of some Jy;
    the others, of about 1 Jy, are those of the phases. Each scan number is a cycle: 60 s on the
    first calibrator, 30 s on each other, 120 s on each target, the others again; a quarter of an
    hour goes to other projects between two cycles. Where the pipeline declares the context key
    `observation`, it is described there.

    Args:
        pace: of placeholders, here without effect
        megabytes: of placeholders, here without effect
        converge_after: of placeholders, here without effect
        seed: of all that is drawn at random to make the observation
        phase_rms: of the troposphere, per antenna, at 230 GHz
    """
    observation = Observation(
        project=project,
        calibrators=tuple(calibrators),
        targets=tuple(targets),
        spws=tuple(spws),
        scans=tuple(scans),
        polarizations=tuple(polarizations),
        channels=channels,
        antennas=antennas,
        seed=seed,
        noise=noise,
        phase_rms=phase_rms,
        amplitude_rms=amplitude_rms,
        bandpass_rms=bandpass_rms,
        interference=interference,
        position_error=position_error,
        wvr_error=wvr_error,
        dead_receptors=tuple(dead_receptors),
    )
    _check(observation)
    if context.declares("observation"):
        context.add("observation", observation.to_json())
    return _observed(write_observation(workdir, observation), observation)


def _check(observation: Observation) -> None:
    """Raise ValueError for what cannot be observed."""
    for name in ("spws", "polarizations", "scans", "fields"):
        values = getattr(observation, name)
        if not values or len(set(values)) < len(values):
            raise ValueError(f"{name} must be one or more, each once; they are {list(values)}")
    if wrong := [name for name in observation.fields if not name.strip(". ") or "/" in name]:
        raise ValueError(f"{wrong[0]!r} is not a name of a field: it needs a letter, and no /")
    if wrong := [name for name in observation.polarizations if name not in PARALLEL]:
        raise ValueError(
            f"no polarization {wrong[0]!r}: sources are unpolarized, so that there are only "
            f"{', '.join(PARALLEL)}"
        )
    if observation.channels < 1 or observation.antennas < 1:
        raise ValueError(
            f"{observation.channels} channels and {observation.antennas} antennas: there must be "
            "at least one of each"
        )
    if not 0 <= observation.interference <= 0.5:
        raise ValueError(f"interference must be 0 to 0.5, not {observation.interference}")
    for name in NOTHING_SIMULATED:
        value = getattr(observation, name)
        most = float("inf") if name == "seed" else _MOST
        if not 0 <= value <= most:
            to = f" to {most:,.0f}" if name != "seed" else ""
            raise ValueError(f"{name} must be a number from 0{to}, not {value}")
    _check_size(observation)
    dead(observation)


def _check_size(observation: Observation) -> None:
    """Raise ValueError for more visibilities than fit into the memory of a laptop."""
    baselines = observation.antennas * (observation.antennas - 1) // 2
    of_one = baselines * observation.channels * len(observation.polarizations)
    # Not all visits need be there to know: their list would be as long as the scans.
    times = len(observation.scans) * VISIT_INTEGRATIONS
    if of_one * times > _MOST_VISIBILITIES:
        raise ValueError(
            f"{observation.antennas} antennas, {observation.channels} channels and "
            f"{len(observation.scans)} scans are {of_one * times:.2g} visibilities of a field and "
            f"spw, more than {_MOST_VISIBILITIES:.0g}: take fewer of them"
        )


@workload
def open_data(data: Product, data_group: str = "base", *, workdir: Workdir) -> Observed:
    """Say what data hold that somebody has observed, so that they are processed.

    They are a processing set of MSv4, as xradio writes it, or a MeasurementSet v2, which xradio
    converts. Their flags are kept. Nothing else is known of them: system temperatures, radiometers
    and positions of antennas count as applied.
    """
    path = local_path(data)
    if not path.exists():
        raise FileNotFoundError(f"no data at {data['uri']}: give the folder of an MSv4 or MSv2")
    source = data
    if is_measurement_set(path):
        into = workdir.resolve() / f"{path.stem}.ps.zarr"
        convert(path, into)
        source, path = {"uri": into.as_uri(), "kind": "visibilities"}, into
    observation = observation_in(path, data_group)
    product = write_observation(workdir, observation)
    return _observed({**product, "stands_on": [dict(source)]}, observation)


def data_of(observation: Product) -> Product:
    """The data that an observation was opened of."""
    parent: Any = next(iter(observation.get("stands_on", [])), None)
    if parent is None:
        raise ValueError(
            f"{observation['uri']} does not tell of its data; hand on the whole reference to it, "
            "with stands_on"
        )
    return parent  # type: ignore[no-any-return]


@workload
def describe_observation(
    observation: Product | None = None, pace: float = 1.0, *, workdir: Workdir
) -> Observed:
    """Say what an observation holds; without one, a default is made up.

    Args:
        pace: of placeholders, here without effect
    """
    if observation is None:
        return simulate_observation(workdir=workdir, context=Context())
    return _observed(observation, read_observation(observation))


def _observed(product: Product, observation: Observation) -> Observed:
    return {
        "observation": product,
        "calibrators": list(observation.calibrators),
        "targets": list(observation.targets),
        "spws": list(observation.spws),
        "scans": list(observation.scans),
        "polarizations": list(observation.polarizations),
    }


@workload
def describe_visibilities(
    ms: Product | None = None,
    intent: Intent = "calibrators",
    group: str = "imported",
    channels_per_block: int = 16,
    pace: float = 1.0,
    *,
    workdir: Workdir,
) -> Opened:
    """Say what visibilities hold; without any, simulate those that a stage wants.

    Visibilities that are made up are as far as their data group says: `imported`, `prepared` with
    what the telescope knows applied, `flagged`; any other group is of calibrated data, whose phases
    are as phase referencing leaves them.

    Args:
        pace: of placeholders, here without effect
    """
    if ms is None:
        observation = read_observation(
            simulate_observation(workdir=workdir, context=Context())["observation"]
        )
        fields = observation.calibrators if intent == "calibrators" else observation.targets
        state = _STATES.get(group, "corrected")
        parts = [
            simulate(observation, field, spw, state).vis
            for field in fields
            for spw in observation.spws
        ]
        ms = write_visibilities(workdir, observation, parts, group)
    if channels_per_block < 1:
        raise ValueError(f"channels_per_block must be at least 1, not {channels_per_block}")
    observation = observation_behind(ms)
    parts = read_visibilities(ms)
    scans = {int(scan) for vis in parts for scan in vis.scan}
    channels = {vis.spw: vis.frequency.size for vis in parts}
    spws = [spw for spw in observation.spws if spw in channels]
    return {
        "ms": ms,
        "fields": sorted({vis.field for vis in parts}, key=observation.fields.index),
        "spws": spws,
        "scans": [scan for scan in observation.scans if scan in scans],
        "polarizations": list(observation.polarizations),
        "channel_blocks": [
            {"spw": spw, "first": first, "last": min(first + channels_per_block, channels[spw]) - 1}
            for spw in spws
            for first in range(0, channels[spw], channels_per_block)
        ],
        "flagged_fraction": mean_flagged(parts),
    }
