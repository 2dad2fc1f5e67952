"""Visibilities to a dirty image, and a major cycle of CLEAN on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image, Mode, Plane
from radps_dag.workloads.sim.imaging.clark import clark
from radps_dag.workloads.sim.imaging.fast import transform
from radps_dag.workloads.sim.imaging.gridding import Transform
from radps_dag.workloads.sim.imaging.masking import grow_mask
from radps_dag.workloads.sim.imaging.psf import NO_BEAM, beam_pixels, fit_beam, sidelobe_level
from radps_dag.workloads.sim.imaging.restoring import convolve_with_psf
from radps_dag.workloads.sim.imaging.samples import Samples, join, to_samples
from radps_dag.workloads.sim.imaging.statistics import has_data, robust_rms
from radps_dag.workloads.sim.imaging.weighting import imaging_weights, sensitivity
from radps_dag.workloads.sim.visibilities import Floats, Visibilities

__all__ = ["Cycle", "major_cycle", "make_dirty", "where_to_clean"]

_SMALLEST = 16
# A minor cycle stops at half of the sidelobes of the brightest, or at this share of it.
_CYCLE_FACTOR = 0.5
_LEAST_FALL = 0.05
# It cleans deeper than asked for: for what the next residual has more than it knew of, and
# because the sidelobes of a plateau at nsigma would be noise.
_MARGIN = 0.375
# How what is in the mask is taken off on trial: to this times the thermal noise.
_TRIAL_DEPTH = 1.0
_TRIAL_GAIN = 0.2
_TRIAL = 500


@dataclass(frozen=True, slots=True)
class Cycle:
    """What may be cleaned in a plane: of a residual after a major cycle.

    `peak` is its brightest in the mask, and 0 where nothing is to be cleaned; `rms` its noise; both
    in Jy/beam. `flux` is that of the model in Jy, `left` that of the residual in the mask.
    """

    peak: float
    rms: float
    flux: float
    left: float


def make_dirty(
    visibilities: Sequence[Visibilities],
    highest: Sequence[float],
    mode: Mode,
    cell: float,
    size: int,
    robust: float,
) -> Image:
    """A dirty image of visibilities of one field, some channels of one spw or more.

    `highest` are the highest frequencies in Hz of the whole spws. A cube has a plane for each
    channel, in the order of frequency, weighted by itself, so that it does not matter which are
    made together. A plane without unflagged visibilities is blank: all 0.
    Raises ValueError where there are none at all, and for sizes that cannot be.
    """
    if size < _SMALLEST or size % 2:
        raise ValueError(f"pixels must be an even number of at least {_SMALLEST}, not {size}")
    samples = _planes(visibilities, highest, mode, cell * size / 2)
    if not any(one.value.size for one in samples):
        names = ", ".join(vis.name for vis in visibilities)
        raise ValueError(f"all visibilities of {names} are flagged: there is nothing to image")
    made = [_dirty_plane(one, robust, size, cell) for one in samples]
    psf, dirty, beam, noise, frequency = (np.array(part) for part in zip(*made, strict=True))
    blank = np.zeros_like(dirty)
    if mode == "cube":
        frequency = np.array([vis.frequency[at] for vis, at in _channels(visibilities)])
    return Image(
        field=visibilities[0].field,
        spws=tuple(vis.spw for vis in visibilities),
        mode=mode,
        channels={vis.spw: tuple(vis.channels.tolist()) for vis in visibilities},
        frequency=frequency,
        cell=cell,
        direction=visibilities[0].direction,
        robust=robust,
        planes={"psf": psf, "dirty": dirty, "residual": dirty, "model": blank, "mask": blank},
        beam=beam,
        sensitivity=noise,
        gridder=_gridder(),
    )


def major_cycle(
    image: Image,
    visibilities: Sequence[Visibilities],
    highest: Sequence[float],
    niter: int,
    gain: float,
    nsigma: float,
) -> tuple[Image, list[Cycle]]:
    """Clean one major cycle: components of each plane, subtracted from the visibilities.

    `niter` is of each plane. The visibilities are those that the image was made of.
    Returns the image with its new residual, model and mask, and what is left in each plane.
    """
    samples = _planes(visibilities, highest, image.mode, image.cell * image.size / 2)
    if len(samples) != len(image.frequency):
        raise ValueError(f"the image has {len(image.frequency)} planes, the data {len(samples)}")
    psf = image.planes["psf"].astype(np.float64)
    residual = image.planes["residual"].astype(np.float64)
    model = image.planes["model"].astype(np.float64)
    mask = image.planes["mask"] > 0
    left, spent = [], 0
    for plane in np.flatnonzero(has_data(image)).tolist():
        thermal = float(image.sensitivity[plane])
        sidelobes, width = _response(image, psf[plane], plane)
        lone = _without_sidelobes(residual[plane], psf[plane], mask[plane], thermal)
        mask[plane] = grow_mask(residual[plane], lone, mask[plane], sidelobes, width)
        rms = robust_rms(_without_sidelobes(residual[plane], psf[plane], mask[plane], thermal))
        peak = float(np.abs(residual[plane][mask[plane]]).max(initial=0.0))
        stop = max(_MARGIN * nsigma * rms, max(_CYCLE_FACTOR * sidelobes, _LEAST_FALL) * peak)
        found, used = clark(residual[plane], psf[plane], mask[plane], stop, gain, niter)
        spent += used
        if used:
            model[plane] += found
            residual[plane] = _residual(samples[plane], model[plane], image)
            lone = _without_sidelobes(residual[plane], psf[plane], mask[plane], thermal)
            rms = robust_rms(lone)
            mask[plane] = grow_mask(residual[plane], lone, mask[plane], sidelobes, width)
        within = residual[plane][mask[plane]]
        beam = beam_pixels(image.beam[plane], image.cell)
        peak = float(np.abs(within).max(initial=0.0))
        left.append(Cycle(peak, rms, float(model[plane].sum()), float(within.sum()) / beam))
    entry = {**_entry(left), "cycle": len(image.history) + 1.0, "iterations": float(spent)}
    planes: dict[Plane, Floats] = {
        **image.planes,
        "residual": residual,
        "model": model,
        "mask": mask.astype(np.float64),
    }
    return replace(image, planes=planes, history=(*image.history, entry)), left


def where_to_clean(left: Sequence[Cycle]) -> Cycle:
    """Of all planes the one whose brightest residual is the most above its noise."""
    return max(left, key=lambda plane: plane.peak / plane.rms if plane.rms > 0 else 0.0)


def _without_sidelobes(
    residual: NDArray[np.float64],
    psf: NDArray[np.float64],
    mask: NDArray[np.bool_],
    thermal: float,
) -> NDArray[np.float64]:
    """A residual (y, x) in Jy/beam without what is in the mask: the mask is cleaned on trial.

    With few baselines the sidelobes of what is to be cleaned are most of the residual until all is
    clean: they would pass for noise, and for emission.
    """
    model, used = clark(residual, psf, mask, _TRIAL_DEPTH * thermal, _TRIAL_GAIN, _TRIAL)
    return residual - convolve_with_psf(model, psf) if used else residual


def _entry(left: Sequence[Cycle]) -> dict[str, float]:
    worst = where_to_clean(left)
    flux = sum(plane.flux for plane in left)
    return {"peak": worst.peak, "rms": worst.rms, "flux": flux}


def _response(image: Image, psf: NDArray[np.float64], plane: int) -> tuple[float, float]:
    """The sidelobes' level, and the width of the beam in pixels."""
    width = float(np.sqrt(image.beam[plane][0] * image.beam[plane][1])) / image.cell
    return sidelobe_level(psf), width


def _channels(visibilities: Sequence[Visibilities]) -> list[tuple[Visibilities, int]]:
    """All channels in the order of frequency: the visibilities, and the place in them."""
    every = [(vis, at) for vis in visibilities for at in range(vis.frequency.size)]
    return sorted(every, key=lambda one: (one[0].frequency[one[1]], one[0].spw, one[1]))


def _planes(
    visibilities: Sequence[Visibilities], highest: Sequence[float], mode: Mode, radius: float
) -> list[Samples]:
    """The samples of each plane of an image with this radius in rad."""
    averaged = {
        vis.spw: to_samples(vis, radius, top)
        for vis, top in zip(visibilities, highest, strict=True)
    }
    every = [averaged[vis.spw][at] for vis, at in _channels(visibilities)]
    return every if mode == "cube" else [join(every)] if every else []


def _dirty_plane(
    samples: Samples, robust: float, size: int, cell: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], float, float]:
    """Psf, dirty image, beam, sensitivity, frequency."""
    if samples.value.size == 0:
        blank = np.zeros((size, size))
        return blank, blank, NO_BEAM, 0.0, 0.0
    weights = imaging_weights(samples, robust, size, cell)
    using = transform(samples.u, samples.v, size, cell)
    total = weights.sum()
    psf = using.to_image(weights.astype(np.complex128)) / total
    dirty = using.to_image(weights * samples.value) / total
    frequency = float((weights * samples.frequency).sum() / total)
    return psf, dirty, fit_beam(psf, cell), sensitivity(samples, weights), frequency


def _residual(samples: Samples, model: NDArray[np.float64], image: Image) -> NDArray[np.float64]:
    """The image of what a model (y, x) in Jy/pixel leaves of samples."""
    weights = imaging_weights(samples, image.robust, image.size, image.cell)
    using: Transform = transform(samples.u, samples.v, image.size, image.cell)
    left = samples.value - using.to_samples(model)
    found: NDArray[np.float64] = using.to_image(weights * left) / weights.sum()
    return found


def _gridder() -> str:
    return transform(np.zeros(0), np.zeros(0), _SMALLEST, 0.0).gridder
