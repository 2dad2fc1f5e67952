"""Visibilities to what a solver may rely on: enough antennas, a reference, a model, no noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.solutions import Caltable
from radps_dag.workloads.sim.visibilities import Bools, Complexes, Floats, Visibilities

__all__ = ["SNR_MIN", "model_of", "phase_scatter", "reference_antenna", "require_solvable"]

# Of solutions: below, a phase is a guess.
SNR_MIN = 3.0


def require_solvable(parts: Sequence[Visibilities], what: str) -> None:
    """Raise ValueError where there is nothing to solve; `what` says of what, in the message."""
    if not any(vis.time.size for vis in parts):
        raise ValueError(f"no data of {what}")
    good = [_good(vis) for vis in parts]
    if not any(mask.any() for mask in good):
        raise ValueError(f"all data of {what} are flagged: there is nothing to solve")
    antennas = {
        int(number)
        for vis, mask in zip(parts, good, strict=True)
        for numbers in (vis.antenna1, vis.antenna2)
        for number in numbers[mask.any(axis=(0, 2, 3))]
    }
    if len(antennas) < 3:
        raise ValueError(
            f"{len(antennas)} antennas with unflagged data of {what}: gains take 3 at least"
        )


def reference_antenna(parts: Sequence[Visibilities], applied: Caltable | None = None) -> int:
    """The number of the antenna nearest to the array's middle of those with most of the data.

    Give it all scans that solutions are to be interpolated between: phases are against it. One that
    a caltable to be applied has no solutions for is none.
    """
    antennas = parts[0].antennas
    data = np.zeros(len(antennas.names))
    for vis in parts:
        # The least of its polarizations: one receptor that is dead makes no reference.
        good = _good(vis).sum(axis=(0, 2)).min(axis=-1).astype(np.float64)
        data += np.bincount(vis.antenna1, good, data.size)
        data += np.bincount(vis.antenna2, good, data.size)
    silent = set() if applied is None else _without_solutions(applied)
    data *= [name not in silent for name in antennas.names]
    away = antennas.positions - np.median(antennas.positions, axis=0)
    distance = np.sqrt((away**2).sum(axis=-1))
    return int(np.argmin(np.where(data >= 0.8 * data.max(), distance, np.inf)))


def model_of(vis: Visibilities) -> NDArray[np.float64]:
    """The model of visibilities in Jy, (1, 1, f, 1): 1 Jy where no flux density is known."""
    flux = np.ones(vis.frequency.size) if vis.model is None else vis.model.at(vis.frequency)
    return flux[np.newaxis, np.newaxis, :, np.newaxis].astype(np.float64)


def phase_scatter(gain: Complexes, flag: Bools, reference: int) -> float:
    """Rms in degrees of phases (t, a, f, p) about the mean of each antenna; 0 where there are none.

    The reference antenna, of which all phases are 0, does not count.
    """
    good = ~flag
    mean = np.where(good, gain, 0.0).sum(axis=0, keepdims=True)
    away: Floats = np.angle(gain * np.conj(mean), deg=True)
    good[:, reference] = False
    return float(np.sqrt(np.mean(away[good] ** 2))) if good.any() else 0.0


def _without_solutions(caltable: Caltable) -> set[str]:
    """Antennas of which some polarization has no solution in some part."""
    return {
        caltable.antennas[number]
        for part in caltable.parts
        for number in np.flatnonzero(part.flag.all(axis=(0, 2)).any(axis=-1)).tolist()
    }


def _good(vis: Visibilities) -> NDArray[np.bool_]:
    good: NDArray[np.bool_] = ~vis.flag & np.isfinite(vis.data)
    return good
