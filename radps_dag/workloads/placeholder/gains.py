"""Placeholders for the gains: solution interval, phases and amplitudes, flux scale."""

from __future__ import annotations

from radps_dag.workloads.contract.scores import flux_snr_score, flux_spread_score, snr_score
from radps_dag.workloads.contract.workload import Context, Product, Random, Workdir, workload
from radps_dag.workloads.outcomes import FluxScale, Gains, Interval
from radps_dag.workloads.placeholder.caltables import iterated, write_caltable
from radps_dag.workloads.placeholder.fake_data import read, spend
from radps_dag.workloads.units import Seconds

__all__ = ["choose_solution_interval", "derive_flux_scale", "solve_gains"]


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
    iterations, change = iterated(data, start)
    snr = random.uniform(20.0, 30.0) * (len(spws) * max(1.0, interval / 2.0)) ** 0.5
    phase_rms = round(random.uniform(5.0, 15.0) * (1.0 + change), 2)
    solution = {"iterations": iterations, "change": change, "phase_rms": phase_rms}
    selection = {"spw": spws, "scan": scan}
    sources = [ms, bandpass, *([start] if start else [])]
    return {
        "caltable": write_caltable(workdir, data, "gains", solution, sources, selection),
        "change": change,
        "snr": snr,
        "phase_rms": phase_rms,
        "snr_score": snr_score(snr),
        "phase_score": max(0.0, 1.0 - phase_rms / 90.0),
    }


@workload(placeholder=True)
def derive_flux_scale(
    ms: Product, gains: Product, *, workdir: Workdir, random: Random, context: Context
) -> FluxScale:
    """Scale the gains by the calibrator of known flux density (placeholder).

    Where the pipeline declares the context key `flux_densities`, they are added there.

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
    if context.declares("flux_densities"):
        context.add("flux_densities", flux_densities)
    solution = {"flux_densities": flux_densities, "snr": snr, "spread": spread}
    return {
        "caltable": write_caltable(workdir, data, "flux_scale", solution, [ms, gains]),
        "flux_densities": flux_densities,
        "snr": snr,
        "spread": spread,
        "snr_score": flux_snr_score(snr),
        "spread_score": flux_spread_score(spread),
    }
