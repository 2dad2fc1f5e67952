"""A plane of an image through a major cycle of CLEAN (Schwab 1984, AJ 89, 1076).

A mask is grown around what stands out, a minor cycle takes components there, and the samples say
what these leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image
from radps_dag.workloads.sim.imaging.gridding import Gridding
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

__all__ = ["Cycle", "State", "clean_plane"]

# The floor is lower than asked for: for what the next residual has more than the minor cycle knew
# of, and because the sidelobes of a plateau at nsigma would be noise.
_FLOOR = 0.3
# Radii of components that are not points, in widths of the beam.
_RADII = (1.0, 2.0)
# A minor cycle goes down to the floor at once where that is this share of the brightest.
_IN_REACH = 0.08


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
    image: Image,
    plane: int,
    before: State,
    niter: int,
    gain: float,
    nsigma: float,
    noise: float = 0.0,
) -> tuple[State, Cycle, int]:
    """A plane of an image after a major cycle, what is left in it, and how many components that
    took.

    `noise` in Jy/beam is known from cycles before: the mask does not grow below it.
    """
    mask, size, cell = before.mask > 0, image.size, image.cell
    rms = robust_rms(before.residual)
    if not mask.any() and before.residual.max() <= NOISE_LEVEL * rms:
        return before, Cycle(0.0, rms, float(before.model.sum()), 0.0), 0
    beam = np.asarray(image.beam[plane], dtype=np.float64)
    weights = imaging_weights(samples, image.robust, size, cell)
    total = weights.sum()
    wide = Gridding(samples.u, samples.v, 2 * size, cell)
    psf = wide.to_image(weights.astype(np.complex128)) / total
    using = Gridding(samples.u, samples.v, size, cell)
    spread = Spread(psf, beam, cell, float(image.sensitivity[plane]))
    seen = find_emission(before.residual, mask, spread, noise)
    residual, model, used = before.residual, before.model, 0
    width = float(np.sqrt(beam[0] * beam[1])) / cell
    components = components_of(psf, [radius * width for radius in _RADII])
    for _ in range(2):
        peak = _peak(residual, seen)
        floor = _FLOOR * nsigma * seen.rms
        stop = _threshold(peak, floor)
        added, more = multiscale(residual, components, seen.mask, stop, gain, niter - used)
        model, used = model + added, used + more
        if more:
            residual = using.to_image(weights * (samples.value - using.to_samples(model))) / total
            seen = find_emission(residual, seen.mask, spread, noise)
        # The cycle that comes to the noise is the last: what it leaves is cleaned once more.
        if not 2 * floor < _peak(residual, seen) <= nsigma * seen.rms:
            break
    after = Cycle(
        peak=_peak(residual, seen),
        rms=seen.rms,
        flux=float(model.sum()),
        left=float(residual[seen.mask].sum()) / beam_pixels(beam, cell),
    )
    return State(residual, model, seen.mask.astype(np.float64)), after, used


def _peak(residual: NDArray[np.float64], seen: Emission) -> float:
    return float(np.abs(residual[seen.mask]).max(initial=0.0))


def _threshold(peak: float, floor: float) -> float:
    """The brightness in Jy/beam at which a minor cycle stops that begins at this peak.

    What is fainter than the mask's faintest may be sidelobes of what is not masked yet.
    """
    return floor if floor > _IN_REACH * peak else max(floor, FAINTEST * peak)
