"""Visibilities of a calibrator to phases against time, and to gains against frequency.

The phase-up leaves the mean phase of each antenna, spw and polarization in the data, so that the
bandpass takes it up. Once the bandpass is applied, the phases of all spws are those of the
atmosphere alone, and spws may be combined to solve it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.calibration import stefcal
from radps_dag.workloads.sim.calibration.solving import SNR_MIN, model_of
from radps_dag.workloads.sim.calibration.sums import accumulate, add
from radps_dag.workloads.sim.solutions import Solutions, solved_on
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["Bandpass", "find_dead", "inner", "phase_up", "solve_bandpass"]

# Below this share of the other antennas' amplitude, and of their signal to noise, there is none.
_NO_SIGNAL = 0.2


@dataclass(frozen=True, slots=True)
class Bandpass:
    """A bandpass after some iterations.

    Attributes:
        solutions: of amplitude 1 in the mean over the unflagged channels
        amplitude: (a, p) what they were divided by for that
        change: relative change in these iterations
        dead: (a, p) receptors without a signal
    """

    solutions: Solutions
    amplitude: NDArray[np.float64]
    change: float
    dead: NDArray[np.bool_]


def inner(channels: int) -> slice:
    """The inner channels of a band, without a quarter at either edge, where the bandpass is flat.

    >>> inner(32), inner(1)
    (slice(8, 24, None), slice(0, 1, None))
    """
    edge = channels // 4
    return slice(edge, channels - edge)


def phase_up(vis: Visibilities, reference: int) -> Solutions:
    """Phases of each integration over the inner channels, against their mean over all times.

    A receptor that has data, but never a signal, is left as it is, for the bandpass to find.
    """
    band = vis.of_channels(np.arange(vis.frequency.size)[inner(vis.frequency.size)])
    sums = accumulate(band, model_of(band), np.arange(vis.time.size))
    gains = stefcal.solve(sums, reference, "phase", iterations=stefcal.ENOUGH, tolerance=1e-6)
    snr = stefcal.signal_to_noise(sums, gains.gain)
    gain, snr = np.moveaxis(gains.gain, -1, 1), np.moveaxis(snr, -1, 1)
    flag = snr < SNR_MIN
    silent = flag.all(axis=0) & (snr > 0).any(axis=0)
    gain = np.where(silent, 1.0, gain)
    flag &= ~silent
    mean = np.where(flag, 0.0, gain).sum(axis=0, keepdims=True)
    turn = np.conj(stefcal.phasor(mean))
    return solved_on(vis, vis.time.astype(np.float64), vis.integration, gain * turn, flag, snr)


def solve_bandpass(
    parts: Sequence[Visibilities],
    reference: int,
    start: Solutions | None = None,
    amplitude: NDArray[np.float64] | None = None,
    iterations: int = 2,
) -> Bandpass:
    """Gains of each channel, of fields of one spw whose phases against time were taken out.

    `start` are solutions to go on from, `amplitude` (a, p) what these were divided by.
    """
    vis = parts[0]
    sums = add(
        [
            accumulate(part, model_of(part), np.zeros(part.time.size, np.int64), per_channel=True)
            for part in parts
            if part.time.size
        ]
    )
    first = None
    if start is not None:
        scale = 1.0 if amplitude is None else amplitude[np.newaxis, :, np.newaxis, :]
        first = np.moveaxis(start.gain * scale, 1, -1).astype(np.complex128)
    gains = stefcal.solve(sums, reference, start=first, iterations=iterations)
    snr = np.moveaxis(stefcal.signal_to_noise(sums, gains.gain), -1, 1)
    gain = np.moveaxis(gains.gain, -1, 1)
    dead = find_dead(gain, snr)
    flag = (snr < SNR_MIN) | dead[np.newaxis, :, np.newaxis, :]
    amplitudes: Any = np.ma.masked_array(np.abs(gain), snr < SNR_MIN)
    size = amplitudes.mean(axis=(0, 2)).filled(1.0)
    time = np.concatenate([part.time for part in parts])
    # Also where flagged: the next iteration goes on from there.
    solutions = solved_on(
        vis,
        time.mean(keepdims=True),
        float(np.ptp(time)) + vis.integration,
        gain / size[np.newaxis, :, np.newaxis, :],
        flag,
        np.where(flag, 0.0, snr),
    )
    return Bandpass(solutions, size, gains.change, dead)


def find_dead(gain: NDArray[np.complex128], snr: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(a, p) true for receptors with data but no signal, from gains and snr (1, a, f, p).

    Their amplitude and their signal to noise are far below the median of the other antennas.
    """
    there: NDArray[np.bool_] = np.any(snr > 0, axis=(0, 2))
    dead = there
    for values in (np.abs(gain), snr):
        mean = values.mean(axis=(0, 2))
        masked: Any = np.ma.masked_array(mean, ~there)
        typical = np.ma.median(masked, axis=0)  # type: ignore[no-untyped-call]  # numpy's gap
        dead = dead & (mean < _NO_SIGNAL * np.ma.filled(typical, 0.0))
    return dead
