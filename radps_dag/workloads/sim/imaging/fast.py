"""The transform by ducc0's gridder where it is installed, which is faster; by numpy otherwise.

ducc0 (https://gitlab.mpcdf.mpg.de/mtr/ducc) is under the GPL and an optional extra, `sim-fast`.
Both agree to a few millionths of the brightest; images say which made them.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.imaging.gridding import Gridding
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT

__all__ = ["GRIDDING"]


class FastGridding(Gridding):
    """The same by ducc0, on one thread."""

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
