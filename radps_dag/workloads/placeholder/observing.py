"""Placeholders for what there is to process: an observation, and visibilities already prepared."""

from __future__ import annotations

from typing import Any, Literal

from radps_dag.workloads.contract.workload import Context, Product, Random, Workdir, workload
from radps_dag.workloads.outcomes import Observed, Opened
from radps_dag.workloads.placeholder.fake_data import Fake, read, spend, write
from radps_dag.workloads.units import Degrees, Fraction, Megabytes, Metres

__all__ = [
    "INTENTS",
    "describe_observation",
    "describe_visibilities",
    "open_data",
    "simulate_observation",
]

Intent = Literal["calibrators", "target"]
INTENTS = {"calibrators": ["BANDPASS", "FLUX", "PHASE"], "target": ["TARGET"]}
_CALIBRATORS = ["J1924-2914", "J1832-2039"]
_TARGETS = ["G09.62"]


@workload(placeholder=True)
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
    """Make up an observation, and the cost model of processing it (placeholder).

    All that is made of the observation carries its cost model, so that one place says how long
    processing takes, how much memory it holds, and how soon solvers converge. Where the pipeline
    declares the context key `observation`, it is described there.

    Args:
        project: name of the project
        calibrators: names of the calibrator fields
        targets: names of the target fields
        spws: spectral window ids
        scans: scan numbers of each field
        polarizations: correlated polarizations
        channels: channels of a spectral window
        antennas: number of antennas
        pace: factor on the time that each call sleeps; 0 does not sleep
        megabytes: memory that each call holds while it sleeps
        converge_after: iterations after which a calibration solver has converged
        seed: of all that a library draws at random to make the observation
        noise: factor on the thermal noise
        phase_rms: of the troposphere, per antenna
        amplitude_rms: of the gains' slow drift
        bandpass_rms: of the ripples of the bandpass in amplitude
        interference: share of the visibilities that interference hits
        position_error: rms of the errors of the antenna positions, per axis
        wvr_error: share of the troposphere that the radiometers miss; above 1 they make it worse
        dead_receptors: receptors that see noise alone, such as A03:XX
    """
    observation = {
        "project": project,
        "calibrators": calibrators,
        "targets": targets,
        "spws": spws,
        "scans": scans,
        "polarizations": polarizations,
        "channels": channels,
        "antennas": antennas,
        "wvr_error": wvr_error,
        "dead_receptors": dead_receptors,
        "cost": {"pace": pace, "megabytes": megabytes, "converge_after": converge_after},
    }
    spend(observation)
    if context.declares("observation"):
        metadata = {name: value for name, value in observation.items() if name != "cost"}
        context.add("observation", metadata)
    return _observed(write(workdir, "observation", observation, {}), observation)


@workload(placeholder=True)
def open_data(data: Product, data_group: str = "base", *, workdir: Workdir) -> Observed:
    """Say what data hold that somebody has observed (placeholder: an observation is made up).

    Args:
        data: the data; the folder is enough
        data_group: data group to process, such as base or corrected
    """
    return simulate_observation(workdir=workdir, context=Context())


@workload(placeholder=True)
def describe_observation(
    observation: Product | None = None, pace: float = 1.0, *, workdir: Workdir
) -> Observed:
    """Say what an observation holds; without one, a default is made up (placeholder).

    Args:
        observation: the observation's record
        pace: of an observation that is made up, see simulate_observation
    """
    if observation is None:
        return simulate_observation(pace=pace, workdir=workdir, context=Context())
    return _observed(observation, dict(read(observation, "observation").observation))


def _observed(product: Product, observation: dict[str, Any]) -> Observed:
    return {
        "observation": product,
        "calibrators": observation["calibrators"],
        "targets": observation["targets"],
        "spws": observation["spws"],
        "scans": observation["scans"],
        "polarizations": observation["polarizations"],
    }


@workload(placeholder=True)
def describe_visibilities(
    ms: Product | None = None,
    intent: Intent = "calibrators",
    group: str = "imported",
    channels_per_block: int = 16,
    pace: float = 1.0,
    *,
    workdir: Workdir,
    random: Random,
) -> Opened:
    """Say what visibilities hold; without any, simulate those that a stage wants (placeholder).

    Args:
        ms: visibilities of an earlier stage
        intent: fields to simulate where no visibilities are given
        group: data group to simulate, such as "corrected"
        channels_per_block: channels that one call of cube imaging takes
        pace: of an observation that is made up, see simulate_observation
    """
    if ms is None:
        observed = simulate_observation(pace=pace, workdir=workdir, context=Context())
        observation = read(observed["observation"]).observation
        fields = observed["calibrators"] if intent == "calibrators" else observed["targets"]
        datasets = [
            {"field": field, "spw": spw, "flagged_fraction": round(random.uniform(0.02, 0.06), 4)}
            for field in fields
            for spw in observed["spws"]
        ]
        content = {"datasets": datasets, "applied": [], "selfcal_cycles": 0}
        ms = write(workdir, "visibilities", observation, content, group=group)
    return _opened(read(ms, "visibilities"), channels_per_block)


def _opened(data: Fake, channels_per_block: int) -> Opened:
    datasets = data.content["datasets"]
    channels = data.observation["channels"]
    spws = list(dict.fromkeys(dataset["spw"] for dataset in datasets))
    flagged = sum(dataset["flagged_fraction"] for dataset in datasets) / max(1, len(datasets))
    return {
        "ms": data.product,
        "fields": list(dict.fromkeys(dataset["field"] for dataset in datasets)),
        "spws": spws,
        "scans": data.observation["scans"],
        "polarizations": data.observation["polarizations"],
        "channel_blocks": [
            {"spw": spw, "first": first, "last": min(first + channels_per_block, channels) - 1}
            for spw in spws
            for first in range(0, channels, channels_per_block)
        ],
        "flagged_fraction": flagged,
    }
