"""Water-vapour radiometers to phase corrections, and how much good these do.

The path that the water adds is measured by its emission at 183 GHz beside each antenna's beam
(Nikolic et al. 2013, A&A 552, A104); it delays the signal, so it turns its phase.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.solutions import Solutions
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Visibilities

__all__ = ["phase_rms_ratio", "radiometer_solutions"]

_LAG = 30.0  # s over which phases are compared, or half a scan


def radiometer_solutions(vis: Visibilities, path: NDArray[np.float64]) -> Solutions:
    """Gains exp(2 pi i nu / c path) of measured excess paths (t, a) in m.

    The turn is that of the band's middle; over a band of 1 % it differs by 1 % of itself.
    """
    frequency = np.array([vis.frequency.mean()])
    bad = ~np.isfinite(path)
    phase = 2 * np.pi * frequency[0] / SPEED_OF_LIGHT * np.where(bad, 0.0, path)
    shape = (*path.shape, 1, len(vis.polarizations))
    gain = np.broadcast_to(np.exp(1j * phase)[:, :, np.newaxis, np.newaxis], shape)
    flag = np.broadcast_to(bad[:, :, np.newaxis, np.newaxis], shape)
    return Solutions(
        field=vis.field,
        intents=vis.intents,
        spws=(vis.spw,),
        scan=None,
        time=vis.time,
        interval=vis.integration,
        frequency=frequency,
        polarizations=vis.polarizations,
        gain=gain.copy(),
        flag=flag.copy(),
        snr=np.where(flag, 0.0, 100.0),
    )


def phase_rms_ratio(vis: Visibilities, solutions: Solutions) -> float:
    """How much less the phases move with the correction: rms without over rms with.

    The phases are those of the antennas: the visibilities are averaged over channels and
    polarizations, and what an antenna's phase did from one time to a later one, relative to the
    others, is the phase of the sum over its baselines of V(t + lag) conj(V(t)), which needs no
    model of the source. Raises nothing: without any data the ratio is 1.
    """
    without = _moved(vis, np.ones((vis.time.size, len(vis.antennas.names)), dtype=complex))
    turn = solutions.gain[:, :, 0, 0]
    with_it = _moved(vis, turn / np.maximum(np.abs(turn), 1e-12))
    if not without.size or not with_it.size:
        return 1.0
    rms, corrected = np.sqrt((without**2).mean()), np.sqrt((with_it**2).mean())
    return float(rms / corrected) if corrected > 0 else 1.0


def _moved(vis: Visibilities, turn: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Movements of the antennas' phases over the lag within scans, in rad."""
    good = ~vis.flag & np.isfinite(vis.data)
    weight = np.where(good, vis.weight, 0.0)
    summed = np.where(good, vis.data * weight, 0.0).sum(axis=2)
    # Polarizations have phases of their own, but each moves like the other.
    both = turn[:, vis.antenna1] * turn[:, vis.antenna2].conj()
    summed = summed / both[..., np.newaxis]
    lag = max(1, round(_LAG / vis.integration))
    found = []
    for scan in np.unique(vis.scan):
        here = summed[vis.scan == scan]
        step = min(lag, max(1, here.shape[0] // 2))
        product = (here[step:] * here[:-step].conj()).sum(axis=-1)
        found.append(_per_antenna(vis, product))
    return np.concatenate(found) if found else np.zeros(0)


def _per_antenna(vis: Visibilities, product: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Phases of the sums over each antenna's baselines; those without data are left out."""
    count = len(vis.antennas.names)
    total = np.zeros((product.shape[0], count), dtype=complex)
    for antenna in range(count):
        total[:, antenna] += product[:, vis.antenna1 == antenna].sum(axis=1)
        total[:, antenna] += product[:, vis.antenna2 == antenna].conj().sum(axis=1)
    return np.angle(total[np.abs(total) > 0])
