"""Visibilities of one visit to gains against time: phases at an interval, one amplitude.

gain(t) = amplitude exp(i phase(t)). Phases change with the atmosphere and may be solved for spws
together, from which the bandpass has taken what makes them differ; the amplitude changes slowly,
is solved over the visit, and for each spw by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.calibration import stefcal
from radps_dag.workloads.sim.calibration.solving import SNR_MIN, model_of
from radps_dag.workloads.sim.calibration.sums import (
    Sums,
    accumulate,
    add,
    intervals_of,
    midpoints,
    rotate,
    visits_of,
    whole,
)
from radps_dag.workloads.sim.solutions import Solutions, solved_on
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["ScanGains", "choose_interval", "measure_snr", "solve_scan"]


@dataclass(frozen=True, slots=True)
class ScanGains:
    """Gains of one visit to a field after some iterations: a part for each spw, relative change."""

    parts: tuple[Solutions, ...]
    change: float


def solve_scan(
    parts: Sequence[Visibilities],
    reference: int,
    interval: float,
    start: Sequence[Solutions] | None = None,
    iterations: int = 2,
    snr_min: float = SNR_MIN,
) -> ScanGains:
    """Gains of one visit to a field, of `parts` its spws, whose phases are solved together.

    `interval` is that of the phases in s; `start` are solutions of these spws to go on from, in the
    same order; `iterations` are of the phases, and of the amplitudes.
    """
    first = parts[0]
    numbers = intervals_of(first.time, first.scan, first.integration, interval)
    sums = [accumulate(vis, model_of(vis), numbers) for vis in parts]
    for part in start or ():
        if part.gain.shape[0] != int(numbers[-1]) + 1 or part.polarizations != first.polarizations:
            raise ValueError(
                f"the gains to start from are not of {first.name}, scan {first.scan[0]}: other "
                "solution intervals or polarizations"
            )
    before = [np.moveaxis(part.gain, 1, -1).astype(np.complex128) for part in start or ()]
    turned = before[0] / np.abs(before[0]) if before else None
    phase = stefcal.solve(add(sums), reference, "phase", turned, iterations)
    solved = []
    change = phase.change
    for number, (vis, summed) in enumerate(zip(parts, sums, strict=True)):
        old = before[number] if before else None
        amplitude, moved = _amplitude(summed, phase.gain, reference, old, iterations)
        change = max(change, moved)
        # Of phases that were solved together; 0 where a spw itself has no data.
        snr = stefcal.signal_to_noise(add(sums), amplitude)
        snr = np.moveaxis(np.where(summed.present.any(axis=0, keepdims=True), snr, 0.0), -1, 1)
        times, gain = midpoints(vis.time, numbers), np.moveaxis(amplitude, -1, 1)
        scan = int(vis.scan[0])
        solved.append(solved_on(vis, times, interval, gain, snr < snr_min, snr, scan))
    return ScanGains(tuple(solved), change)


def measure_snr(parts: Sequence[Visibilities], reference: int, interval: float) -> float:
    """Median signal to noise of gains of an antenna, spws together, at a solution interval in s."""
    first = parts[0]
    numbers = intervals_of(first.time, first.scan, first.integration, interval)
    sums = add([accumulate(vis, model_of(vis), numbers) for vis in parts])
    gains = stefcal.solve(sums, reference, iterations=stefcal.ENOUGH, tolerance=1e-4)
    snr = stefcal.signal_to_noise(sums, gains.gain)
    return float(np.median(snr[snr > 0])) if (snr > 0).any() else 0.0


def choose_interval(
    parts: Sequence[Visibilities], reference: int, snr_min: float
) -> tuple[float, float]:
    """The shortest solution interval in s that reaches a signal to noise, and what it reaches.

    One integration, or two, or four, up to a visit: measured, because coherence is lost over time.
    """
    first = parts[0]
    longest = int(np.bincount(visits_of(first.time, first.scan, first.integration)).max())
    count = 1
    while True:
        interval = min(count, longest) * first.integration
        snr = measure_snr(parts, reference, interval)
        if snr >= snr_min or count >= longest:
            return interval, snr
        count *= 2


def _amplitude(
    sums: Sums,
    phase: NDArray[np.complex128],
    reference: int,
    before: NDArray[np.complex128] | None,
    iterations: int,
) -> tuple[NDArray[np.complex128], float]:
    """Gains (t, 1, p, a) of the amplitude of all intervals together, and its relative change."""
    start = None if before is None else np.abs(before[:1]).astype(np.complex128)
    steady = whole(rotate(sums, phase))
    solved = stefcal.solve(steady, reference, start=start, iterations=iterations)
    size = np.abs(solved.gain)
    old = np.ones_like(size) if start is None else start
    change = stefcal.relative_change(size + 0j, old + 0j, steady.present)
    return size * phase, change
