"""Placeholders for calibration: bandpass, gains, flux scale, and their application."""

from __future__ import annotations

from typing import Any, TypedDict

from radps_dag.workloads.contract import Product, Random, Workdir, workload
from radps_dag.workloads.placeholder.fake_data import Fake, read, spend, write
from radps_dag.workloads.placeholder.types import Degrees, Fraction, Jansky, Score, Seconds
from radps_dag.workloads.scores import (
    bandpass_score,
    flag_score,
    flux_snr_score,
    flux_spread_score,
    snr_score,
)

__all__ = [
    "apply_calibration",
    "choose_solution_interval",
    "combine_caltables",
    "derive_flux_scale",
    "describe_caltable",
    "set_model",
    "solve_bandpass",
    "solve_gains",
    "solve_phase_up",
]


class Modelled(TypedDict):
    """Visibilities with a model.

    Attributes:
        ms: the visibilities
        flux_density: flux density of the model
    """

    ms: Product
    flux_density: Jansky


class PhasedUp(TypedDict):
    """Phase solutions before the bandpass.

    Attributes:
        caltable: the solutions
        phase_rms: rms of the phases
    """

    caltable: Product
    phase_rms: Degrees


class Bandpass(TypedDict):
    """Bandpass solutions after some iterations of the solver.

    Attributes:
        caltable: the solutions
        change: relative change in the last iteration
        snr: signal to noise of the solutions
        flagged_fraction: share of the solutions that is flagged
        score: QA score, were this the last iteration
    """

    caltable: Product
    change: Fraction
    snr: float
    flagged_fraction: Fraction
    score: Score


class Table(TypedDict):
    """A caltable.

    Attributes:
        caltable: the solutions
    """

    caltable: Product


class Interval(TypedDict):
    """How gains are best solved.

    Attributes:
        interval: solution interval
        snr: signal to noise that a solution of one spw has in that interval
        combined: whether spws must be combined to reach the signal to noise asked for
        spw_groups: spws that are solved together: each alone, or all in one group
        score: QA score of the signal to noise
    """

    interval: Seconds
    snr: float
    combined: bool
    spw_groups: list[list[int]]
    score: Score


class Gains(TypedDict):
    """Gain solutions after some iterations of the solver.

    Attributes:
        caltable: the solutions
        change: relative change in the last iteration
        snr: signal to noise of the solutions
        phase_rms: rms of the phases
        snr_score: QA score of the signal to noise
        phase_score: QA score of the phase rms: 0 at 90 degrees
    """

    caltable: Product
    change: Fraction
    snr: float
    phase_rms: Degrees
    snr_score: Score
    phase_score: Score


class FluxScale(TypedDict):
    """The flux scale of the calibrators.

    Attributes:
        caltable: the scaled solutions
        flux_densities: flux density in Jy by field
        snr: signal to noise of the least certain flux density
        spread: relative spread of the flux densities between spws
        snr_score: QA score of the signal to noise
        spread_score: QA score of the spread
    """

    caltable: Product
    flux_densities: dict[str, float]
    snr: float
    spread: Fraction
    snr_score: Score
    spread_score: Score


class Applied(TypedDict):
    """Calibrated visibilities.

    Attributes:
        ms: the visibilities
        flagged_fraction: share of the visibilities that is flagged
        score: QA score of that share
    """

    ms: Product
    flagged_fraction: Fraction
    score: Score


@workload(placeholder=True)
def set_model(ms: Product, *, workdir: Workdir, random: Random) -> Modelled:
    """Put a model of the calibrator beside the visibilities (placeholder).

    Args:
        ms: the visibilities
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    flux_density = round(random.uniform(1.0, 4.0), 3)
    modelled = write(
        workdir,
        "visibilities",
        data.observation,
        {**data.content, "flux_density": flux_density},
        sources=[ms],
        group="model",
        selection=ms.get("selection"),
    )
    return {"ms": modelled, "flux_density": flux_density}


@workload(placeholder=True)
def solve_phase_up(ms: Product, *, workdir: Workdir, random: Random) -> PhasedUp:
    """Solve phases against time, so that the bandpass can be averaged (placeholder).

    Args:
        ms: visibilities with a model
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    phase_rms = round(random.uniform(8.0, 25.0), 2)
    caltable = _table(workdir, data, "phase_up", {"phase_rms": phase_rms}, [ms])
    return {"caltable": caltable, "phase_rms": phase_rms}


@workload(placeholder=True)
def solve_bandpass(
    ms: Product,
    phase_up: Product,
    start: Product | None = None,
    *,
    workdir: Workdir,
    random: Random,
) -> Bandpass:
    """Iterate the bandpass solver once, from where the last iteration ended (placeholder).

    Args:
        ms: visibilities with a model
        phase_up: phase solutions to apply first
        start: solutions of the iteration before
    """
    data = read(ms, "visibilities")
    read(phase_up, "caltable")
    spend(data.observation)
    iterations, change = _iterated(data, start)
    snr = random.uniform(60.0, 90.0) * (1.0 - change)
    flagged = round(random.uniform(0.0, 0.04), 4)
    solution = {"iterations": iterations, "change": change, "snr": snr}
    sources = [ms, phase_up, *([start] if start else [])]
    return {
        "caltable": _table(workdir, data, "bandpass", solution, sources),
        "change": change,
        "snr": snr,
        "flagged_fraction": flagged,
        "score": bandpass_score(flagged, snr, converged=True),
    }


@workload(placeholder=True)
def describe_caltable(
    ms: Product, caltable: Product | None = None, type: str = "bandpass", *, workdir: Workdir
) -> Table:
    """Check that a caltable is one; without any, simulate one that a stage wants (placeholder).

    Args:
        ms: visibilities to which it belongs
        caltable: solutions of an earlier stage
        type: type of solutions to simulate where none are given
    """
    if caltable is not None:
        read(caltable, "caltable")
        return {"caltable": caltable}
    return {"caltable": _table(workdir, read(ms, "visibilities"), type, {"iterations": 0}, [ms])}


@workload(placeholder=True)
def combine_caltables(caltables: list[Product], *, workdir: Workdir) -> Table:
    """Put caltables of parts (spws, scans, polarizations) together to one (placeholder).

    Args:
        caltables: what to put together; at least one
    """
    if not caltables:
        raise ValueError("no caltables to combine")
    tables = [read(caltable, "caltable") for caltable in caltables]
    spend(tables[0].observation)
    content = {
        "type": tables[0].content["type"],
        "parts": [caltable.get("selection", {}) for caltable in caltables],
    }
    return {
        "caltable": write(workdir, "caltable", tables[0].observation, content, sources=caltables)
    }


@workload(placeholder=True)
def choose_solution_interval(
    ms: Product, bandpass: Product, snr_min: float = 10.0, *, workdir: Workdir, random: Random
) -> Interval:
    """Choose the solution interval of the gains, and whether spws must be combined (placeholder).

    Args:
        ms: the visibilities
        bandpass: bandpass to apply first
        snr_min: signal to noise that a solution must reach
    """
    data = read(ms, "visibilities")
    read(bandpass, "caltable")
    spend(data.observation)
    spws = list(dict.fromkeys(dataset["spw"] for dataset in data.content["datasets"]))
    snr = random.uniform(18.0, 30.0)
    combined = snr < snr_min
    reached = snr * len(spws) ** 0.5 if combined else snr
    return {
        "interval": round(min(60.0, 2.0 * max(1.0, (snr_min / snr) ** 2)), 2),
        "snr": snr,
        "combined": combined,
        "spw_groups": [spws] if combined else [[spw] for spw in spws],
        "score": snr_score(reached),
    }


@workload(placeholder=True)
def solve_gains(
    ms: Product,
    bandpass: Product,
    spws: list[int],
    scan: int,
    interval: Seconds,
    start: Product | None = None,
    *,
    workdir: Workdir,
    random: Random,
) -> Gains:
    """Iterate the phase and amplitude solver once, from where it ended (placeholder).

    Args:
        ms: the visibilities
        bandpass: bandpass to apply first
        spws: spectral windows that are solved together
        scan: scan number
        interval: solution interval
        start: solutions of the iteration before
    """
    data = read(ms, "visibilities")
    read(bandpass, "caltable")
    spend(data.observation)
    iterations, change = _iterated(data, start)
    snr = random.uniform(20.0, 30.0) * (len(spws) * max(1.0, interval / 2.0)) ** 0.5
    phase_rms = round(random.uniform(5.0, 15.0) * (1.0 + change), 2)
    solution = {"iterations": iterations, "change": change, "phase_rms": phase_rms}
    selection = {"spw": spws, "scan": scan}
    sources = [ms, bandpass, *([start] if start else [])]
    return {
        "caltable": _table(workdir, data, "gains", solution, sources, selection),
        "change": change,
        "snr": snr,
        "phase_rms": phase_rms,
        "snr_score": snr_score(snr),
        "phase_score": max(0.0, 1.0 - phase_rms / 90.0),
    }


@workload(placeholder=True)
def derive_flux_scale(
    ms: Product, gains: Product, *, workdir: Workdir, random: Random
) -> FluxScale:
    """Scale the gains by the calibrator of known flux density (placeholder).

    Args:
        ms: the visibilities
        gains: gain solutions
    """
    data = read(ms, "visibilities")
    read(gains, "caltable")
    spend(data.observation)
    fields = dict.fromkeys(dataset["field"] for dataset in data.content["datasets"])
    flux_densities = {field: round(random.uniform(0.5, 3.0), 3) for field in fields}
    snr = random.uniform(24.0, 60.0)
    spread = round(random.uniform(0.01, 0.08), 4)
    solution = {"flux_densities": flux_densities, "snr": snr, "spread": spread}
    return {
        "caltable": _table(workdir, data, "flux_scale", solution, [ms, gains]),
        "flux_densities": flux_densities,
        "snr": snr,
        "spread": spread,
        "snr_score": flux_snr_score(snr),
        "spread_score": flux_spread_score(spread),
    }


@workload(placeholder=True)
def apply_calibration(
    ms: Product,
    caltables: list[Product],
    group: str = "corrected",
    *,
    workdir: Workdir,
    random: Random,
) -> Applied:
    """Apply caltables, in their order, to make a new data group (placeholder).

    Args:
        ms: the visibilities
        caltables: what to apply
        group: name of the data group to make
    """
    data = read(ms, "visibilities")
    spend(data.observation)
    types = [read(caltable, "caltable").content["type"] for caltable in caltables]
    found = random.uniform(0.0, 0.01)
    datasets = [
        {**dataset, "flagged_fraction": round(min(1.0, dataset["flagged_fraction"] + found), 4)}
        for dataset in data.content["datasets"]
    ]
    content = {
        **data.content,
        "datasets": datasets,
        "applied": [*data.content["applied"], *types],
        "selfcal_cycles": data.content["selfcal_cycles"] + types.count("selfcal"),
    }
    corrected = write(
        workdir,
        "visibilities",
        data.observation,
        content,
        sources=[ms, *caltables],
        group=group,
        selection=ms.get("selection"),
    )
    fraction = sum(dataset["flagged_fraction"] for dataset in datasets) / max(1, len(datasets))
    return {"ms": corrected, "flagged_fraction": fraction, "score": flag_score(fraction)}


def _iterated(data: Fake, start: Product | None) -> tuple[int, float]:
    """How many iterations the solver has now done, and the relative change in the last.

    The change falls by a factor each time, to 0.1 % at the iteration of the cost model.
    """
    before = 0 if start is None else int(read(start, "caltable").content["iterations"])
    iterations = before + 1
    return iterations, 1e-3 ** (iterations / max(1, data.observation["cost"]["converge_after"]))


def _table(
    workdir: Workdir,
    data: Fake,
    kind: str,
    solution: dict[str, Any],
    sources: list[Product],
    selection: dict[str, Any] | None = None,
) -> Product:
    return write(
        workdir,
        "caltable",
        data.observation,
        {"type": kind, **solution},
        sources=sources,
        selection=data.product.get("selection") if selection is None else selection,
    )
