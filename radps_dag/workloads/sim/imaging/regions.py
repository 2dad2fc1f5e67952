"""Regions of an image: grown, connected, dilated; all are arrays (y, x) of truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["connected", "dilated"]

_Mask = NDArray[np.bool_]


def dilated(mask: _Mask, radius: float) -> _Mask:
    """The mask and all that is within a radius in pixels of it."""
    reach = int(radius)
    size_y, size_x = mask.shape
    padded = np.pad(mask, reach)
    grown = np.zeros_like(mask)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            if dy**2 + dx**2 <= radius**2:
                down, right = reach + dy, reach + dx
                grown |= padded[down : down + size_y, right : right + size_x]
    return grown


def connected(mask: _Mask, seeds: _Mask) -> _Mask:
    """Keep the parts of the mask that are connected with seeds in it, by sides and corners."""
    region = mask & seeds
    while True:
        grown = mask & dilated(region, 1.5)
        if (grown == region).all():
            return region
        region = grown
