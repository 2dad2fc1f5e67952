"""Outliers of visibilities against time and frequency, to flags.

On a baseline, what a source gives is a phase and amplitude that move with time, times a bandpass
that does not: a matrix (time, frequency) of rank one. What stands out of it is interference. The
factors are found by medians, so that interference does not pull them; the scatter by the median
absolute deviation (Offringa et al. 2010, MNRAS 405, 155, compare such methods).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["flag_outliers", "median_of"]

_PASSES = 3
_ROUNDS = 2


def flag_outliers(vis: Visibilities, threshold: float) -> Visibilities:
    """Flag visibilities farther than `threshold` standard deviations from what a source gives.

    The deviation is that of the real, and of the imaginary, part of a visibility. It is measured
    over each baseline and polarization, and over each channel of them, of which the greater counts:
    a spectral line that the source's continuum does not predict is in its channel at all times, so
    that it is not an outlier. Neither is interference that lasts more than half of the time, and
    where there is one channel nothing can stand out of it. What is no number is flagged.
    """
    flag = vis.flag | ~np.isfinite(vis.data)
    if not flag.size:
        return replace(vis, flag=flag)
    data = np.where(flag, 0.0, vis.data).astype(np.complex64)
    for _ in range(_PASSES):
        good = ~flag
        deviation = data - _source(data, good)
        scatter = np.maximum(
            _deviation(deviation, good), _deviation(deviation, good, over_frequency=True)
        )
        outlying = good & (np.abs(deviation) > threshold * scatter) & (scatter > 0)
        if not outlying.any():
            break
        flag = flag | outlying
    return replace(vis, flag=flag)


def _source(data: NDArray[np.complex64], good: NDArray[np.bool_]) -> NDArray[np.complex64]:
    """The nearest of rank one: (t, b, 1, p) times (1, b, f, p)."""
    shape = (1, data.shape[1], data.shape[2], data.shape[3])
    over_frequency = np.ones(shape, dtype=np.complex64)
    over_time = np.ones((data.shape[0], data.shape[1], 1, data.shape[3]), dtype=np.complex64)
    for _ in range(_ROUNDS):
        over_time = _median(_over(data, over_frequency), good, 2)
        over_frequency = _median(_over(data, over_time), good, 0)
    return np.asarray(over_time * over_frequency)


def _over(data: NDArray[np.complex64], factor: NDArray[np.complex64]) -> NDArray[np.complex64]:
    size = np.maximum(np.abs(factor) ** 2, np.float32(1e-12))
    return np.asarray(data * (factor.conj() / size), dtype=np.complex64)


def _median(
    values: NDArray[np.complex64], good: NDArray[np.bool_], axis: int
) -> NDArray[np.complex64]:
    real, imaginary = (median_of(part, good, axis) for part in (values.real, values.imag))
    return np.asarray(real + 1j * imaginary, dtype=np.complex64)


def median_of(
    values: NDArray[np.float32], good: NDArray[np.bool_], axis: int
) -> NDArray[np.float32]:
    """Medians along an axis, which stays with size 1, of what is good; 0 where nothing is."""
    if values.shape[axis] == 0:
        shape = tuple(1 if number == axis else size for number, size in enumerate(values.shape))
        return np.zeros(shape, dtype=np.float32)
    ordered = np.sort(np.where(good, values, np.float32(np.inf)), axis=axis)
    count = good.sum(axis=axis, keepdims=True)
    middle = [
        np.take_along_axis(ordered, np.maximum(place, 0), axis=axis)
        for place in ((count - 1) // 2, np.minimum(count // 2, values.shape[axis] - 1))
    ]
    with np.errstate(invalid="ignore"):
        both = (middle[0] + middle[1]) / np.float32(2)
    return np.where(count > 0, both, np.float32(0)).astype(np.float32)


def _deviation(
    residual: NDArray[np.complex64], good: NDArray[np.bool_], over_frequency: bool = False
) -> NDArray[np.float32]:
    """Standard deviation of the real or imaginary part of a residual: (1, b, f, p) over time, or
    (1, b, 1, p) over frequency as well."""
    size = np.maximum(np.abs(residual.real), np.abs(residual.imag))
    if over_frequency:  # time and frequency in one axis in front
        shape = (-1, size.shape[1], 1, size.shape[3])
        size, good = (np.swapaxes(values, 1, 2).reshape(shape) for values in (size, good))
    middle = median_of(size, good, 0)
    # Of a Gaussian, the greater of the two parts has its median at 1.0518 standard deviations.
    return middle / np.float32(1.0518)
