"""Samples to an image and back: non-uniform fast Fourier transforms, by FINUFFT (Barnett, Magland &
af Klinteberg 2019, SIAM J. Sci. Comput. 41, C479)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Gridding"]

_PRECISION = 1e-7  # of the brightest


@dataclass(frozen=True, slots=True)
class Gridding:
    """The transform of one set of samples; both ways are adjoint to each other.

    Attributes:
        u, v: (n,) in wavelengths
        size: width and height of the image in pixels
        cell: width of a pixel in rad
    """

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    size: int
    cell: float

    def __post_init__(self) -> None:
        reach = max(np.abs(self.u).max(initial=0.0), np.abs(self.v).max(initial=0.0)) * self.cell
        if not reach < 0.5:
            raise ValueError(
                f"pixels of {self.cell:.3g} rad are too wide: the longest baseline needs less than "
                f"{0.5 * self.cell / reach:.3g} rad"
            )

    def to_image(self, values: NDArray[np.complex128]) -> NDArray[np.float64]:
        """(n,) to (y, x): the sum of Re(value exp(2 pi i (u l + v m)))."""
        from finufft import nufft2d1

        shape = (self.size, self.size)
        image: NDArray[np.complex128] = nufft2d1(
            *self._turns, values, shape, eps=_PRECISION, isign=1, nthreads=1
        )
        return np.ascontiguousarray(image.real)

    def to_samples(self, plane: NDArray[np.float64]) -> NDArray[np.complex128]:
        """(y, x) to (n,): the sum of the pixels times exp(-2 pi i (u l + v m))."""
        from finufft import nufft2d2

        values: NDArray[np.complex128] = nufft2d2(
            *self._turns, plane.astype(np.complex128), eps=_PRECISION, isign=-1, nthreads=1
        )
        return values

    @property
    def _turns(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n,) phases in rad from a row to the next, and from a column: these grow against l."""
        step = 2 * np.pi * self.cell
        return np.asarray(step * self.v), np.asarray(-step * self.u)
