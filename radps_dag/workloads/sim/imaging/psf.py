"""The point spread function to its main lobe: the beam, and the level of the sidelobes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.imaging.regions import connected

__all__ = ["NO_BEAM", "NoBeam", "beam_pixels", "beam_shape", "fit_beam"]

_FWHM = 2.0 * np.sqrt(2.0 * np.log(2.0))
# The main lobe is not a Gaussian further down.
_FIT_ABOVE = 0.35
_STEPS = 20
NO_BEAM = np.zeros(3)


class NoBeam(ValueError):
    """A point spread function whose middle is not a peak."""


def fit_beam(psf: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    """(3,) major and minor full width at half maximum and position angle, all in rad.

    The Gaussian of peak 1 that fits the psf (y, x) best in the main lobe above 0.35, by Gauss and
    Newton from the fit of its logarithm. The angle is from north through east, from 0 to pi.
    Raises NoBeam where the main lobe is not a peak, as with a single baseline.
    """
    rows, columns = np.nonzero(_main_lobe(psf))
    y, x = rows - psf.shape[0] // 2, columns - psf.shape[1] // 2
    values = psf[rows, columns]
    if min(np.ptp(y), np.ptp(x)) < 2 or max(np.ptp(y), np.ptp(x)) >= psf.shape[0] - 1:
        raise NoBeam(
            "the point spread function has no main lobe that a beam could be fitted to; take more "
            "antennas, more pixels, or data of which less is flagged"
        )
    terms = np.stack([x * x, 2 * x * y, y * y]).astype(np.float64)
    form = _solved(terms, -np.log(values), values**2)
    for _ in range(_STEPS):
        model = np.exp(-np.einsum("k,kn->n", form, terms))
        form = form - _solved(terms * model, values - model, np.ones_like(values))
    return _beam_of(form, cell)


def beam_shape(beam: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    """(3,) a, b, c of the beam exp(-(a x^2 + 2 b x y + c y^2)), in pixels, x to the west."""
    major, minor = 4.0 * np.log(2.0) * (cell / beam[:2]) ** 2
    sine, cosine = np.sin(beam[2]), np.cos(beam[2])
    # The major axis points to (x, y) = (-sin, cos): x grows against east.
    return np.array(
        [
            major * sine**2 + minor * cosine**2,
            (minor - major) * sine * cosine,
            major * cosine**2 + minor * sine**2,
        ]
    )


def beam_pixels(beam: NDArray[np.float64], cell: float) -> float:
    """Pixels in the beam's solid angle."""
    return float(2.0 * np.pi / _FWHM**2 * beam[0] * beam[1] / cell**2)


def _main_lobe(psf: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask of the main lobe: where a psf (y, x) is high around its centre without a break."""
    middle = np.zeros(psf.shape, dtype=bool)
    middle[psf.shape[0] // 2, psf.shape[1] // 2] = True
    return connected(psf > _FIT_ABOVE, middle)


def _solved(
    terms: NDArray[np.float64], values: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least squares by normal equations of three unknowns."""
    matrix = np.einsum("in,jn,n->ij", terms, terms, weights)
    return np.linalg.solve(matrix, np.einsum("in,n,n->i", terms, values, weights))


def _beam_of(form: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    a, b, c = form
    spread = np.hypot(a - c, 2 * b) / 2
    narrow, wide = (a + c) / 2 + spread, (a + c) / 2 - spread
    if not wide > 0:
        raise NoBeam("the point spread function's main lobe is not a Gaussian; take more antennas")
    # tan 2pa, as beam_shape has it: b = (minor - major) sin cos, c - a = (major - minor) cos 2pa.
    angle = 0.5 * np.arctan2(2 * b, a - c)
    major, minor = (2.0 * np.sqrt(np.log(2.0) / axis) * cell for axis in (wide, narrow))
    return np.array([major, minor, angle % np.pi])
