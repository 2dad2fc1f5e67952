"""Numbers to colours that people of any colour vision tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.visibilities import Floats

__all__ = ["DIVERGING", "SEQUENTIAL", "SERIES", "Map"]

# Of lines and markers: Okabe & Ito (2008), https://jfly.uni-koeln.de/color/, without the yellow,
# which is hardly seen on white.
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
# So many shades: noise in 256 of them makes files that are too large to be shown in place, and 0 is
# in the middle of an odd number.
_SHADES = 33


@dataclass(frozen=True, slots=True)
class Map:
    """A colour map: hexadecimal colours at equal steps, linear between them."""

    stops: str

    def __call__(self, share: Floats) -> NDArray[np.uint8]:
        """The colours (..., 3) of numbers from 0 to 1; outside they are those of the ends."""
        level = np.round(np.clip(np.asarray(share, dtype=np.float64), 0.0, 1.0) * (_SHADES - 1))
        shades = _between(self.stops.split(), np.arange(_SHADES) / (_SHADES - 1))
        return shades[level.astype(np.int64)]


def _between(stops: Sequence[str], share: NDArray[np.float64]) -> NDArray[np.uint8]:
    table = np.array([list(bytes.fromhex(stop)) for stop in stops], dtype=np.float64)
    at = np.arange(len(stops)) / (len(stops) - 1)
    channels = [np.interp(share, at, table[:, channel]) for channel in range(3)]
    return np.round(np.stack(channels, axis=-1)).astype(np.uint8)


# Inferno by Smith & van der Walt (2015, CC0), https://bids.github.io/colormap/: perceptually
# uniform, its luminance grows throughout. Every sixteenth of its colours.
SEQUENTIAL = Map(
    "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 "
    "d24644 e45a31 f1731d f98e09 fcac11 f9cb35 f2ea69 fcffa4"
)
# From blue to vermilion by way of a light grey: hues that all colour visions tell apart, at equal
# steps of lightness (in Oklab, Ottosson 2020) to either side.
DIVERGING = Map(
    "06407a 1f5592 366ba9 4e81be 6898d2 85afe3 a4c7f2 c7defb f4f4f2 "
    "ffd2c3 fbb69f ee9b80 df8364 cc6b4b b85534 a3411d 8c2d04"
)
