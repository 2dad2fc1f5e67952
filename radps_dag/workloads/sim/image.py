"""An image in memory: its planes, where it points, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from radps_dag.workloads.sim.primary_beam import LEAST, primary_beam
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
        diameter: of the dishes in m; 0 where they differ, so that there is no primary beam
        sensitivity: (c,) thermal noise expected in Jy/beam; 0 of a plane without data, which is
            blank: 0 in all planes
        history: one entry for each major cycle: name to number
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
    diameter: float = 0.0
    history: tuple[dict[str, float], ...] = ()
    simulated: bool = True

    @property
    def name(self) -> str:
        """Field, spectral windows and mode in words."""
        spws = ", ".join(map(str, self.spws))
        return f"{self.field}, spw{'s' if len(self.spws) > 1 else ''} {spws}, {self.mode}"

    @property
    def size(self) -> int:
        """Width and height in pixels."""
        return int(self.planes["psf"].shape[-1])

    @property
    def primary_beam(self) -> Floats:
        """(c, y, x) the primary beam, 1 in the phase centre; 1 everywhere where it is not known."""
        steps = (np.arange(self.size) - self.size // 2) * self.cell
        distance = np.hypot(steps[:, np.newaxis], steps)
        planes = np.ones((len(self.frequency), self.size, self.size))
        for plane in np.flatnonzero(self.frequency) if self.diameter else ():
            planes[plane] = primary_beam(distance, float(self.frequency[plane]), self.diameter)
        return planes

    @property
    def corrected(self) -> Floats:
        """(c, y, x) in Jy/beam the restored planes over the primary beam, not a number where that
        is under a fifth."""
        power = self.primary_beam
        corrected: Floats = self.planes["restored"] / np.where(power < LEAST, np.nan, power)
        return corrected
