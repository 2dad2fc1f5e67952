"""A dirty cube to a spectrum, and a spectrum to its line-free channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.imaging.statistics import robust_rms
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT

__all__ = [
    "channels_of",
    "clip_once",
    "emission_region",
    "mask_lines",
    "mean_spectrum",
    "ranges_of",
]

# What stands out of the noise of a plane by this much, in some channel, is emission.
_EMISSION = 5.0
# Where a line is, its faintest parts add more noise than signal.
_OF_PEAK = 0.3
# Full width in m/s that a line of the catalogue is taken to have.
_LINE_WIDTH = 200e3
# Of the brightest line: what deviates less, and to the other side, is the continuum.
_NO_LINE = 0.4
_WING = 0.12  # of the brightest line: what is next to a line and brighter belongs to it
# Variance of the continuum's fit over that of a channel, up to which channels may be clipped.
_EXTRAPOLATED = 0.5
# Of fewer channels a slope would follow the noise.
_FOR_A_SLOPE = 8


def emission_region(cube: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(y, x) where a dirty cube (c, y, x) in Jy/beam has emission.

    That of lines, where there is any: what differs from the median of the channels, which is the
    continuum with all its sidelobes. The brightest continuum otherwise.
    """
    continuum = np.median(cube, axis=0)
    excess = np.abs(cube - continuum)
    noise = np.array([robust_rms(plane) for plane in cube - continuum])
    noise = np.where(noise > 0, noise, np.inf)[:, np.newaxis, np.newaxis]
    standing_out = (excess / noise).max(axis=0)
    if len(cube) > 2 and standing_out.max() > _EMISSION:
        line: NDArray[np.bool_] = standing_out > max(_EMISSION, _OF_PEAK * standing_out.max())
        return line
    emission: NDArray[np.bool_] = np.abs(continuum) >= 0.5 * np.abs(continuum).max()
    return emission


def mean_spectrum(cube: NDArray[np.float64], region: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(c,) mean in Jy/beam of a cube (c, y, x) in a region (y, x)."""
    mean: NDArray[np.float64] = cube[:, region].mean(axis=1)
    return mean


def spectrum_noise(mean: NDArray[np.float64]) -> float:
    """Noise of a spectrum (c,) from the differences of neighbours, which lines are few of."""
    return robust_rms(np.diff(mean)) / float(np.sqrt(2.0))


def clip_once(
    frequency: NDArray[np.float64],
    mean: NDArray[np.float64],
    kept: NDArray[np.bool_],
    threshold: float,
) -> NDArray[np.bool_]:
    """(c,) the channels that one round of clipping keeps of those kept so far.

    Those nearer than so many robust standard deviations to the continuum: a line with the median
    slope between any two of them (Theil 1950, Sen 1968), or their median where they are few. Next
    to a bright line, what deviates a little to the other side is kept too; its wings, down to 12 %
    of the brightest line and to the noise, go with it. What is fainter than such wings is kept
    where a fit without it would be extrapolated so far that it adds half as much variance as there
    is noise.
    """
    if not kept.any():
        return kept
    deviation = mean - _continuum(frequency, mean, kept)
    # Few channels scatter less than the spectrum does by chance: clipping them would run away. Of a
    # spectrum without noise nothing can be clipped but its rounding.
    least = 1e-6 * float(np.abs(mean[kept]).max())
    noise = max(robust_rms(deviation[kept]), spectrum_noise(mean), least)
    # The sidelobes of a dirty image bend its continuum: what lies off to the one side far less than
    # a line does to the other is not a line, and without it the fit would have to reach far.
    above, below = float(deviation.max()), float(-deviation.min())
    highest, lowest = (
        max(threshold * noise, _NO_LINE * opposite if peak < _NO_LINE * opposite else 0.0)
        for peak, opposite in ((above, below), (below, above))
    )
    clipped = ~kept | (deviation > highest) | (deviation < -lowest)
    for side in (deviation, -deviation):
        clipped |= _wings(clipped, side > max(_WING * float(side.max()), spectrum_noise(mean)))
    # What is left to the one side of a line alone would leave the other to extrapolation.
    away = np.abs(deviation)
    faint = np.flatnonzero(kept & clipped & (away < _WING * away.max()))
    for channel in faint[np.argsort(away[faint])]:
        if _leverage(frequency, ~clipped) <= _EXTRAPOLATED:
            break
        clipped[channel] = False
    return ~clipped


def _leverage(frequency: NDArray[np.float64], kept: NDArray[np.bool_]) -> float:
    """Variance of a straight line through the channels kept, where it is largest in the band, over
    that of a channel (Hoaglin & Welsch 1978, The American Statistician 32, 17)."""
    x = frequency[kept]
    if x.size < 2:
        return float("inf")
    reach = float(np.abs(frequency - x.mean()).max())
    return 1 / x.size + reach**2 / float(((x - x.mean()) ** 2).sum())


def _wings(clipped: NDArray[np.bool_], beyond: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(c,) the runs of channels beyond a lower threshold of which one is clipped (as detections are
    grown by Duchamp: Whiting 2012, MNRAS 421, 3242)."""
    run = np.cumsum(np.diff(beyond, prepend=False))
    wings: NDArray[np.bool_] = beyond & np.isin(run, run[clipped & beyond])
    return wings


def _continuum(
    frequency: NDArray[np.float64], mean: NDArray[np.float64], kept: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(c,) the continuum under a spectrum, from the channels kept."""
    x, y = frequency[kept], mean[kept]
    if x.size < _FOR_A_SLOPE:
        return np.full(mean.shape, np.median(y))
    first, second = np.triu_indices(x.size, 1)
    slope = float(np.median((y[second] - y[first]) / (x[second] - x[first])))
    level = float(np.median(y - slope * (x - x[0])))
    continuum: NDArray[np.float64] = level + slope * (frequency - x[0])
    return continuum


def mask_lines(
    frequency: NDArray[np.float64], kept: NDArray[np.bool_], lines: Iterable[float]
) -> NDArray[np.bool_]:
    """(c,) the channels kept of those at frequencies in Hz that no line, also in Hz, may be in.

    A line is taken to be 200 km/s wide, and to be in one channel at least.
    """
    width = float(np.median(np.diff(frequency))) if frequency.size > 1 else 0.0
    free = kept.copy()
    for line in lines:
        half = max(0.5 * _LINE_WIDTH / SPEED_OF_LIGHT * line, 0.5 * width)
        free &= np.abs(frequency - line) > half
    return free


def ranges_of(channels: Sequence[int]) -> list[list[int]]:
    """Channel numbers to ranges, each of the first and the last.

    >>> ranges_of([0, 1, 2, 5, 7, 8])
    [[0, 2], [5, 5], [7, 8]]
    """
    ranges: list[list[int]] = []
    for channel in sorted(channels):
        if ranges and channel == ranges[-1][1] + 1:
            ranges[-1][1] = channel
        else:
            ranges.append([channel, channel])
    return ranges


def channels_of(ranges: Iterable[Sequence[int]]) -> list[int]:
    """Ranges to channel numbers.

    >>> channels_of([[0, 2], [5, 5]])
    [0, 1, 2, 5]
    """
    return [channel for first, last in ranges for channel in range(first, last + 1)]
