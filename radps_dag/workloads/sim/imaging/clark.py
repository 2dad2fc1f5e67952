"""A minor cycle of CLEAN on the brightest pixels alone (Clark 1980, A&A 89, 377).

Only pixels of the mask that are above the threshold can be components, and only they need be known
while components are taken off, so an iteration costs what they are many. What that does to all
other pixels is for the major cycle, which subtracts the components from the visibilities.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["clark"]


def clark(
    residual: NDArray[np.float64],
    psf: NDArray[np.float64],
    mask: NDArray[np.bool_],
    threshold: float,
    gain: float,
    niter: int,
) -> tuple[NDArray[np.float64], int]:
    """Components in Jy/pixel (y, x), and the number of iterations.

    Each takes `gain` of what is brightest of the residual (y, x), until that is at the threshold in
    Jy/beam. The psf (2 y, 2 x) is twice as wide, so that it reaches from each pixel to each other.
    """
    model = np.zeros(residual.shape)
    rows, columns = np.nonzero(mask & (np.abs(residual) > threshold))
    remaining = residual[rows, columns].astype(np.float64)
    if remaining.size == 0:
        return model, 0
    flat, width = psf.ravel(), psf.shape[1]
    place = rows * width + columns
    middle = psf.shape[0] // 2 * width + width // 2
    for iteration in range(niter):
        at = int(np.abs(remaining).argmax())
        if abs(remaining[at]) <= threshold:
            return model, iteration
        flux = gain * remaining[at]
        model[rows[at], columns[at]] += flux
        remaining -= flux * flat[place + (middle - place[at])]
    return model, niter
