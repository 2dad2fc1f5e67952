"""Direct Fourier sums: slow and exact, what the gridders are checked against."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["direct_image", "direct_samples", "pixel_directions"]


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
