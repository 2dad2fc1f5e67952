"""Visibilities to samples for imaging: Stokes I, averaged in time as far as that is safe.

A source at the edge of the field turns its phase while the earth rotates: by at most
2 pi omega |b| nu/c theta in a second. Integrations of a baseline are averaged for as long as none
is further than 0.05 rad from their mean, which costs an amplitude of at most phase^2 / 2, about a
thousandth there, and a hundredth of that in the inner tenth (Thompson, Moran & Swenson 2017,
chapter 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Visibilities

__all__ = ["Samples", "join", "stokes_i", "to_samples"]

_MAX_PHASE = 0.05  # rad, at the edge of the field, from the mean of what is averaged
_EARTH_RATE = 7.292115e-5  # rad/s


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of the visibility function of Stokes I, of one plane of an image.

    Attributes:
        frequency: (n,) in Hz
        u, v: (n,) in wavelengths
        value: (n,) complex in Jy
        weight: (n,) 1 / sigma^2 of the real, and of the imaginary, part; more than 0
    """

    frequency: NDArray[np.float64]
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    value: NDArray[np.complex128]
    weight: NDArray[np.float64]


def join(samples: Sequence[Samples]) -> Samples:
    """All samples in one, in their order."""
    names = [member.name for member in fields(Samples)]
    return Samples(*(np.concatenate([getattr(part, name) for part in samples]) for name in names))


def stokes_i(vis: Visibilities) -> tuple[NDArray[np.complex128], NDArray[np.float64]]:
    """Stokes I of unpolarized sources, and its weight, both (t, b, f); flagged weigh 0.

    XX and YY each measure I, so theirs is the weighted mean, which needs not both of them.
    Raises ValueError where data or weights that are not flagged are not numbers.
    """
    good = ~vis.flag
    if not (np.isfinite(vis.data[good]).all() and np.isfinite(vis.weight[good]).all()):
        raise ValueError(f"{vis.name} has data or weights that are no numbers and not flagged")
    weight = np.where(good, vis.weight, 0.0).astype(np.float64)
    data = np.where(good, vis.data, 0.0).astype(np.complex128)
    total = weight.sum(axis=-1)
    return (data * weight).sum(axis=-1) / np.where(total > 0, total, 1.0), total


def to_samples(vis: Visibilities, field_radius: float, highest: float) -> list[Samples]:
    """The samples of each channel, averaged in time.

    `field_radius` is the distance of the image's edge from its centre in rad. `highest` is the
    highest frequency of the whole spectral window in Hz, so that what is averaged does not depend
    on which channels are taken.
    """
    value, weight = stokes_i(vis)
    channels = vis.frequency.size
    group = _groups(vis, field_radius, highest).ravel()
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))

    def summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
        flat = values.reshape(-1, channels)[order]
        return np.add.reduceat(flat, starts, axis=0) if starts.size else flat

    total = summed(weight)
    divisor = np.where(total > 0, total, 1.0)
    real, imaginary = (summed(weight * part) / divisor for part in (value.real, value.imag))
    waves = vis.frequency / SPEED_OF_LIGHT
    u, v = (summed(weight * vis.uvw[:, :, axis, np.newaxis]) / divisor * waves for axis in range(2))
    samples = []
    for channel in range(channels):
        there = total[:, channel] > 0
        samples.append(
            Samples(
                np.full(int(there.sum()), vis.frequency[channel], dtype=np.float64),
                u[there, channel],
                v[there, channel],
                (real + 1j * imaginary)[there, channel],
                total[there, channel],
            )
        )
    return samples


def _groups(vis: Visibilities, field_radius: float, highest: float) -> NDArray[np.int64]:
    """(t, b) numbers of what is averaged: of one scan and baseline, and close in time."""
    length = np.sqrt((vis.uvw.astype(np.float64) ** 2).sum(axis=-1)).max(axis=0, initial=0.0)
    turning = 2 * np.pi * _EARTH_RATE * length * highest / SPEED_OF_LIGHT * field_radius
    per_integration = np.maximum(turning * vis.integration, 1e-9)
    count = 1 + np.minimum(2 * _MAX_PHASE / per_integration, 1e6).astype(np.int64)  # (b,)
    scans, scan_number = np.unique(vis.scan, return_inverse=True)
    begins = np.array([vis.time[vis.scan == scan].min() for scan in scans])
    since = vis.time - begins[scan_number] if scans.size else vis.time
    steps = np.rint(since / vis.integration).astype(np.int64)  # (t,)
    blocks = steps[:, np.newaxis] // count
    longest = int(steps.max(initial=0)) + 1
    baseline = np.arange(count.size)
    group: NDArray[np.int64] = (
        scan_number[:, np.newaxis] * count.size + baseline
    ) * longest + blocks
    return group
