"""Natural weights to imaging weights, and the noise that an image of them must have.

Briggs 1995, "High fidelity deconvolution of moderately resolved sources" (thesis, New Mexico Tech),
chapter 3: W = w / (1 + D f^2) with the density D of weights around the sample, and
f^2 = (5 10^-robust)^2 / (sum of D^2 over cells / sum of w).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.imaging.samples import Samples

__all__ = ["imaging_weights", "sensitivity"]


def imaging_weights(samples: Samples, robust: float, size: int, cell: float) -> NDArray[np.float64]:
    """(n,) weights of samples in an image of this size; `robust` is from -2 to 2."""
    # Cells of the uv plane as the image resolves it; each sample counts at -u, -v too.
    columns = np.rint(samples.u * size * cell).astype(np.int64)
    rows = np.rint(samples.v * size * cell).astype(np.int64)
    here = rows % size * size + columns % size
    there = -rows % size * size + -columns % size
    density = np.bincount(here, samples.weight, size**2)
    density += np.bincount(there, samples.weight, size**2)
    mean = (density**2).sum() / density.sum()
    scale = (5.0 * 10.0**-robust) ** 2 / mean
    weights: NDArray[np.float64] = samples.weight / (1.0 + density[here] * scale)
    return weights


def sensitivity(samples: Samples, weights: NDArray[np.float64]) -> float:
    """Thermal noise in Jy/beam of the image of samples with these imaging weights; 0 of none.

    The image is sum(W Re V) / sum(W), and Re V has variance 1 / w.
    """
    total = float(weights.sum())
    return float(np.sqrt((weights**2 / samples.weight).sum())) / total if total > 0 else 0.0
