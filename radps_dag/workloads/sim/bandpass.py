"""Workloads of the bandpass: the calibrator's model, phases, and the solver."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from radps_dag.workloads.contract.scores import bandpass_score
from radps_dag.workloads.contract.workload import Product, Workdir, workload
from radps_dag.workloads.outcomes import Bandpass, Modelled, PhasedUp
from radps_dag.workloads.sim.calibration import bandpass
from radps_dag.workloads.sim.calibration.applying import apply_table
from radps_dag.workloads.sim.calibration.catalogue import with_model
from radps_dag.workloads.sim.calibration.solving import (
    phase_scatter,
    reference_antenna,
    require_solvable,
)
from radps_dag.workloads.sim.inputs import caltable_of, some_visibilities
from radps_dag.workloads.sim.solutions import Caltable, median_snr
from radps_dag.workloads.sim.stores.caltables import write_caltable
from radps_dag.workloads.sim.stores.processing_sets import derive
from radps_dag.workloads.sim.stores.sources import observation_behind, read_visibilities
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["set_model", "solve_bandpass", "solve_phase_up"]


@workload
def set_model(ms: Product, *, workdir: Workdir) -> Modelled:
    """Put a model of the calibrator beside the visibilities.

    Of the flux calibrator it is what the catalogue has, of all others 1 Jy. The flux density that
    is given back is that of the flux calibrator in the middle of the band, where there is one.
    """
    observation = observation_behind(ms)
    parts = [with_model(vis, observation) for vis in some_visibilities(ms)]
    chosen = next((vis for vis in parts if "FLUX" in vis.intents), parts[0])
    assert chosen.model is not None
    middle = chosen.frequency.mean(keepdims=True)
    return {
        "ms": derive(workdir, ms, "model", parts, (), ms.get("selection")),
        "flux_density": float(chosen.model.at(middle)[0]),
    }


@workload
def solve_phase_up(ms: Product, *, workdir: Workdir) -> PhasedUp:
    """Solve phases against time, so that the bandpass can be averaged.

    A phase for each integration, over the inner half of the band, against the antenna's mean phase.
    """
    parts = _calibrator(ms)
    reference = reference_antenna(parts)
    solutions = tuple(bandpass.phase_up(vis, reference) for vis in parts if vis.time.size)
    table = Caltable("phase_up", parts[0].antennas.names, solutions)
    scatter = [phase_scatter(solution.gain, solution.flag, reference) for solution in solutions]
    return {
        "caltable": write_caltable(workdir, observation_behind(ms), table, ms.get("selection")),
        "phase_rms": float(np.sqrt(np.mean(np.square(scatter)))),
    }


@workload
def solve_bandpass(
    ms: Product, phase_up: Product, start: Product | None = None, *, workdir: Workdir
) -> Bandpass:
    """Iterate the bandpass solver once, from where the last iteration ended.

    Two iterations of StefCal, for each channel. Amplitudes are 1 in the mean over the band; the
    mean phase stays, because it is what differs between spws.
    """
    phases = caltable_of(phase_up, "phase_up")
    before = None if start is None else caltable_of(start, "bandpass")
    parts = [apply_table(vis, phases) for vis in _calibrator(ms)]
    reference = reference_antenna(parts)
    names = parts[0].antennas.names
    solved = [
        _solved([vis for vis in parts if vis.spw == spw], reference, before)
        for spw in dict.fromkeys(vis.spw for vis in parts)
    ]
    change = max(result.change for result in solved)
    solutions = tuple(result.solutions for result in solved)
    snr = median_snr(solutions)
    flagged = float(np.mean(np.concatenate([part.flag.ravel() for part in solutions])))
    dead = _receptors(solved, names)
    history = () if before is None else before.history
    entry = {"iteration": len(history) + 1.0, "change": change, "snr": snr}
    table = Caltable(
        "bandpass",
        names,
        solutions,
        {"amplitude": _amplitudes(solved), "dead_receptors": dead},
        (*history, entry),
    )
    return {
        "caltable": write_caltable(workdir, observation_behind(ms), table, ms.get("selection")),
        "change": change,
        "snr": snr,
        "flagged_fraction": flagged,
        "dead_receptors": dead,
        "score": bandpass_score(flagged, snr, converged=True),
    }


def _calibrator(ms: Product) -> list[Visibilities]:
    """The fields that were observed for the bandpass, with a model."""
    observation = observation_behind(ms)
    everything = read_visibilities(ms)
    parts = [with_model(vis, observation) for vis in everything if "BANDPASS" in vis.intents]
    if not parts:
        fields = ", ".join(dict.fromkeys(vis.field for vis in everything))
        raise ValueError(
            f"no field with the intent BANDPASS in {ms['uri']}; there are {fields or 'none'}"
        )
    require_solvable(parts, f"{parts[0].field} ({', '.join(parts[0].polarizations)})")
    return parts


def _solved(
    parts: Sequence[Visibilities], reference: int, before: Caltable | None
) -> bandpass.Bandpass:
    """The bandpass of one spw, from that of the iteration before."""
    vis = parts[0]
    start = None
    if before is not None:
        fitting = [
            part
            for part in before.parts
            if vis.spw in part.spws and part.polarizations == vis.polarizations
        ]
        if not fitting or fitting[0].gain.shape[2] != vis.frequency.size:
            raise ValueError(
                f"the bandpass to start from is not of {vis.name}: other spws, polarizations or "
                "channels"
            )
        start = fitting[0]
    amplitude = None
    if before is not None:
        noted = before.parameters["amplitude"]
        amplitude = np.array([noted[f"{vis.spw}:{p}"] for p in vis.polarizations]).T
    return bandpass.solve_bandpass(parts, reference, start, amplitude)


def _amplitudes(bandpasses: Sequence[bandpass.Bandpass]) -> dict[str, list[float]]:
    """The divisors of the amplitudes, of all antennas, by spw and polarization."""
    return {
        f"{solved.solutions.spws[0]}:{p}": solved.amplitude[:, number].tolist()
        for solved in bandpasses
        for number, p in enumerate(solved.solutions.polarizations)
    }


def _receptors(bandpasses: Sequence[bandpass.Bandpass], names: Sequence[str]) -> list[str]:
    """Receptors without a signal by name, such as A03:XX."""
    return sorted(
        {
            f"{names[antenna]}:{solved.solutions.polarizations[p]}"
            for solved in bandpasses
            for antenna, p in np.argwhere(solved.dead)
        }
    )
