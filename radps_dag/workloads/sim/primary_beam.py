"""The primary beam: how much of a source a dish sees, off the direction to which it points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Floats

__all__ = ["LEAST", "primary_beam"]

Array = NDArray[np.float64]

# Share of the centre under which images are not corrected but blank, as CASA's `pblimit`.
LEAST = 0.2
_WIDTH = 1.13  # full width at half maximum, in wavelengths over the diameter


def primary_beam(distance: Array, frequency: Floats | float, diameter: float) -> Array:
    """The power of a dish off its axis, 1 on it: a Gaussian of 1.13 wavelengths over the diameter
    at half maximum, 25 arcsec of 12 m at 230 GHz, as that of ALMA's dishes is near its middle (ALMA
    Technical Handbook, "Single-dish Response").

    `distance` from the axis in rad, `frequency` in Hz and `diameter` in m, of shapes that go
    together.
    """
    width = _WIDTH * SPEED_OF_LIGHT / np.asarray(frequency, dtype=np.float64) / diameter
    power: Array = np.exp(-4 * np.log(2) * (distance / width) ** 2)
    return power
