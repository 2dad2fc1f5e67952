"""A model image to visibilities by the direct sum over its pixels: slow, and sure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Visibilities

__all__ = ["predict_directly"]


def predict_directly(image: Image, vis: Visibilities) -> NDArray[np.complex128]:
    """(t, b, f, p) visibilities in Jy of the model of a continuum image, w left out.

    V = sum(S exp(-2 pi i (u l + v m) nu / c)) over the pixels that are not 0, l and m of a pixel in
    column x and row y being -(x - size // 2) cell and (y - size // 2) cell.
    """
    plane = image.planes["model"][0]
    row, column = np.nonzero(plane)
    east = -(column - image.size // 2) * image.cell
    north = (row - image.size // 2) * image.cell
    shape = (*vis.uvw.shape[:2], vis.frequency.size, len(vis.polarizations))
    total = np.zeros(shape[:3], dtype=np.complex128)
    for x, y, flux in zip(east, north, plane[row, column], strict=True):
        path = (vis.uvw[..., 0] * x + vis.uvw[..., 1] * y)[..., np.newaxis]
        total += flux * np.exp(-2j * np.pi * path * vis.frequency / SPEED_OF_LIGHT)
    return np.repeat(total[..., np.newaxis], shape[3], axis=-1)
