"""A plane of an image through a major cycle of CLEAN (Schwab 1984, AJ 89, 1076).

A mask is grown around what stands out, a minor cycle takes components there, and the samples say
what these leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.imaging.clark import clark
from radps_dag.workloads.sim.imaging.fast import transform
from radps_dag.workloads.sim.imaging.masking import grow_mask
from radps_dag.workloads.sim.imaging.psf import beam_pixels, sidelobe_level
from radps_dag.workloads.sim.imaging.restoring import convolve_with_psf
from radps_dag.workloads.sim.imaging.samples import Samples
from radps_dag.workloads.sim.imaging.statistics import robust_rms
from radps_dag.workloads.sim.imaging.weighting import imaging_weights

__all__ = ["Cycle", "Response", "State", "clean_plane", "what_is_left"]

# A minor cycle stops at half of the sidelobes of the brightest, or at this share of it.
_CYCLE_FACTOR = 0.5
_LEAST_FALL = 0.05
# It goes down to the floor where that is this share of the brightest.
_IN_REACH = 0.08
# The floor is lower than asked for: for what the next residual has more than the minor cycle knew
# of, and because the sidelobes of a plateau at nsigma would be noise.
_FLOOR = 0.3
# How what is in the mask is taken off on trial: to this times the thermal noise.
_TRIAL_DEPTH = 1.0
_TRIAL_GAIN = 0.2
_TRIAL = 500


@dataclass(frozen=True, slots=True)
class Response:
    """What a plane shows of a point source, and how much noise it must have.

    Attributes:
        psf: (y, x) of peak 1
        beam: (3,) as in Image
        size: width and height in pixels
        cell: width of a pixel in rad
        robust: Briggs' weighting
        thermal: noise expected in Jy/beam
        sidelobes: their level
    """

    psf: NDArray[np.float64]
    beam: NDArray[np.float64]
    size: int
    cell: float
    robust: float
    thermal: float
    sidelobes: float

    @classmethod
    def of_plane(cls, image: Image, plane: int) -> Response:
        """That of a plane of an image."""
        psf = np.asarray(image.planes["psf"][plane], dtype=np.float64)
        beam = np.asarray(image.beam[plane], dtype=np.float64)
        return cls(
            psf,
            beam,
            image.size,
            image.cell,
            image.robust,
            float(image.sensitivity[plane]),
            sidelobe_level(psf, beam, image.cell),
        )

    @property
    def width(self) -> float:
        """Full width of the beam at half maximum in pixels, the mean of its axes."""
        return float(np.sqrt(self.beam[0] * self.beam[1])) / self.cell


@dataclass(frozen=True, slots=True)
class State:
    """Residual in Jy/beam, model in Jy/pixel, mask of 0 and 1, all (y, x)."""

    residual: NDArray[np.float64]
    model: NDArray[np.float64]
    mask: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Cycle:
    """What may still be cleaned in a plane.

    `peak` is the brightest residual in the mask, and 0 where nothing is to be cleaned; `rms` its
    noise; both in Jy/beam. `flux` is that of the model in Jy, `left` that of the residual in the
    mask.
    """

    peak: float
    rms: float
    flux: float
    left: float


def clean_plane(
    samples: Samples, response: Response, before: State, niter: int, gain: float, nsigma: float
) -> tuple[State, int]:
    """The plane after a major cycle, and how many components that took."""
    mask = _grown(before.residual, before.mask > 0, response)
    rms = robust_rms(_without_sidelobes(before.residual, mask, response))
    peak = float(np.abs(before.residual[mask]).max(initial=0.0))
    stop = _threshold(peak, _FLOOR * nsigma * rms, response.sidelobes)
    found, used = clark(before.residual, response.psf, mask, stop, gain, niter)
    model, residual = before.model + found, before.residual
    if used:
        residual = _residual(samples, model, response)
        mask = _grown(residual, mask, response)
    return State(residual, model, mask.astype(np.float64)), used


def what_is_left(state: State, response: Response) -> Cycle:
    """Of a plane after a major cycle."""
    mask = state.mask > 0
    within = state.residual[mask]
    return Cycle(
        peak=float(np.abs(within).max(initial=0.0)),
        rms=robust_rms(_without_sidelobes(state.residual, mask, response)),
        flux=float(state.model.sum()),
        left=float(within.sum()) / beam_pixels(response.beam, response.cell),
    )


def _grown(
    residual: NDArray[np.float64], mask: NDArray[np.bool_], response: Response
) -> NDArray[np.bool_]:
    lone = _without_sidelobes(residual, mask, response)
    return grow_mask(residual, lone, mask, response.sidelobes, response.width)


def _threshold(peak: float, floor: float, sidelobes: float) -> float:
    """Where in Jy/beam a minor cycle stops that begins at this peak: the floor is for the last."""
    if floor > _IN_REACH * peak:
        return floor
    return max(floor, max(_CYCLE_FACTOR * sidelobes, _LEAST_FALL) * peak)


def _without_sidelobes(
    residual: NDArray[np.float64], mask: NDArray[np.bool_], response: Response
) -> NDArray[np.float64]:
    """A residual (y, x) in Jy/beam without what is in the mask: the mask is cleaned on trial.

    With few baselines the sidelobes of what is to be cleaned are most of the residual until all is
    clean: they would pass for noise, and for emission.
    """
    depth = _TRIAL_DEPTH * response.thermal
    model, used = clark(residual, response.psf, mask, depth, _TRIAL_GAIN, _TRIAL)
    return residual - convolve_with_psf(model, response.psf) if used else residual


def _residual(
    samples: Samples, model: NDArray[np.float64], response: Response
) -> NDArray[np.float64]:
    """(y, x) in Jy/beam: the image of what a model in Jy/pixel leaves of samples."""
    weights = imaging_weights(samples, response.robust, response.size, response.cell)
    using = transform(samples.u, samples.v, response.size, response.cell)
    left = samples.value - using.to_samples(model)
    residual: NDArray[np.float64] = using.to_image(weights * left) / weights.sum()
    return residual
