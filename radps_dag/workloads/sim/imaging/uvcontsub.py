"""Visibilities to those of lines alone: a polynomial in frequency, fitted where there is no line.

For each time, baseline and polarization by itself, as Cornwell, Uson & Haddad 1992 (A&A 258, 583)
do: a continuum source far from the phase centre turns its phase with frequency, which a low order
follows while delay times bandwidth is small. Sources 4 arcsec off leave up to a hundredth with
order 1 on 600 m.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.imaging.gridding import Gridding
from radps_dag.workloads.sim.imaging.samples import join, to_samples
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Complexes, Visibilities

__all__ = ["brightest_direction", "residual_continuum", "subtract_polynomial"]

# Parts of the band in which what the fit leaves is looked at.
_PARTS = 4
_PIXELS = 128


def subtract_polynomial(
    vis: Visibilities, line_free: NDArray[np.bool_], order: int
) -> tuple[Visibilities, Visibilities]:
    """The visibilities without their continuum, and the continuum that was subtracted.

    `line_free` (f,) are the channels to fit. Where a time, baseline and polarization has fewer of
    them than the polynomial has coefficients, nothing can be told, and it is flagged.
    Raises ValueError where no channel is line-free, or not enough of them for the order.
    """
    if line_free.sum() <= order:
        raise ValueError(
            f"{vis.name} has {int(line_free.sum())} line-free channels: too few for a fit of "
            f"order {order}"
        )
    good = ~vis.flag & line_free[np.newaxis, np.newaxis, :, np.newaxis]
    weight = np.where(good, vis.weight, 0.0).astype(np.float64)
    data = np.where(vis.flag, 0.0, vis.data).astype(np.complex128)
    if not (np.isfinite(data).all() and np.isfinite(weight).all()):
        raise ValueError(f"{vis.name} has data or weights that are no numbers and not flagged")
    terms = _terms(vis.frequency, line_free, order)  # (k, f)
    matrix = np.einsum("if,jf,tbfp->tbpij", terms, terms, weight)
    right = np.einsum("if,tbfp->tbpi", terms, weight * data)
    # Channels that weigh next to nothing beside the others do not count.
    counted = (weight > 1e-6 * weight.max(axis=2, keepdims=True)).sum(axis=2)
    fitted = counted > order
    matrix = np.where(fitted[..., np.newaxis, np.newaxis], matrix, np.eye(order + 1))
    coefficients = np.linalg.solve(matrix, np.where(fitted[..., np.newaxis], right, 0)[..., None])
    continuum = np.einsum("tbpi,if->tbfp", coefficients[..., 0], terms)
    flag = vis.flag | ~fitted[:, :, np.newaxis, :]
    line = np.where(vis.flag, 0.0, data - continuum)
    return (
        replace(vis, data=_as(line, vis.data), flag=flag),
        replace(vis, data=_as(continuum, vis.data), flag=flag),
    )


def residual_continuum(
    line: Visibilities, line_free: NDArray[np.bool_], direction: tuple[float, float]
) -> float:
    """Measure the continuum left towards a direction (l, m) in rad, where there is no line.

    In each of four parts of the line-free channels: the weighted mean of the real part, turned to
    the direction, over its error, which is taken from the scatter between baselines and times. So
    whatever the fit has taken of the noise is out of both. Returns the rms of the parts, which is
    about 1 where noise alone is left.
    """
    l, m = direction  # noqa: E741  # as every paper calls it
    waves = line.frequency / SPEED_OF_LIGHT
    paths = (line.uvw[:, :, 0] * l + line.uvw[:, :, 1] * m)[..., np.newaxis] * waves
    weight = np.where(line.flag, 0.0, line.weight).astype(np.float64)
    turned = np.where(line.flag, 0.0, line.data) * np.exp(2j * np.pi * paths)[..., np.newaxis]
    ratios = []
    for channels in np.array_split(np.flatnonzero(line_free), _PARTS):
        total = weight[:, :, channels].sum(axis=2)
        of_row = (weight * turned.real)[:, :, channels].sum(axis=2)
        if (total > 0).sum() > 1:
            mean = of_row.sum() / total.sum()
            error = np.sqrt(((of_row - mean * total) ** 2).sum()) / total.sum()
            ratios.append(float(mean / error) if error > 0 else 0.0)
    return float(np.sqrt(np.mean(np.square(ratios)))) if ratios else 0.0


def brightest_direction(vis: Visibilities, cell: float) -> tuple[float, float]:
    """(l, m) in rad of the brightest pixel of a small image with these pixels in rad."""
    reach = cell * _PIXELS / 2
    samples = join(to_samples(vis, reach, float(vis.frequency.max())))
    image = Gridding(samples.u, samples.v, _PIXELS, cell).to_image(samples.weight * samples.value)
    row, column = divmod(int(image.argmax()), _PIXELS)
    return (_PIXELS // 2 - column) * cell, (row - _PIXELS // 2) * cell


def _as(values: NDArray[np.complex128], like: Complexes) -> Complexes:
    return values.astype(np.complex64) if like.dtype == np.complex64 else values


def _terms(
    frequency: NDArray[np.floating], line_free: NDArray[np.bool_], order: int
) -> NDArray[np.float64]:
    """(k, f) Legendre polynomials, over the line-free part of the band from -1 to 1."""
    fitted = np.asarray(frequency[line_free], dtype=np.float64)
    middle, half = (fitted.max() + fitted.min()) / 2, (fitted.max() - fitted.min()) / 2
    position = (np.asarray(frequency, dtype=np.float64) - middle) / (half or 1.0)
    terms: NDArray[np.float64] = np.polynomial.legendre.legvander(position, order).T
    return terms
