"""Visibilities and a model to the weighted sums that a gain solver needs of a solution interval.

Gains that are constant over an interval, and over some channels, enter the least squares through
three sums of each baseline alone: sum(w V conj(M)), sum(w |M|^2) and sum(w |V|^2). So the data are
read once, and an iteration costs as much as one integration of one channel. The first over the
second is the average of the data divided by the model, the second its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.visibilities import Complexes, Floats, Integers, Visibilities

__all__ = ["Sums", "accumulate", "add", "intervals_of", "midpoints", "rotate", "visits_of", "whole"]


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over solution intervals; letters of shapes as in `visibilities`, t of intervals.

    Attributes:
        cross: (t, f, p, a, a) sum of w V conj(M) in units of w times Jy^2, Hermitian
        model: (t, f, p, a, a) sum of w |M|^2, symmetric
        power: (t, f, p) sum of w |V|^2 over the baselines
        count: (t, f, p) how many visibilities are in them
    """

    cross: NDArray[np.complex128]
    model: NDArray[np.float64]
    power: NDArray[np.float64]
    count: NDArray[np.float64]

    @property
    def present(self) -> NDArray[np.bool_]:
        """(t, f, p, a) true where an antenna has data."""
        present: NDArray[np.bool_] = np.any(self.model > 0, axis=-1)
        return present


def visits_of(time: Floats, scan: Integers, integration: float) -> Integers:
    """Numbers of the visits to a field: (t,) from 0; a scan may come back to it."""
    gap = (np.diff(time) > 1.5 * integration) | (np.diff(scan) != 0)
    return np.concatenate([np.zeros(min(1, time.size), np.int64), np.cumsum(gap)])


def intervals_of(time: Floats, scan: Integers, integration: float, interval: float) -> Integers:
    """Numbers of the solution intervals of times: (t,) from 0, none across visits.

    Within a visit intervals have nearly equal numbers of integrations, so that none is left over
    that is too short to be solved.
    """
    numbers = np.zeros(time.size, dtype=np.int64)
    before = 0
    visits = visits_of(time, scan, integration)
    for visit in np.unique(visits):
        chosen = np.flatnonzero(visits == visit)
        pieces = max(1, min(chosen.size, round(chosen.size * integration / interval)))
        numbers[chosen] = before + np.arange(chosen.size) * pieces // chosen.size
        before += pieces
    return numbers


def midpoints(time: Floats, interval: Integers) -> NDArray[np.float64]:
    """(t,) mean times in s of intervals, from the times and the interval of each."""
    counts = np.bincount(interval)
    start = time[0] if time.size else 0.0
    # Seconds since 1970 summed up would lose the last digits.
    middle: NDArray[np.float64] = start + np.bincount(interval, time - start) / counts
    return middle


def accumulate(
    vis: Visibilities, model: Complexes | Floats, interval: Integers, per_channel: bool = False
) -> Sums:
    """Sum visibilities over solution intervals, and over channels unless `per_channel`.

    Flagged visibilities, and such as are not numbers, are left out.

    Args:
        vis: the visibilities
        model: in Jy, of a shape that goes with (t, b, f, p)
        interval: (t,) the number of the interval of each time, not falling
        per_channel: whether each channel has gains of its own
    """
    good = ~vis.flag & np.isfinite(vis.data) & np.isfinite(vis.weight) & (vis.weight > 0)
    weight = np.where(good, vis.weight, 0.0).astype(np.float64)
    data = np.where(good, vis.data, 0.0).astype(np.complex128)
    starts = np.flatnonzero(np.diff(interval, prepend=-1))

    def total(values: NDArray[Any]) -> NDArray[Any]:
        values = np.broadcast_to(values, data.shape)
        if not per_channel:
            values = values.sum(axis=2, keepdims=True)
        return np.moveaxis(np.add.reduceat(values, starts, axis=0), 1, -1)

    cross, power = total(weight * data * np.conj(model)), total(weight * np.abs(data) ** 2)
    return Sums(
        cross=_square(vis, cross),
        model=_square(vis, total(weight * np.abs(model) ** 2)).real,
        power=power.real.sum(axis=-1),
        count=total(good.astype(np.float64)).real.sum(axis=-1),
    )


def add(sums: Sequence[Sums]) -> Sums:
    """Sums of spectral windows that are solved together; their intervals must be the same."""
    first = sums[0]
    for other in sums[1:]:
        if other.power.shape != first.power.shape:
            raise ValueError(
                "spws cannot be solved together: they have other times, channels or polarizations"
            )
        names = [member.name for member in fields(Sums)]
        first = Sums(*(getattr(first, name) + getattr(other, name) for name in names))
    return first


def rotate(sums: Sums, phase: NDArray[np.complex128]) -> Sums:
    """Sums of data from which gains of amplitude 1, (t, f, p, a), have been taken out."""
    return replace(
        sums, cross=sums.cross * np.conj(phase)[..., :, np.newaxis] * phase[..., np.newaxis, :]
    )


def whole(sums: Sums) -> Sums:
    """Sums over all intervals, as one."""
    values = [getattr(sums, member.name) for member in fields(Sums)]
    return Sums(*(value.sum(axis=0, keepdims=True) for value in values))


def _square(vis: Visibilities, values: NDArray[Any]) -> NDArray[np.complex128]:
    """Values of baselines (..., b) as Hermitian matrices (..., a, a)."""
    count = len(vis.antennas.names)
    square = np.zeros((*values.shape[:-1], count, count), dtype=np.complex128)
    square[..., vis.antenna1, vis.antenna2] = values
    square[..., vis.antenna2, vis.antenna1] = np.conj(values)
    return square
