"""Placeholders for the bandpass: the calibrator's model, phases, and the solver."""

from __future__ import annotations

from radps_dag.workloads.contract.scores import bandpass_score
from radps_dag.workloads.contract.workload import Product, Random, Workdir, workload
from radps_dag.workloads.outcomes import Bandpass, Modelled, PhasedUp
from radps_dag.workloads.placeholder.caltables import iterated, write_caltable
from radps_dag.workloads.placeholder.fake_data import read, spend, write

__all__ = ["set_model", "solve_bandpass", "solve_phase_up"]


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
    caltable = write_caltable(workdir, data, "phase_up", {"phase_rms": phase_rms}, [ms])
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
    iterations, change = iterated(data, start)
    snr = random.uniform(60.0, 90.0) * (1.0 - change)
    flagged = round(random.uniform(0.0, 0.04), 4)
    solution = {"iterations": iterations, "change": change, "snr": snr}
    sources = [ms, phase_up, *([start] if start else [])]
    return {
        "caltable": write_caltable(workdir, data, "bandpass", solution, sources),
        "change": change,
        "snr": snr,
        "flagged_fraction": flagged,
        "dead_receptors": data.observation["dead_receptors"],
        "score": bandpass_score(flagged, snr, converged=True),
    }
