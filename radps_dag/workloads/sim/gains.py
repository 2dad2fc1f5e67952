"""Workloads of the gains: solution interval, phases and amplitudes, flux scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from radps_dag.workloads.contract.scores import flux_snr_score, flux_spread_score, snr_score
from radps_dag.workloads.contract.workload import Context, Product, Workdir, workload
from radps_dag.workloads.outcomes import FluxScale, Gains, Interval
from radps_dag.workloads.sim.calibration import fluxscale
from radps_dag.workloads.sim.calibration import gains as solving
from radps_dag.workloads.sim.calibration.applying import apply_table
from radps_dag.workloads.sim.calibration.catalogue import known_model, with_model
from radps_dag.workloads.sim.calibration.solving import (
    phase_scatter,
    reference_antenna,
    require_solvable,
)
from radps_dag.workloads.sim.calibration.sums import visits_of
from radps_dag.workloads.sim.inputs import caltable_of, of_scan
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.solutions import Caltable, Solutions, median_snr
from radps_dag.workloads.sim.stores.caltables import read_caltable, write_caltable
from radps_dag.workloads.sim.stores.sources import models_of, observation_behind, read_visibilities
from radps_dag.workloads.sim.visibilities import PointModel, Visibilities
from radps_dag.workloads.units import Seconds

__all__ = ["choose_solution_interval", "derive_flux_scale", "solve_gains"]


@workload
def choose_solution_interval(
    ms: Product, bandpass: Product, snr_min: float = 10.0, *, workdir: Workdir
) -> Interval:
    """Choose the solution interval of the gains, and whether spws must be combined.

    The shortest of one, two, four integrations and so on to a visit in which a solution of the
    phase calibrator reaches the signal to noise, as it is measured, in the weakest spw. Spws are
    combined where a whole visit does not reach it.
    """
    table = read_caltable(bandpass)
    everything = _calibrators(ms, None)
    reference = reference_antenna(everything, table)
    phase = [vis for vis in everything if "PHASE" in vis.intents] or everything
    parts = [apply_table(vis, table) for vis in phase]
    require_solvable(parts, f"{', '.join(dict.fromkeys(vis.field for vis in phase))}")
    parts = [vis for vis in parts if not vis.flag.all()]
    spws = list(dict.fromkeys(vis.spw for vis in everything))
    alone = [solving.choose_interval([vis], reference, snr_min) for vis in parts]
    interval, snr = max(pair[0] for pair in alone), min(pair[1] for pair in alone)
    combined = snr < snr_min and len(spws) > 1
    reached = snr
    if combined:
        together = [
            solving.choose_interval(_of_field(parts, field), reference, snr_min)
            for field in dict.fromkeys(vis.field for vis in parts)
        ]
        interval, reached = max(pair[0] for pair in together), min(pair[1] for pair in together)
    snr = min(solving.measure_snr([vis], reference, interval) for vis in parts)
    return {
        "interval": interval,
        "snr": snr,
        "combined": combined,
        "spw_groups": [spws] if combined else [[spw] for spw in spws],
        "score": snr_score(reached if combined else snr),
    }


@workload
def solve_gains(
    ms: Product,
    bandpass: Product,
    spws: list[int],
    scan: int,
    interval: Seconds,
    start: Product | None = None,
    *,
    workdir: Workdir,
) -> Gains:
    """Iterate the phase and amplitude solver once, from where it ended.

    Two iterations of StefCal for the phases of each interval, of all spws together, and for one
    amplitude, of each spw by itself; for each visit to a calibrator in the scan. The model of a
    calibrator without a known flux density is 1 Jy.
    """
    if not interval > 0:
        raise ValueError(f"a solution interval of {interval} s: it must be longer than 0")
    before = None if start is None else read_caltable(start)
    parts, reference = _scan(ms, read_caltable(bandpass), spws, scan)
    scans = [
        solving.solve_scan(visit, reference, interval, _start(before, visit))
        for field in dict.fromkeys(vis.field for vis in parts)
        for visit in _visits(_of_field(parts, field))
    ]
    solutions = tuple(part for scan in scans for part in scan.parts)
    change = max(scan.change for scan in scans)
    snr = min(median_snr([part]) for part in solutions)
    scatter = [phase_scatter(part.gain, part.flag, reference) for part in solutions]
    phase_rms = float(np.sqrt(np.mean(np.square(scatter))))
    history = () if before is None else before.history
    entry = {"iteration": len(history) + 1.0, "change": change, "snr": snr}
    gains = Caltable("gains", parts[0].antennas.names, solutions, {}, (*history, entry))
    selection = {"spw": spws, "scan": scan}
    return {
        "caltable": write_caltable(workdir, observation_behind(ms), gains, selection),
        "change": change,
        "snr": snr,
        "phase_rms": phase_rms,
        "snr_score": snr_score(snr),
        "phase_score": max(0.0, 1.0 - phase_rms / 90.0),
    }


@workload
def derive_flux_scale(
    ms: Product, gains: Product, *, workdir: Workdir, context: Context
) -> FluxScale:
    """Scale the gains by the calibrator of known flux density.

    Where the pipeline declares the context key `flux_densities`, they are added there.
    """
    observation = observation_behind(ms)
    table = caltable_of(gains, "gains")
    reference_fluxes = _known(observation, table, models_of(ms))
    densities = fluxscale.derive_flux_densities(table.parts, reference_fluxes)
    flux = reference_fluxes | {field: density.mean for field, density in densities.items()}
    snr = min((density.snr for density in densities.values()), default=fluxscale.CERTAIN)
    spread = max((density.spread for density in densities.values()), default=0.0)
    parameters = {
        "flux_densities": flux,
        "by_spw": {
            field: {str(spw): value for spw, value in density.by_spw.items()}
            for field, density in densities.items()
        },
    }
    scaled = replace(
        table,
        type="flux_scale",
        parts=fluxscale.scale(table.parts, densities),
        parameters={**table.parameters, **parameters},
    )
    if context.declares("flux_densities"):
        context.add("flux_densities", flux)
    return {
        "caltable": write_caltable(workdir, observation, scaled, gains.get("selection")),
        "flux_densities": flux,
        "snr": snr,
        "spread": spread,
        "snr_score": flux_snr_score(snr),
        "spread_score": flux_spread_score(spread),
    }


def _calibrators(ms: Product, spws: Sequence[int] | None) -> list[Visibilities]:
    """All calibrators, with their models."""
    observation = observation_behind(ms)
    everything = read_visibilities(ms, spws=spws)
    parts = [with_model(vis, observation) for vis in everything if "TARGET" not in vis.intents]
    if not parts:
        raise ValueError(f"no calibrators in {ms['uri']}: gains are solved on calibrators")
    return parts


def _scan(
    ms: Product, bandpass: Caltable, spws: Sequence[int], scan: int
) -> tuple[list[Visibilities], int]:
    """The calibrators in a scan, their bandpass applied, and the reference antenna of all scans."""
    everything = _calibrators(ms, spws)
    inside = of_scan(everything, scan, f"in {ms['uri']}")
    parts = [apply_table(vis, bandpass) for vis in inside]
    require_solvable(parts, f"spws {', '.join(map(str, spws))}, scan {scan}")
    return parts, reference_antenna(everything, bandpass)


def _known(
    observation: Observation, table: Caltable, models: Mapping[str, PointModel]
) -> dict[str, float]:
    """Flux densities in Jy, in the mean of the spws, of the flux calibrators: as data have them, or
    the catalogue."""
    fluxes: dict[str, list[float]] = {}
    for part in table.parts:
        flux = "FLUX" in part.intents
        model = (models.get(part.field) or known_model(observation, part.field)) if flux else None
        if model is not None:
            fluxes.setdefault(part.field, []).append(float(model.at(part.frequency).mean()))
    return {field: sum(values) / len(values) for field, values in fluxes.items()}


def _of_field(parts: Sequence[Visibilities], field: str) -> list[Visibilities]:
    return [vis for vis in parts if vis.field == field]


def _visits(parts: Sequence[Visibilities]) -> list[list[Visibilities]]:
    """The visits to a field with data, each of all spws."""
    first = parts[0]
    numbers = visits_of(first.time, first.scan, first.integration)
    if any(not np.array_equal(vis.time, first.time) for vis in parts):
        raise ValueError(f"the spws of field {first.field} were not observed at the same times")
    visits = [[vis.of_times(numbers == number) for vis in parts] for number in np.unique(numbers)]
    return [visit for visit in visits if not all(vis.flag.all() for vis in visit)]


def _start(before: Caltable | None, visit: Sequence[Visibilities]) -> list[Solutions] | None:
    """The solutions of a visit in the iteration before, in the order of its spws."""
    if before is None:
        return None
    starts = []
    for vis in visit:
        fitting = [
            part
            for part in before.parts
            if part.field == vis.field
            and vis.spw in part.spws
            and vis.time[0] <= part.time.mean() <= vis.time[-1]
        ]
        if not fitting:
            raise ValueError(f"the gains to start from are not of {vis.name}")
        starts.append(fitting[0])
    return starts
