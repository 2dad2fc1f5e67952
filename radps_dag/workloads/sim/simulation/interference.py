"""Interference: bursts in a few channels, for a while, on some baselines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.chance import chance

__all__ = ["interfere"]

# How much stronger than the noise of one visibility a burst is.
_FAINTEST, _STRONGEST = 15.0, 60.0
_LONGEST, _WIDEST = 8, 2  # integrations, channels


def interfere(
    observation: Observation, field: str, spw: int, data: NDArray[np.complex128], sigma: float
) -> tuple[NDArray[np.complex128], NDArray[np.bool_]]:
    """Add bursts to visibilities (t, b, f, p) until their share is reached; which were hit.

    `sigma` is the noise of a visibility in Jy. A burst has a phase of its own on each baseline,
    because it comes from anywhere, and is in all polarizations.
    """
    times, baselines, channels, _ = data.shape
    hit = np.zeros(data.shape[:3], dtype=bool)
    wanted = observation.interference * hit.size
    if not hit.size or wanted < 1:
        return data, np.zeros(data.shape, dtype=bool)
    random = chance(observation, "interference", field, spw)
    data = data.copy()
    count = 0
    while count < wanted:
        time, channel = int(random.integers(times)), int(random.integers(channels))
        where = (
            slice(time, time + int(random.integers(1, _LONGEST + 1))),
            np.flatnonzero(random.random(baselines) < 0.4),
            slice(channel, channel + int(random.integers(1, _WIDEST + 1))),
        )
        strength = sigma * random.uniform(_FAINTEST, _STRONGEST)
        phase = random.uniform(-np.pi, np.pi, (1, where[1].size, 1, 1))
        count += int((~hit[where]).sum())
        hit[where] = True
        data[where] += strength * np.exp(1j * phase)
    return data, np.repeat(hit[..., np.newaxis], data.shape[3], axis=3)
