"""Images to the numbers that say how good they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.visibilities import Floats

__all__ = ["Statistics", "has_data", "robust_rms", "statistics"]

# The standard deviation of a normal distribution over its median absolute deviation.
_NORMAL = 1.482602218505602


@dataclass(frozen=True, slots=True)
class Statistics:
    """Quality of an image: peak and rms in Jy/beam, and the ratio of the two.

    `sensitivity` is the thermal noise expected in Jy/beam, `rms_over_sensitivity` is the noise
    over it.
    """

    peak: float
    rms: float
    dynamic_range: float
    sensitivity: float
    rms_over_sensitivity: float


def robust_rms(values: Floats) -> float:
    """Standard deviation of what is normal of the values, by their median absolute deviation."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    if flat.size == 0:
        return 0.0
    return _NORMAL * float(np.median(np.abs(flat - np.median(flat))))


def has_data(image: Image) -> NDArray[np.bool_]:
    """(c,) false for planes all of whose visibilities are flagged: they are blank."""
    sensitivity: NDArray[np.float64] = np.asarray(image.sensitivity, dtype=np.float64)
    return sensitivity > 0


def statistics(image: Image) -> Statistics:
    """Measure an image: peak of the restored plane, or of the residual where none is restored yet.

    The noise is the robust rms of the residual; of cubes, of all planes that have data.
    """
    good = has_data(image)
    shown = image.planes.get("restored", image.planes["residual"])
    peak = float(shown[good].max()) if good.any() else 0.0
    noise = np.array([robust_rms(plane) for plane in image.planes["residual"]])
    rms = float(np.sqrt((noise[good] ** 2).mean())) if good.any() else 0.0
    expected = float(np.sqrt((image.sensitivity[good] ** 2).mean())) if good.any() else 0.0
    return Statistics(
        peak=peak,
        rms=rms,
        sensitivity=expected,
        dynamic_range=peak / rms if rms > 0 else 0.0,
        rms_over_sensitivity=rms / expected if expected > 0 else 0.0,
    )
