"""An image in memory: its planes, where it points, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from radps_dag.workloads.sim.visibilities import Floats

__all__ = ["Image", "Mode", "Plane"]

Mode = Literal["continuum", "cube"]
Plane = Literal["psf", "dirty", "residual", "model", "mask", "restored"]


@dataclass(frozen=True, slots=True)
class Image:
    """Images of one field on one grid: what CLEAN starts with, works on and ends in.

    c is the number of planes in frequency: 1 for a continuum image. Rows (y) grow to the north,
    columns (x) to the west, that is against right ascension; the phase centre is in pixel
    [size // 2, size // 2].

    Attributes:
        field: name of the field
        spws: spectral windows that it is of
        mode: one plane of all channels, or a plane for each
        channels: of each spw, the numbers of the channels that went in
        frequency: (c,) in Hz
        cell: width of a pixel in rad
        direction: (2,) right ascension and declination of the phase centre in rad
        robust: Briggs' weighting
        planes: (c, y, x) each; psf of peak 1, dirty, residual and restored in Jy/beam, model in
            Jy/pixel, mask 0 or 1
        beam: (c, 3) of the fitted beam: major and minor full width at half maximum in rad, position
            angle in rad from north through east
        sensitivity: (c,) thermal noise expected in Jy/beam; 0 of a plane without data, which is
            blank: 0 in all planes
        history: one entry for each major cycle: name to number
        gridder: that made it: numpy, or one that is faster and rounds otherwise
        simulated: whether it is of simulated visibilities
    """

    field: str
    spws: tuple[int, ...]
    mode: Mode
    channels: dict[int, tuple[int, ...]]
    frequency: Floats
    cell: float
    direction: Floats
    robust: float
    planes: dict[Plane, Floats]
    beam: Floats
    sensitivity: Floats
    history: tuple[dict[str, float], ...] = ()
    gridder: str = "numpy"
    simulated: bool = True

    @property
    def size(self) -> int:
        """Width and height in pixels."""
        return int(self.planes["psf"].shape[-1])
