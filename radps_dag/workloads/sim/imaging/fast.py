"""The transform by ducc0's gridder where it is installed, which is faster; by numpy otherwise.

ducc0 (https://gitlab.mpcdf.mpg.de/mtr/ducc) is under the GPL and an optional extra, `sim-fast`.
Both agree to a few millionths of the brightest; images say which made them.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.imaging.gridding import Gridding, Transform
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT

__all__ = ["FastGridding", "transform"]

# Of the brightest, about as the numpy gridder.
_ACCURACY = 1e-6


def transform(u: NDArray[np.float64], v: NDArray[np.float64], size: int, cell: float) -> Transform:
    """Between samples at u, v (n,) in wavelengths and an image of this size and cell in rad."""
    plain = Gridding(u, v, size, cell)
    return FastGridding(plain) if find_spec("ducc0") is not None else plain


@dataclass(frozen=True)
class FastGridding:
    """The transform of one set of samples by ducc0, on one thread."""

    plain: Gridding

    gridder: ClassVar[str] = "ducc0"

    def to_image(self, values: NDArray[np.complex128]) -> NDArray[np.float64]:
        """(n,) to (y, x): the sum of Re(value exp(2 pi i (u l + v m)))."""
        size = self.plain.size
        image: NDArray[np.float64] = import_module("ducc0.wgridder").vis2dirty(
            vis=values.astype(np.complex128)[:, np.newaxis],
            npix_x=size,
            npix_y=size,
            **self._where(),
        )
        return image

    def to_samples(self, plane: NDArray[np.float64]) -> NDArray[np.complex128]:
        """(y, x) to (n,): the sum of the pixels times exp(-2 pi i (u l + v m))."""
        values: NDArray[np.complex128] = import_module("ducc0.wgridder").dirty2vis(
            dirty=np.ascontiguousarray(plane, dtype=np.float64), **self._where()
        )
        return values[:, 0]

    def _where(self) -> dict[str, Any]:
        plain = self.plain
        # Its first axis is our rows (m), its second our columns, which grow against l.
        uvw = np.stack([plain.v, -plain.u, np.zeros_like(plain.u)], axis=-1)
        return {
            "uvw": uvw,
            "freq": np.array([SPEED_OF_LIGHT]),
            "pixsize_x": plain.cell,
            "pixsize_y": plain.cell,
            "epsilon": _ACCURACY,
            "do_wgridding": False,
            "nthreads": 1,
        }
