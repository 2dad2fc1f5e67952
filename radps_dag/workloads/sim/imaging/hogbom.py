"""A minor cycle of CLEAN on the whole image (Hogbom 1974, A&AS 15, 417)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Components", "hogbom"]

Components = tuple[NDArray[np.float64], NDArray[np.float64], int]


def hogbom(
    residual: NDArray[np.float64],
    psf: NDArray[np.float64],
    mask: NDArray[np.bool_],
    threshold: float,
    gain: float,
    niter: int,
) -> Components:
    """Take components off a residual (y, x) until its brightest in the mask is at the threshold.

    Each iteration takes `gain` of what is brightest, positive or negative, with the psf (y, x) as
    far as it reaches. Returns the components in Jy/pixel, what is left in Jy/beam, and the number
    of iterations.
    """
    left, model = residual.astype(np.float64), np.zeros(residual.shape)
    size_y, size_x = residual.shape
    for iteration in range(niter):
        brightness = np.abs(left) * mask
        y, x = divmod(int(brightness.argmax()), size_x)
        if brightness[y, x] <= threshold:
            return model, left, iteration
        flux = gain * left[y, x]
        model[y, x] += flux
        down, right = y - size_y // 2, x - size_x // 2
        here = (_overlap(size_y, down), _overlap(size_x, right))
        there = (_overlap(size_y, -down), _overlap(size_x, -right))
        left[here] -= flux * psf[there]
    return model, left, niter


def _overlap(size: int, shift: int) -> slice:
    return slice(max(0, shift), min(size, size + shift))
