"""A model and a residual to a restored image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.image import Image, Plane
from radps_dag.workloads.sim.imaging.psf import beam_shape
from radps_dag.workloads.sim.imaging.statistics import has_data

__all__ = ["convolve_with_beam", "convolve_with_psf", "restore", "restored"]

_PARTS: tuple[Plane, Plane] = ("model", "residual")


def convolve_with_beam(
    model: NDArray[np.float64], beam: NDArray[np.float64], cell: float
) -> NDArray[np.float64]:
    """A model (y, x) in Jy/pixel to Jy/beam: convolved with the Gaussian beam of peak 1."""
    size = model.shape[-1]
    steps = np.fft.fftfreq(2 * size, 1.0 / (2 * size))
    a, b, c = beam_shape(beam, cell)
    x, y = steps[np.newaxis, :], steps[:, np.newaxis]
    gaussian = np.exp(-(a * x**2 + 2 * b * x * y + c * y**2))
    return _convolved(model, gaussian)


def convolve_with_psf(model: NDArray[np.float64], psf: NDArray[np.float64]) -> NDArray[np.float64]:
    """A model (y, x) in Jy/pixel to its dirty image in Jy/beam, by a psf (2 y, 2 x)."""
    return _convolved(model, np.fft.ifftshift(psf))


def _convolved(model: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """The kernel has its middle at 0, and is twice as wide: nothing comes back in at the other
    side."""
    size, shape = model.shape[-1], kernel.shape
    spectrum = np.fft.rfft2(model, shape) * np.fft.rfft2(kernel)
    convolved: NDArray[np.float64] = np.fft.irfft2(spectrum, shape)[:size, :size]
    return convolved


def restore(
    model: NDArray[np.float64],
    residual: NDArray[np.float64],
    beam: NDArray[np.float64],
    cell: float,
) -> NDArray[np.float64]:
    """The model (y, x) convolved with the beam, and the residual, in Jy/beam."""
    return residual + convolve_with_beam(model, beam, cell) if model.any() else residual


def restored(image: Image) -> Image:
    """An image with its restored planes."""
    psf = image.planes["psf"]
    planes = np.zeros(psf.shape)
    for plane in np.flatnonzero(has_data(image)).tolist():
        model, residual = (
            np.asarray(image.planes[name][plane], dtype=np.float64) for name in _PARTS
        )
        planes[plane] = restore(model, residual, np.asarray(image.beam[plane]), image.cell)
    return replace(image, planes={**image.planes, "restored": planes})
