"""Gains at some times to gains at other times: linear in amplitude and in unwrapped phase."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.visibilities import Bools, Complexes, Floats

__all__ = ["interpolate"]


def interpolate(
    time: Floats, gain: Complexes, flag: Bools, wanted: Floats
) -> tuple[NDArray[np.complex128], NDArray[np.bool_]]:
    """Gains at the times `wanted`, from those that are not flagged; the nearest at both ends.

    Args:
        time: (t,) in s, of the gains, rising
        gain: (t, ...) complex
        flag: (t, ...) of the gains
        wanted: (w,) in s

    Returns:
        (w, ...) gains, 1 where flagged, and their flags: where no gain at all is good
    """
    columns = gain.reshape(time.size, -1).astype(np.complex128)
    good = ~flag.reshape(time.size, -1)
    values = np.ones((wanted.size, columns.shape[1]), dtype=np.complex128)
    bad = np.ones(values.shape, dtype=np.bool_)
    # Gains that are good at the same times are interpolated together.
    patterns, which = np.unique(good, axis=1, return_inverse=True)
    for number in range(patterns.shape[1]):
        chosen = np.flatnonzero(which.reshape(-1) == number)
        times = np.flatnonzero(patterns[:, number])
        if times.size:
            at = np.ix_(times, chosen)
            values[:, chosen] = _between(time[times], columns[at], wanted)
            bad[:, chosen] = False
    shape = (wanted.size, *gain.shape[1:])
    return values.reshape(shape), bad.reshape(shape)


def _between(time: Floats, gain: NDArray[np.complex128], wanted: Floats) -> NDArray[np.complex128]:
    if time.size == 1:
        return np.broadcast_to(gain, (wanted.size, gain.shape[1]))
    amplitude, phase = np.abs(gain), np.unwrap(np.angle(gain), axis=0)
    after = np.clip(np.searchsorted(time, wanted), 1, time.size - 1)
    share = np.clip((wanted - time[after - 1]) / (time[after] - time[after - 1]), 0.0, 1.0)
    share = share[:, np.newaxis]
    size = (1.0 - share) * amplitude[after - 1] + share * amplitude[after]
    angle = (1.0 - share) * phase[after - 1] + share * phase[after]
    between: NDArray[np.complex128] = size * np.exp(1j * angle)
    return between
