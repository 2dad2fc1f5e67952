"""Noise of an image that any program has made. It needs numpy alone, also where CASA is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["clipped_noise"]

_NORMAL = 1.4826  # standard deviations to a median absolute deviation, of a normal distribution
_OUTLIER = 4.0


def clipped_noise(values: NDArray[np.float64]) -> float:
    """Noise of (n,) values: what stands out is left out, until nothing more does."""
    while True:
        middle = np.median(values)
        sigma = _NORMAL * float(np.median(np.abs(values - middle)))
        kept = values[np.abs(values - middle) <= _OUTLIER * sigma]
        if not sigma or kept.size == values.size:
            return sigma
        values = kept
