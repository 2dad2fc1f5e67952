"""Visibilities of a target and a model of its sky to gains that bring them together."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.calibration import stefcal
from radps_dag.workloads.sim.calibration.sums import accumulate, intervals_of, midpoints
from radps_dag.workloads.sim.solutions import Solutions, solved_on
from radps_dag.workloads.sim.visibilities import Complexes, Visibilities

__all__ = ["solve_against"]


def solve_against(
    vis: Visibilities,
    model: Complexes,
    reference: int,
    interval: float,
    mode: Literal["phase", "amplitude_phase"],
    snr_min: float,
) -> Solutions:
    """Gains of each interval against a model (t, b, f, p) in Jy, until they stay as they are.

    Those below `snr_min` are flagged, and 1: they change nothing. Amplitudes are 1 in their
    geometric mean, so that the flux density of the model is not made that of the data.
    """
    numbers = intervals_of(vis.time, vis.scan, vis.integration, interval)
    sums = accumulate(vis, model, numbers)
    gains = stefcal.solve(sums, reference, mode, iterations=stefcal.ENOUGH, tolerance=1e-6)
    snr = np.moveaxis(stefcal.signal_to_noise(sums, gains.gain), -1, 1)
    flag = snr < snr_min
    gain = _normalised(np.moveaxis(gains.gain, -1, 1), flag)
    return solved_on(
        vis,
        midpoints(vis.time, numbers),
        interval,
        np.where(flag, 1.0, gain),
        flag,
        snr,
        int(vis.scan[0]),
    )


def _normalised(gain: NDArray[np.complex128], flag: NDArray[np.bool_]) -> NDArray[np.complex128]:
    """Gains of which the geometric mean amplitude of the unflagged is 1, by polarization."""
    size = np.log(np.where(flag | (gain == 0), 1.0, np.abs(gain)))
    count = np.maximum(1, (~flag).sum(axis=(0, 1, 2)))
    normal: NDArray[np.complex128] = gain / np.exp(size.sum(axis=(0, 1, 2)) / count)
    return normal
