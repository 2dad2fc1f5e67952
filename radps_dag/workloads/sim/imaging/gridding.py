"""Samples to an image and back, by convolution onto a grid and a fast Fourier transform.

The kernel is the exponential of a semicircle (Barnett, Magland & af Klinteberg 2019, SIAM J. Sci.
Comput. 41, C479), evaluated exactly at each sample. Seven cells of it on a grid of twice the
image's size are good to about 1e-6 of the brightest.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT

__all__ = ["GRIDDING", "Gridding"]

_SUPPORT = 7
_SHAPE = 2.30 * _SUPPORT  # that paper's, for a grid of twice the size
_PADDING = 2
_NODES = 48


@dataclass(frozen=True)
class Gridding:
    """The transform of one set of samples by numpy alone; both ways are adjoint to each other.

    Attributes:
        u, v: (n,) in wavelengths
        size: width and height of the image in pixels
        cell: width of a pixel in rad
    """

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    size: int
    cell: float

    gridder: ClassVar[str] = "numpy"

    def __post_init__(self) -> None:
        reach = max(np.abs(self.u).max(initial=0.0), np.abs(self.v).max(initial=0.0)) * self.cell
        if not reach < 0.5:
            raise ValueError(
                f"pixels of {self.cell:.3g} rad are too wide: the longest baseline needs less than "
                f"{0.5 * self.cell / reach:.3g} rad"
            )

    @property
    def _padded(self) -> int:
        return self.size * _PADDING

    @cached_property
    def _correction(self) -> NDArray[np.float64]:
        """(size,) the Fourier transform of the kernel at the pixels."""
        nodes, weights = np.polynomial.legendre.leggauss(_NODES)
        pixel = np.arange(self.size) - self.size // 2
        waves = np.cos(np.pi * _SUPPORT * np.outer(pixel, nodes) / self._padded)
        correction: NDArray[np.float64] = _SUPPORT / 2 * (waves * (weights * _kernel(nodes))).sum(1)
        return correction

    @cached_property
    def _columns(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        # Columns grow to the west, against l.
        return _taps(-self.u * self.cell * self._padded, self._padded)

    @cached_property
    def _rows(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        return _taps(self.v * self.cell * self._padded, self._padded)

    def to_image(self, values: NDArray[np.complex128]) -> NDArray[np.float64]:
        """(n,) to (y, x): the sum of Re(value exp(2 pi i (u l + v m)))."""
        columns, along = self._columns
        rows, across = self._rows
        cells = self._padded**2
        real, imaginary = np.zeros(cells), np.zeros(cells)
        for tap in range(_SUPPORT):
            flat = (rows[:, tap, np.newaxis] * self._padded + columns).ravel()
            kernel = across[:, tap, np.newaxis] * along
            for total, part in ((real, values.real), (imaginary, values.imag)):
                total += np.bincount(flat, (kernel * part[:, np.newaxis]).ravel(), cells)
        grid = (real + 1j * imaginary).reshape(self._padded, self._padded)
        image = np.fft.ifft2(grid).real * cells
        return self._cut(image) / np.multiply.outer(self._correction, self._correction)

    def to_samples(self, plane: NDArray[np.float64]) -> NDArray[np.complex128]:
        """(y, x) to (n,): the sum of the pixels times exp(-2 pi i (u l + v m))."""
        padded = np.zeros((self._padded, self._padded))
        there = np.ix_(self._pixels, self._pixels)
        padded[there] = plane / np.multiply.outer(self._correction, self._correction)
        grid = np.fft.fft2(padded).ravel()
        columns, along = self._columns
        rows, across = self._rows
        values = np.zeros(self.u.size, dtype=np.complex128)
        for tap in range(_SUPPORT):
            cells = grid[rows[:, tap, np.newaxis] * self._padded + columns]
            values += across[:, tap] * (cells * along).sum(axis=1)
        return values

    @property
    def _pixels(self) -> NDArray[np.int64]:
        """Positions of the image's rows in the padded grid, its centre at 0."""
        return (np.arange(self.size) - self.size // 2) % self._padded

    def _cut(self, padded: NDArray[np.float64]) -> NDArray[np.float64]:
        return padded[np.ix_(self._pixels, self._pixels)]


def _kernel(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """At z from -1 to 1, and 0 outside."""
    inside = np.maximum(0.0, 1.0 - z**2)
    return np.where(np.abs(z) <= 1.0, np.exp(_SHAPE * (np.sqrt(inside) - 1.0)), 0.0)


def _taps(
    position: NDArray[np.float64], padded: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(n, support) cells around positions in cells, and the kernel there."""
    first = np.ceil(position - _SUPPORT / 2)
    cells = first[:, np.newaxis] + np.arange(_SUPPORT)
    kernel = _kernel((cells - position[:, np.newaxis]) * (2 / _SUPPORT))
    return cells.astype(np.int64) % padded, kernel


class FastGridding(Gridding):
    """The same by ducc0 (https://gitlab.mpcdf.mpg.de/mtr/ducc) on one thread, ten times as fast.

    It is under the GPL, and so an optional extra, `sim-fast`. Both agree to a few millionths of the
    brightest; images say which made them.
    """

    gridder: ClassVar[str] = "ducc0"

    def to_image(self, values: NDArray[np.complex128]) -> NDArray[np.float64]:
        vis = values.astype(np.complex128)[:, np.newaxis]
        return self._by("vis2dirty", vis=vis, npix_x=self.size, npix_y=self.size)

    def to_samples(self, plane: NDArray[np.float64]) -> NDArray[np.complex128]:
        return self._by("dirty2vis", dirty=np.ascontiguousarray(plane, np.float64))[:, 0]

    def _by(self, way: str, **arguments: Any) -> NDArray[Any]:
        # Its first axis is our rows (m), its second our columns, which grow against l.
        made: NDArray[Any] = getattr(import_module("ducc0.wgridder"), way)(
            **arguments,
            uvw=np.stack([self.v, -self.u, np.zeros_like(self.u)], axis=-1),
            freq=np.array([SPEED_OF_LIGHT]),
            pixsize_x=self.cell,
            pixsize_y=self.cell,
            epsilon=1e-6,  # of the brightest, about as the numpy gridder
            do_wgridding=False,
            nthreads=1,
        )
        return made


# Of samples at u, v (n,) in wavelengths, and an image of some size and cell in rad.
GRIDDING: type[Gridding] = FastGridding if find_spec("ducc0") is not None else Gridding
