"""Minor cycles of CLEAN: of the whole image (Hogbom 1974, A&AS 15, 417), and in a mask with
components of several sizes (Cornwell 2008, IEEE J-STSP 2, 793).

A component is a point, or a round blob as wide as some beams. Of points alone an extended source
would leave a plateau of residual: too faint for a pixel of it to be cleaned, but not for all of it.
As with Clark (1980, A&A 89, 377), components are taken from the pixels of the mask alone, and what
that does elsewhere is for the major cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.imaging.regions import dilated

__all__ = ["Components", "components_of", "hogbom", "multiscale", "points_of"]

_Plane = NDArray[np.float64]
# Blobs are taken where they stand out by so much more than a point: where both explain the data,
# the point's is the sharper image. Measured: without, peaks of a core in a cloud are 5 % low.
_POINTS_FIRST = 0.75
# A blob of which baselines see less than this share of its power is too wide for them.
_LEAST_SEEN = 0.02


@dataclass(frozen=True, slots=True)
class Components:
    """Components of a model, the point first, and how the samples see them.

    What a component is compared by is the residual seen through its own shape, over its norm: of
    points and blobs of equal signal to noise that of the point is greater.

    Attributes:
        radii: in pixels, 0 of the point
        shapes: (n, n) each, n odd, of sum 1: Jy/pixel of a component of 1 Jy
        transforms: of the shapes, on a grid twice as wide as the image
        norms: of what is seen through a shape
        responses: (2 y, 2 x), what one component takes from another, around the middle
    """

    radii: tuple[float, ...]
    shapes: tuple[_Plane, ...]
    transforms: tuple[NDArray[np.complex128], ...]
    norms: tuple[float, ...]
    responses: dict[tuple[int, int], _Plane]


def points_of(psf: _Plane) -> Components:
    """Points alone, as a psf (2 y, 2 x) of peak 1 shows them."""
    return Components((0.0,), (np.ones((1, 1)),), (np.ones(1, complex),), (1.0,), {(0, 0): psf})


def components_of(psf: _Plane, radii: Sequence[float]) -> Components:
    """A point, and blobs with these radii in pixels, as a psf (2 y, 2 x) of peak 1 shows them.

    Blobs that are wider than the image, or that the baselines do not see, are left out.
    """
    spread = np.fft.rfft2(np.fft.ifftshift(psf))
    taken, shapes, transforms, norms = [0.0], [np.ones((1, 1))], [np.ones_like(spread)], [1.0]
    for radius in radii:
        shape = _blob(radius)
        if 2 * shape.shape[0] > min(psf.shape):
            continue
        seen = _transform(shape, psf.shape)
        power = float(np.fft.irfft2(spread * seen**2, psf.shape)[0, 0])
        if power > _LEAST_SEEN:
            taken.append(radius)
            shapes.append(shape)
            transforms.append(seen)
            norms.append(float(np.sqrt(power)) / _POINTS_FIRST)
    responses = {}
    for scale in range(len(shapes)):
        for other in range(scale, len(shapes)):
            between = np.fft.irfft2(spread * transforms[scale] * transforms[other], psf.shape)
            between = np.fft.fftshift(between) / (norms[scale] * norms[other])
            responses[scale, other] = responses[other, scale] = between
    return Components(tuple(taken), tuple(shapes), tuple(transforms), tuple(norms), responses)


def multiscale(
    residual: _Plane,
    components: Components,
    mask: NDArray[np.bool_],
    threshold: float,
    gain: float,
    niter: int,
) -> tuple[_Plane, int]:
    """The model in Jy/pixel (y, x), and the number of iterations.

    Each takes `gain` of what stands out most of the residual (y, x), until that is at the threshold
    in Jy/beam, which for blobs is lower, as the noise of a mean is. Blobs lie in the mask as a
    whole.
    """
    places = [
        _places(components, number, residual, mask, threshold)
        for number in range(len(components.shapes))
    ]
    rows, columns, remaining = (np.concatenate(part) for part in zip(*places, strict=True))
    ends = np.cumsum([0, *(row.size for row, _, _ in places)])
    parts = [slice(*pair) for pair in pairwise(ends.tolist())]
    flat = {pair: response.ravel() for pair, response in components.responses.items()}
    width = 2 * residual.shape[1]
    place, middle = rows * width + columns, residual.shape[0] * width + residual.shape[1]
    # Wider by the widest blob, so that none has to be cut.
    edge = max(shape.shape[0] // 2 for shape in components.shapes)
    model = np.zeros(tuple(size + 2 * edge for size in residual.shape))
    iteration = 0
    while remaining.size and iteration < niter:
        at = int(np.abs(remaining).argmax())
        if abs(remaining[at]) <= threshold:
            break
        chosen = int(np.searchsorted(ends, at, side="right")) - 1
        taken = gain * remaining[at] / flat[chosen, chosen][middle]
        shape = components.shapes[chosen]
        y, x = (int(where[at]) + edge - shape.shape[0] // 2 for where in (rows, columns))
        there = (slice(y, y + shape.shape[0]), slice(x, x + shape.shape[1]))
        model[there] += taken / components.norms[chosen] * shape
        for number, part in enumerate(parts):
            remaining[part] -= taken * flat[chosen, number][place[part] + (middle - place[at])]
        iteration += 1
    return model[edge : edge + residual.shape[0], edge : edge + residual.shape[1]], iteration


def hogbom(
    residual: _Plane,
    psf: _Plane,
    threshold: float,
    gain: float,
    niter: int,
) -> tuple[_Plane, _Plane, int]:
    """Take components off a residual (y, x) until its brightest is at the threshold in Jy/beam.

    Each iteration takes `gain` of what is brightest; what is negative stays. The psf (2 y, 2 x) is
    twice as wide, so that it reaches from each pixel to each other. Returns the components in
    Jy/pixel, what is left in Jy/beam, and the number of iterations.
    """
    remaining, model = residual.astype(np.float64), np.zeros(residual.shape)
    size_y, size_x = residual.shape
    for iteration in range(niter):
        at = int(remaining.argmax())
        y, x = divmod(at, size_x)
        if remaining[y, x] <= threshold:
            return model, remaining, iteration
        flux = gain * remaining[y, x]
        model[y, x] += flux
        remaining -= flux * psf[size_y - y : 2 * size_y - y, size_x - x : 2 * size_x - x]
    return model, remaining, niter


def _places(
    components: Components,
    number: int,
    residual: _Plane,
    mask: NDArray[np.bool_],
    threshold: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64], _Plane]:
    """Rows and columns where a component may be, and what stands out there."""
    seen, inside = np.asarray(residual, dtype=np.float64), mask
    if number:
        shape = components.responses[0, 0].shape
        seen = np.fft.irfft2(np.fft.rfft2(residual, shape) * components.transforms[number], shape)
        seen = seen[: residual.shape[0], : residual.shape[1]] / components.norms[number]
        inside = ~dilated(~mask, components.radii[number])
    rows, columns = np.nonzero(inside & (np.abs(seen) > threshold))
    return rows, columns, seen[rows, columns]


def _blob(radius: float) -> _Plane:
    """(1 - r^2 / radius^2)^2 within a radius in pixels, of sum 1: smooth, and with an end."""
    reach = max(0, int(np.ceil(radius)) - 1)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    shape = np.maximum(0.0, 1.0 - (x**2 + y**2) / radius**2) ** 2
    blob: _Plane = shape / shape.sum()
    return blob


def _transform(shape: _Plane, size: tuple[int, ...]) -> NDArray[np.complex128]:
    """Transform of a blob with its middle at the origin."""
    padded = np.zeros(size)
    padded[: shape.shape[0], : shape.shape[1]] = shape
    half = shape.shape[0] // 2
    seen: NDArray[np.complex128] = np.fft.rfft2(np.roll(padded, (-half, -half), axis=(0, 1)))
    return seen
