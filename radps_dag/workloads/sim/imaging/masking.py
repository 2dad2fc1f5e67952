"""A residual to where it may be cleaned, and to the noise in it.

With few baselines the sidelobes of what is to be cleaned are most of the residual until all is
clean: they would pass for noise, and for emission. So both are told from CLEANs on trial, without
the visibilities: emission from one that may clean everywhere, the noise from one that may clean
only what is known for emission, so that what wrong calibration makes of bright sources is noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.imaging.multiscale import hogbom, multiscale, points_of
from radps_dag.workloads.sim.imaging.regions import dilated
from radps_dag.workloads.sim.imaging.restoring import convolve_with_psf, restore
from radps_dag.workloads.sim.imaging.statistics import robust_rms

__all__ = ["FAINTEST", "NOISE_LEVEL", "Emission", "Spread", "find_emission"]

# Of the brightest: fainter is not masked before the brightest are gone.
FAINTEST = 0.15
# Above this many sigma a pixel is taken for emission, as with the automatic masks of
# interferometry pipelines (Kepley et al. 2020, PASP 132, 024505).
NOISE_LEVEL = 5.0
# Of the brightest, where nothing is known for emission yet.
_FIRST = 0.6
_AROUND = 0.8  # of the beam's width
# How far a trial goes: to this times the thermal noise.
_DEPTH, _GAIN, _ITERATIONS = 2.0, 0.2, 600
_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Spread:
    """Spread of a point source over an image.

    Attributes:
        psf: (2 y, 2 x) of peak 1, twice as wide as the image
        beam: (3,) as in Image
        cell: width of a pixel in rad
        thermal: noise expected in Jy/beam
    """

    psf: NDArray[np.float64]
    beam: NDArray[np.float64]
    cell: float
    thermal: float


@dataclass(frozen=True, slots=True)
class Emission:
    """Mask of emission (y, x), and the noise elsewhere in Jy/beam."""

    mask: NDArray[np.bool_]
    rms: float


def find_emission(
    residual: NDArray[np.float64], mask: NDArray[np.bool_], spread: Spread, noise: float = 0.0
) -> Emission:
    """Emission of a residual (y, x) in Jy/beam: what was known, and what stands out now.

    It stands out of the noise of this residual, and out of `noise` in Jy/beam, that of the first:
    what wrong calibration makes of bright sources is noise there, and would be emission as soon as
    some of it is cleaned. Most of the beam's width is added around what stands out, for the skirts.
    """
    sky, rms = _cleaned(residual, spread)
    brightest = float(sky.max())
    width = float(np.sqrt(spread.beam[0] * spread.beam[1])) / spread.cell
    if not mask.any() and brightest > NOISE_LEVEL * rms:
        mask = dilated(sky > max(_FIRST * brightest, NOISE_LEVEL * rms), _AROUND * width)
    for _ in range(_ROUNDS):
        # Less than the thermal noise is a trial that has fitted it.
        rms = max(robust_rms(_without(residual, mask, spread)), spread.thermal)
        above = sky > max(NOISE_LEVEL * max(rms, noise), FAINTEST * brightest)
        if not (above & ~mask).any():
            break
        mask = mask | dilated(above, _AROUND * width)
    return Emission(mask, rms)


def _cleaned(residual: NDArray[np.float64], spread: Spread) -> tuple[NDArray[np.float64], float]:
    """The sky (y, x) as a CLEAN of everything that is bright shows it, and the rms it leaves."""
    depth = _DEPTH * spread.thermal
    model, remaining, _ = hogbom(residual, spread.psf, depth, _GAIN, _ITERATIONS)
    return restore(model, remaining, spread.beam, spread.cell), robust_rms(remaining)


def _without(
    residual: NDArray[np.float64], mask: NDArray[np.bool_], spread: Spread
) -> NDArray[np.float64]:
    """A residual (y, x) without what is in the mask, and its sidelobes."""
    points, depth = points_of(spread.psf), _DEPTH * spread.thermal
    model, used = multiscale(residual, points, mask, depth, _GAIN, _ITERATIONS)
    return residual - convolve_with_psf(model, spread.psf) if used else residual
