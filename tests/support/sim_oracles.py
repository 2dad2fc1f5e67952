"""Direct sums: slow and exact, what gridders and predictions are checked against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.imaging.psf import beam_shape
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Visibilities


def pixel_directions(size: int, cell: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """l of the columns, which grow to the west, and m of the rows: (size,) each, in rad."""
    steps = (np.arange(size, dtype=np.float64) - size // 2) * np.float64(cell)
    return -steps, steps


def direct_image(
    u: NDArray[np.float64],
    v: NDArray[np.float64],
    values: NDArray[np.complex128],
    size: int,
    cell: float,
) -> NDArray[np.float64]:
    """(n,) to (y, x): the sum of Re(value exp(2 pi i (u l + v m))); u and v in wavelengths."""
    l, m = pixel_directions(size, cell)  # noqa: E741  # as every paper calls it
    along = np.exp(2j * np.pi * np.outer(u, l))
    across = np.exp(2j * np.pi * np.outer(v, m)) * values[:, np.newaxis]
    image: NDArray[np.float64] = np.einsum("ny,nx->yx", across, along).real
    return image


def direct_samples(
    u: NDArray[np.float64],
    v: NDArray[np.float64],
    plane: NDArray[np.float64],
    cell: float,
) -> NDArray[np.complex128]:
    """(y, x) to (n,): the sum of the pixels times exp(-2 pi i (u l + v m))."""
    l, m = pixel_directions(plane.shape[-1], cell)  # noqa: E741
    rows, columns = np.nonzero(plane)
    phase = np.multiply.outer(u, l[columns]) + np.multiply.outer(v, m[rows])
    values: NDArray[np.complex128] = (np.exp(-2j * np.pi * phase) * plane[rows, columns]).sum(1)
    return values


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


def sidelobe_level(psf: NDArray[np.float64], beam: NDArray[np.float64], cell: float) -> float:
    """Largest |psf - beam| (y, x): where the fitted Gaussian is not what a source looks like."""
    y, x = np.mgrid[: psf.shape[0], : psf.shape[1]]
    y, x = y - psf.shape[0] // 2, x - psf.shape[1] // 2
    a, b, c = beam_shape(beam, cell)
    return float(np.abs(psf - np.exp(-(a * x**2 + 2 * b * x * y + c * y**2))).max())
