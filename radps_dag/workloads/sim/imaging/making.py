"""Visibilities to a dirty image, and a major cycle of CLEAN on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image, Mode, Plane
from radps_dag.workloads.sim.imaging.cycles import Cycle, State, clean_plane
from radps_dag.workloads.sim.imaging.gridding import Gridding
from radps_dag.workloads.sim.imaging.psf import NO_BEAM, NoBeam, fit_beam
from radps_dag.workloads.sim.imaging.samples import Samples, join, to_samples
from radps_dag.workloads.sim.imaging.statistics import has_data
from radps_dag.workloads.sim.imaging.weighting import imaging_weights, sensitivity
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["major_cycle", "make_dirty", "where_to_clean"]

_SMALLEST = 16
# Of the widest, far outside of any primary beam, the grid alone takes a gigabyte.
_LARGEST = 2048
_CHANGED: tuple[Plane, ...] = ("residual", "model", "mask")


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
    if not _SMALLEST <= size <= _LARGEST or size % 2:
        raise ValueError(f"pixels must be an even number of {_SMALLEST} to {_LARGEST}, not {size}")
    if not -2 <= robust <= 2:
        raise ValueError(f"robust must be -2 to 2, not {robust}")
    samples = _planes(visibilities, highest, mode, cell * size / 2)
    if not any(sample.value.size for sample in samples):
        names = ", ".join(vis.name for vis in visibilities)
        raise ValueError(f"all visibilities of {names} are flagged: there is nothing to image")
    try:
        made = [_dirty_plane(sample, robust, size, cell) for sample in samples]
    except NoBeam as error:
        raise ValueError(f"{_left_of(visibilities)}: {error}") from error
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
        diameter=visibilities[0].antennas.diameter,
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
        raise ValueError(
            f"the image has {len(image.frequency)} planes, the visibilities {len(samples)}; it must"
            " be of them"
        )
    cycles, planes, spent = [], dict(image.planes), 0
    # Planes of a cube are of noise of their own, which is thermal; only the continuum is so bright
    # that calibration is what limits it.
    masked = image.mode == "continuum" and len(image.history) > 0
    noise = image.history[0]["rms"] if masked else 0.0
    changed = {name: np.array(planes[name], dtype=np.float64) for name in _CHANGED}
    for plane in np.flatnonzero(has_data(image)).tolist():
        before = State(*(changed[name][plane] for name in _CHANGED))
        after, cycle, used = clean_plane(
            samples[plane], image, plane, before, niter, gain, nsigma, noise
        )
        for name, values in zip(_CHANGED, (after.residual, after.model, after.mask), strict=True):
            changed[name][plane] = values
        spent += used
        cycles.append(cycle)
    planes.update(changed)
    entry = {**_entry(cycles), "cycle": len(image.history) + 1.0, "iterations": float(spent)}
    return replace(image, planes=planes, history=(*image.history, entry)), cycles


def where_to_clean(cycles: Sequence[Cycle]) -> Cycle:
    """Pick the plane whose brightest residual is the most above its noise."""
    return max(cycles, key=lambda plane: plane.peak / plane.rms if plane.rms > 0 else 0.0)


def _entry(cycles: Sequence[Cycle]) -> dict[str, float]:
    worst = where_to_clean(cycles)
    flux = sum(plane.flux for plane in cycles)
    return {"peak": worst.peak, "rms": worst.rms, "flux": flux}


def _channels(visibilities: Sequence[Visibilities]) -> list[tuple[Visibilities, int]]:
    """All channels in the order of frequency: the visibilities, and the place in them."""
    every = [(vis, at) for vis in visibilities for at in range(vis.frequency.size)]
    return sorted(
        every, key=lambda channel: (channel[0].frequency[channel[1]], channel[0].spw, channel[1])
    )


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
    using = Gridding(samples.u, samples.v, size, cell)
    total = weights.sum()
    psf = using.to_image(weights.astype(np.complex128)) / total
    dirty = using.to_image(weights * samples.value) / total
    frequency = float((weights * samples.frequency).sum() / total)
    return psf, dirty, fit_beam(psf, cell), sensitivity(samples, weights), frequency


def _left_of(visibilities: Sequence[Visibilities]) -> str:
    """Describe the data that are left to image."""
    names = ", ".join(vis.name for vis in visibilities)
    good = max(int((~vis.flag).any(axis=(0, 2, 3)).sum()) for vis in visibilities)
    share = float(np.mean([vis.flagged_fraction for vis in visibilities]))
    return f"{names} has data of {good} baselines, {share:.0%} of them flagged"
