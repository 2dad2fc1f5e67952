"""A residual to where it may be cleaned: emission above the noise and above sidelobes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.imaging.regions import dilated
from radps_dag.workloads.sim.imaging.statistics import robust_rms

__all__ = ["NOISE_LEVEL", "grow_mask"]

# As with the automatic masks of interferometry pipelines (Kepley et al. 2020, PASP 132, 024505):
# above these, in sigma and in sidelobes of the brightest, a pixel is taken for emission.
NOISE_LEVEL = 4.5
_SIDELOBES = 2.0
# Where sidelobes are so high that nothing would be left, the brightest are taken all the same.
_AT_MOST = 0.6
_AROUND = 0.8  # of the beam's width


def grow_mask(
    residual: NDArray[np.float64],
    lone: NDArray[np.float64],
    before: NDArray[np.bool_],
    sidelobes: float,
    beam_width: float,
) -> NDArray[np.bool_]:
    """The mask of the cycle before, with what stands out of the residual now (y, x).

    It must do so from the sidelobes of the brightest, and from the noise in `lone`, the residual
    without what is in the mask and its sidelobes. `sidelobes` is their level relative to the peak;
    `beam_width` is the beam's full width at half maximum in pixels: most of it is added around
    what stands out, for the skirts.
    """
    brightest = float(residual.max())
    bright = residual > min(_SIDELOBES * sidelobes, _AT_MOST) * brightest
    noise = NOISE_LEVEL * robust_rms(lone)
    standing_out = bright & (residual > noise) & (lone > noise)
    return before | dilated(standing_out, _AROUND * beam_width)
