"""A minor cycle of CLEAN on the whole image (Hogbom 1974, A&AS 15, 417)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["hogbom"]


def hogbom(
    residual: NDArray[np.float64],
    psf: NDArray[np.float64],
    threshold: float,
    gain: float,
    niter: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Take components off a residual (y, x) until its brightest is at the threshold in Jy/beam.

    Each iteration takes `gain` of what is brightest; what is negative stays. The psf (2 y, 2 x) is
    twice as wide, so that it reaches from each pixel to each other. Returns the components in
    Jy/pixel, what is left in Jy/beam, and the number of iterations.
    """
    remaining, model = residual.astype(np.float64), np.zeros(residual.shape)
    size_y, size_x = residual.shape
    for iteration in range(niter):
        at = int(remaining.argmax())
        y, x = divmod(at, size_x)
        if remaining[y, x] <= threshold:
            return model, remaining, iteration
        flux = gain * remaining[y, x]
        model[y, x] += flux
        remaining -= flux * psf[size_y - y : 2 * size_y - y, size_x - x : 2 * size_x - x]
    return model, remaining, niter
