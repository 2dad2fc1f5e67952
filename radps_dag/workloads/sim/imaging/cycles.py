"""A plane of an image through a major cycle of CLEAN (Schwab 1984, AJ 89, 1076).

A mask is grown around what stands out, a minor cycle takes components there, and the samples say
what these leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.imaging.fast import transform
from radps_dag.workloads.sim.imaging.masking import (
    FAINTEST,
    NOISE_LEVEL,
    Emission,
    Spread,
    find_emission,
)
from radps_dag.workloads.sim.imaging.multiscale import components_of, multiscale
from radps_dag.workloads.sim.imaging.psf import beam_pixels
from radps_dag.workloads.sim.imaging.samples import Samples
from radps_dag.workloads.sim.imaging.statistics import robust_rms
from radps_dag.workloads.sim.imaging.weighting import imaging_weights

__all__ = ["Cycle", "Response", "State", "clean_plane"]

# The floor is lower than asked for: for what the next residual has more than the minor cycle knew
# of, and because the sidelobes of a plateau at nsigma would be noise.
_FLOOR = 0.3
# Radii of components that are not points, in widths of the beam.
_RADII = (1.0, 2.0)
# A minor cycle goes down to the floor at once where that is this share of the brightest.
_IN_REACH = 0.08


@dataclass(frozen=True, slots=True)
class Response:
    """Response of a plane to a point source, and the noise it must have.

    Attributes:
        beam: (3,) as in Image
        size: width and height in pixels
        cell: width of a pixel in rad
        robust: Briggs' weighting
        thermal: noise expected in Jy/beam
    """

    beam: NDArray[np.float64]
    size: int
    cell: float
    robust: float
    thermal: float

    @classmethod
    def of_plane(cls, image: Image, plane: int) -> Response:
        """The response of a plane of an image."""
        beam = np.asarray(image.beam[plane], dtype=np.float64)
        thermal = float(image.sensitivity[plane])
        return cls(beam, image.size, image.cell, image.robust, thermal)


@dataclass(frozen=True, slots=True)
class State:
    """Residual in Jy/beam, model in Jy/pixel, mask of 0 and 1, all (y, x)."""

    residual: NDArray[np.float64]
    model: NDArray[np.float64]
    mask: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cycle:
    """State of cleaning in a plane.

    `peak` is the brightest residual in the mask, and 0 where nothing is to be cleaned; `rms` its
    noise; both in Jy/beam. `flux` is that of the model in Jy, `left` that of the residual in the
    mask.
    """

    peak: float
    rms: float
    flux: float
    left: float


def clean_plane(
    samples: Samples,
    response: Response,
    before: State,
    niter: int,
    gain: float,
    nsigma: float,
    noise: float = 0.0,
) -> tuple[State, Cycle, int]:
    """The plane after a major cycle, what is left in it, and how many components that took.

    `noise` in Jy/beam is known from cycles before: the mask does not grow below it.
    """
    mask = before.mask > 0
    rms = robust_rms(before.residual)
    if not mask.any() and before.residual.max() <= NOISE_LEVEL * rms:
        return before, Cycle(0.0, rms, float(before.model.sum()), 0.0), 0
    spread = _spread(samples, response)
    seen = find_emission(before.residual, mask, spread, noise)
    residual, model, used = before.residual, before.model, 0
    width = float(np.sqrt(response.beam[0] * response.beam[1])) / response.cell
    components = components_of(spread.psf, [radius * width for radius in _RADII])
    for _ in range(2):
        peak = _peak(residual, seen)
        floor = _FLOOR * nsigma * seen.rms
        stop = _threshold(peak, floor)
        added, more = multiscale(residual, components, seen.mask, stop, gain, niter - used)
        model, used = model + added, used + more
        if more:
            residual = _residual(samples, model, response)
            seen = find_emission(residual, seen.mask, spread, noise)
        # The cycle that comes to the noise is the last: what it leaves is cleaned once more.
        if not 2 * floor < _peak(residual, seen) <= nsigma * seen.rms:
            break
    after = Cycle(
        peak=_peak(residual, seen),
        rms=seen.rms,
        flux=float(model.sum()),
        left=float(residual[seen.mask].sum()) / beam_pixels(response.beam, response.cell),
    )
    return State(residual, model, seen.mask.astype(np.float64)), after, used


def _peak(residual: NDArray[np.float64], seen: Emission) -> float:
    return float(np.abs(residual[seen.mask]).max(initial=0.0))


def _spread(samples: Samples, response: Response) -> Spread:
    weights = imaging_weights(samples, response.robust, response.size, response.cell)
    using = transform(samples.u, samples.v, 2 * response.size, response.cell)
    psf = using.to_image(weights.astype(np.complex128)) / weights.sum()
    return Spread(psf, response.beam, response.cell, response.thermal)


def _threshold(peak: float, floor: float) -> float:
    """The brightness in Jy/beam at which a minor cycle stops that begins at this peak.

    What is fainter than the mask's faintest may be sidelobes of what is not masked yet.
    """
    return floor if floor > _IN_REACH * peak else max(floor, FAINTEST * peak)


def _residual(
    samples: Samples, model: NDArray[np.float64], response: Response
) -> NDArray[np.float64]:
    """(y, x) in Jy/beam: the image of what a model in Jy/pixel leaves of samples."""
    weights = imaging_weights(samples, response.robust, response.size, response.cell)
    using = transform(samples.u, samples.v, response.size, response.cell)
    remaining = samples.value - using.to_samples(model)
    residual: NDArray[np.float64] = using.to_image(weights * remaining) / weights.sum()
    return residual
