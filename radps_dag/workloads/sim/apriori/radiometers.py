"""Water-vapour radiometers to phase corrections, and how much good these do.

The path that the water adds is measured by its emission at 183 GHz beside each antenna's beam
(Nikolic et al. 2013, A&A 552, A104); it delays the signal, so it turns its phase.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.solutions import Solutions, solved_on
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Visibilities

__all__ = ["phase_rms_ratio", "radiometer_solutions"]

_LAG = 10.0  # s over which phases are compared: a longer one lets bad ones turn by more than half


def radiometer_solutions(vis: Visibilities, path: NDArray[np.float64]) -> Solutions:
    """Gains exp(2 pi i nu / c path) of measured excess paths (t, a) in m.

    The turn is that of the band's middle; over a band of 1 % it differs by 1 % of itself.
    """
    bad = ~np.isfinite(path)
    phase = 2 * np.pi * vis.frequency.mean() / SPEED_OF_LIGHT * np.where(bad, 0.0, path)
    shape = (*path.shape, 1, len(vis.polarizations))
    gain = np.broadcast_to(np.exp(1j * phase)[:, :, np.newaxis, np.newaxis], shape)
    flag = np.broadcast_to(bad[:, :, np.newaxis, np.newaxis], shape)
    return solved_on(vis, vis.time, vis.integration, gain.copy(), flag.copy(), 100.0)


def phase_rms_ratio(vis: Visibilities, solutions: Solutions) -> float:
    """The factor by which the correction calms the phases: rms without over rms with it.

    The phases are those of the antennas: what an antenna's phase did from one time to a later one,
    relative to the others, is the phase of the sum over its baselines of V(t + lag) conj(V(t)),
    which needs no model of the source. It is measured twice, with even and with odd channels (with
    polarizations, where there is one channel): the two have the movement in common and not the
    noise, so their covariance is the movement's variance also of a faint source. What is below
    the error of the covariance counts as that error. Without any data the ratio is 1.
    """
    turn = solutions.gain[:, :, 0, 0].astype(np.complex128)
    rms = []
    for correction in (np.ones_like(turn), turn / np.maximum(np.abs(turn), 1e-12)):
        halves = [_averaged(vis, correction, half) for half in _halves(vis)]
        moved, count = _moved(vis, halves)
        if not moved.size:
            return 1.0
        error = np.sqrt((moved[0] ** 2).mean() * (moved[1] ** 2).mean() / count)
        rms.append(np.sqrt(max((moved[0] * moved[1]).mean(), error)))
    return float(rms[0] / rms[1]) if rms[1] > 0 else 1.0


def _halves(vis: Visibilities) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Channels and polarizations (f, p) of two measurements; the same one, if there is one only."""
    channel, polarization = np.indices((vis.frequency.size, len(vis.polarizations)))
    odd = (channel if vis.frequency.size > 1 else polarization) % 2 == 1
    return (~odd, odd) if odd.any() else (~odd, ~odd)


def _averaged(
    vis: Visibilities, turn: NDArray[np.complex128], half: NDArray[np.bool_]
) -> NDArray[np.complex128]:
    """Sums (t, b, p) over channels of visibilities that are turned back by gains (t, a)."""
    good = ~vis.flag & np.isfinite(vis.data) & half
    both = turn[:, vis.antenna1] * turn[:, vis.antenna2].conj()
    summed = np.where(good, vis.data * np.where(good, vis.weight, 0.0), 0.0).sum(axis=2)
    return np.asarray(summed / both[..., np.newaxis])


def _moved(
    vis: Visibilities, halves: Sequence[NDArray[np.complex128]]
) -> tuple[NDArray[np.float64], float]:
    """Movements (2, n) in rad of the antennas' phases over the lag within visits, in both halves;
    and how many of them do not overlap."""
    lag = max(1, round(_LAG / vis.integration))
    differences, count = [np.zeros((2, 0))], 0.0
    # A scan number may come back to a field later.
    ends = np.flatnonzero(np.diff(vis.time) > 1.5 * vis.integration) + 1
    for visit in np.split(np.arange(vis.time.size), ends):
        here = [half[visit] for half in halves]
        step = min(lag, max(1, here[0].shape[0] // 2))
        # Polarizations have phases of their own, but each moves like the other.
        products = [(half[step:] * half[:-step].conj()).sum(axis=-1) for half in here]
        totals = np.stack([_per_antenna(vis, product) for product in products])
        measured = (np.abs(totals) > 0).all(axis=0)
        differences.append(np.angle(totals[:, measured]))
        count += measured.sum() / step
    return np.concatenate(differences, axis=1), max(1.0, count)


def _per_antenna(vis: Visibilities, product: NDArray[np.complex128]) -> NDArray[np.complex128]:
    """Sums (t, a) over each antenna's baselines of products (t, b)."""
    total = np.zeros((product.shape[0], len(vis.antennas.names)), dtype=complex)
    for antenna in range(total.shape[1]):
        total[:, antenna] += product[:, vis.antenna1 == antenna].sum(axis=1)
        total[:, antenna] += product[:, vis.antenna2 == antenna].conj().sum(axis=1)
    return total
