"""Sums of visibilities to the gains that fit them best: StefCal, for all intervals at once.

Salvini & Wijnholds 2014, A&A 571, A97: with the gains of all others held, the gain of one antenna
is a linear least-squares problem with one unknown. All antennas are solved so from the gains of the
iteration before, and every other iteration is averaged with the one before it, without which the
gains would go to and fro between g and 1/g.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.calibration.sums import Sums

__all__ = ["ENOUGH", "Gains", "phasor", "relative_change", "signal_to_noise", "solve"]

ENOUGH = 100  # iterations; some 10 are needed

Complexes = NDArray[np.complex128]
Unknown = Literal["phase", "amplitude_phase"]


@dataclass(frozen=True, slots=True)
class Gains:
    """Gains (t, f, p, a) after some iterations, and the relative change that these made."""

    gain: Complexes
    change: float


def solve(
    sums: Sums,
    reference: int,
    unknown: Unknown = "amplitude_phase",
    start: Complexes | None = None,
    iterations: int = 2,
    tolerance: float = 0.0,
) -> Gains:
    """Iterate gains g with V_ij = g_i conj(g_j) M_ij, from `start` or from 1.

    An antenna without data has the gain 1. The phase of the reference antenna is 0.

    Args:
        sums: of the data, see `accumulate`
        reference: number of the antenna whose phase is 0
        unknown: whether to solve the phase alone, the amplitude being that of 1, or both
        start: gains (t, f, p, a) to go on from
        iterations: how many; an even number, because the last of two is the average
        tolerance: relative change of two iterations at which to stop before
    """
    present = sums.present
    first = np.ones(present.shape, dtype=np.complex128) if start is None else start
    gain = np.where(present, first, 1.0)
    before = gain
    for iteration in range(iterations):
        new = _step(sums, gain, unknown)
        if iteration % 2:
            new = 0.5 * (new + gain)
            new = phasor(new) if unknown == "phase" else new
        gain = np.where(present, new, 1.0)
        if iteration % 2:
            if relative_change(_referred(gain, reference), before, present) < tolerance:
                break
            before = _referred(gain, reference)
    gain = np.where(present, _referred(gain, reference), 1.0)
    return Gains(gain, relative_change(gain, _referred(first, reference), present))


def relative_change(gain: Complexes, before: Complexes, present: NDArray[np.bool_]) -> float:
    """Norm of what gains changed by, over their norm; 0 where there are none."""
    size = np.sum(np.abs(gain) ** 2 * present)
    moved = np.sum(np.abs(gain - before) ** 2 * present)
    return float(np.sqrt(moved / size)) if size > 0 else 0.0


def signal_to_noise(sums: Sums, gain: Complexes) -> NDArray[np.float64]:
    """Gains over their errors (t, f, p, a), by the weights, and by the residuals where these are
    worse; 0 where there are no data.

    The standard error of an antenna's gain, the others held, is 1/sqrt(sum(w |M g_j|^2)).
    """
    numerator = np.einsum("...ij,...j->...i", sums.cross, gain)
    weight = np.einsum("...ij,...j->...i", sums.model, np.abs(gain) ** 2)
    fitted = np.einsum("...i,...i->...", np.conj(gain), numerator).real
    expected = np.einsum("...i,...i->...", np.abs(gain) ** 2, weight)
    squares = sums.power - fitted + 0.5 * expected
    freedom = 2.0 * sums.count - 2.0 * sums.present.sum(axis=-1)
    # Few data can scatter less than their weights say, and are not better for it.
    chi2 = np.maximum(1.0, squares / np.maximum(1.0, freedom))
    error = np.sqrt(weight * chi2[..., np.newaxis])
    snr: NDArray[np.float64] = np.divide(
        np.abs(numerator), error, out=np.zeros_like(error), where=error > 0
    )
    return snr


def _step(sums: Sums, gain: Complexes, unknown: Unknown) -> Complexes:
    """All antennas solved once, from the gains of the others."""
    numerator: Complexes = np.einsum("...ij,...j->...i", sums.cross, gain)
    if unknown == "phase":
        return phasor(numerator)
    weight = np.einsum("...ij,...j->...i", sums.model, np.abs(gain) ** 2)
    stepped: Complexes = np.divide(numerator, weight, out=np.ones_like(numerator), where=weight > 0)
    return stepped


def phasor(gain: Complexes) -> Complexes:
    """Gains of amplitude 1 with the same phases; 1 for what is 0."""
    size = np.abs(gain)
    return np.divide(gain, size, out=np.ones_like(gain), where=size > 0)


def _referred(gain: Complexes, reference: int) -> Complexes:
    """Gains of which the reference antenna has the phase 0."""
    return gain * np.conj(phasor(gain[..., reference : reference + 1]))
