"""Positions of antennas and sources: the array, the schedule, baselines against time.

Conventions are those of Thompson, Moran and Swenson, "Interferometry and Synthesis in Radio
Astronomy" (2017), chapter 4: u to the east, v to the north, w to the source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.chance import chance
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Antennas

__all__ = [
    "BANDWIDTH",
    "INTEGRATION",
    "VISIT_INTEGRATIONS",
    "Visit",
    "antennas_of",
    "cell_for",
    "cell_of",
    "direction_of",
    "elevation",
    "frequencies_of",
    "schedule",
    "source_vector",
    "timeline",
    "uvw_of",
]

Array = NDArray[np.float64]

# The place of ALMA: geodetic, in rad, and the radius of the Earth there.
_LATITUDE, _LONGITUDE, _RADIUS = np.radians(-23.0229), np.radians(-67.7548), 6_379_945.0
_UP = np.array(
    [np.cos(_LATITUDE) * np.cos(_LONGITUDE), np.cos(_LATITUDE) * np.sin(_LONGITUDE),
     np.sin(_LATITUDE)]
)  # fmt: skip
_EXTENT = 300.0  # m, of the farthest pad from the centre
_CLOSEST = 18.0  # m, between two pads
_PIXELS_PER_BEAM = 4.5
_CANDIDATES = 60
_SEEN = 40  # half beams from the centre, to which sidelobes are looked at

INTEGRATION = 2.0  # s
_LONGEST = 120.0  # s, of a visit: to a target
VISIT_INTEGRATIONS = round(_LONGEST / INTEGRATION)
BANDWIDTH = 1.875e9  # Hz, of a spectral window
_LOWEST = 230e9
_SPACING = 2e9
_START = 1_767_225_600.0  # 2026-01-01 0 h UTC
# Greenwich sidereal angle at the start: the target, at right ascension 18 h 06 m, culminates half
# an hour later.
_SIDEREAL_START = np.radians(271.5 - 7.5) - _LONGITUDE
_SIDEREAL_RATE = 2 * np.pi * 1.002737909 / 86_400.0
_SLEW = 10.0  # s
_ELSEWHERE = 900.0  # s between two cycles, for other projects: the sky turns meanwhile


@dataclass(frozen=True, slots=True)
class Visit:
    """A scan on a field: its number, its start in s, and how many integrations it has."""

    field: str
    scan: int
    start: float
    integrations: int


def antennas_of(observation: Observation) -> Antennas:
    """The array: of many with pads at random, that whose beam has the lowest sidelobes.

    An observation of minutes sees hardly more than one beam of the array, so it matters.
    """
    pads = _best_pads(observation.seed, observation.antennas)
    names = tuple(f"A{number:02d}" for number in range(observation.antennas))
    return Antennas(names, _to_itrf(np.array(pads, dtype=np.float64).reshape(-1, 3)))


@lru_cache(maxsize=16)
def _best_pads(seed: int, antennas: int) -> tuple[tuple[float, ...], ...]:
    """Pads (a, 3) in m east, north and up of the centre."""
    random = chance(seed, "array")
    candidates = [_pads(random, antennas) for _ in range(_CANDIDATES if antennas > 2 else 1)]
    best = min(candidates, key=_sidelobes) if antennas > 2 else candidates[0]
    return tuple(tuple(map(float, pad)) for pad in best)


def _pads(random: np.random.Generator, antennas: int) -> Array:
    """Pads at random, the first at the edge, none too close to another."""
    pads: list[Array] = []
    for _ in range(100 * antennas):
        if len(pads) == antennas:
            break
        radius = _EXTENT * (random.random() ** 0.6 if pads else 1.0)
        angle = 2 * np.pi * random.random()
        pad = np.array([radius * np.cos(angle), radius * np.sin(angle), random.normal(0.0, 2.0)])
        if all(np.hypot(*(pad - other)[:2]) > _CLOSEST for other in pads):
            pads.append(pad)
    while len(pads) < antennas:  # a crowd: as close as it must be
        pads.append(np.append(random.uniform(-_EXTENT, _EXTENT, 2), random.normal(0.0, 2.0)))
    return np.array(pads)


def _sidelobes(pads: Array) -> float:
    """The highest sidelobe of the array's beam at the zenith, relative to its peak."""
    wavelength = SPEED_OF_LIGHT / _LOWEST
    half = np.arange(-_SEEN, _SEEN + 1) * wavelength / (2 * _EXTENT) / 2
    east, north = (axis.ravel() for axis in np.meshgrid(half, half[_SEEN:]))
    turns = (pads[:, 0, np.newaxis] * east + pads[:, 1, np.newaxis] * north) / wavelength
    beam = np.abs(np.exp(2j * np.pi * turns).mean(axis=0)) ** 2
    away = np.hypot(east, north) > 1.3 * wavelength / (2 * _EXTENT)
    return float(beam[away].max())


def _to_itrf(east_north_up: Array) -> Array:
    """Positions (a, 3) from the horizon of the site to the Earth's frame."""
    east = np.array([-np.sin(_LONGITUDE), np.cos(_LONGITUDE), 0.0])
    axes = np.stack([east, np.cross(_UP, east), _UP])
    placed: Array = (east_north_up[:, :, np.newaxis] * axes).sum(axis=1) + _RADIUS * _UP
    return placed


def direction_of(observation: Observation, field: str) -> Array:
    """Right ascension and declination of a field in rad; calibrators are degrees off the target."""
    if field in observation.targets:
        number = observation.targets.index(field)
        return _radians(271.56 + 0.2 * number, -20.53)
    number = observation.calibrators.index(field)
    if number == 0:
        return _radians(291.21, -29.24)
    return _radians(278.03 + 1.5 * (number - 1), -20.65)


def _radians(*degrees: float) -> Array:
    return np.array([np.pi / 180.0 * angle for angle in degrees])


def frequencies_of(observation: Observation, spw: int) -> Array:
    """Centres (f,) of the channels of a spectral window in Hz."""
    width = BANDWIDTH / observation.channels
    number = np.arange(observation.channels, dtype=np.float64)
    return _LOWEST + _SPACING * spw + width * (number + 0.5)


def cell_of(observation: Observation) -> float:
    """Width of a pixel in rad, the same for all images of an observation: as data have it, or
    that of the longest baseline that the simulated array can have.
    """
    if observation.data is not None:
        return observation.data.cell
    highest = _LOWEST + _SPACING * max(observation.spws) + BANDWIDTH
    return cell_for(2 * _EXTENT * highest / SPEED_OF_LIGHT)


def cell_for(longest: float) -> float:
    """Width of a pixel in rad for baselines of so many wavelengths: the resolution over 4.5,
    rounded to two digits of arcsec."""
    arcsec = np.degrees(1.0 / longest) * 3600.0 / _PIXELS_PER_BEAM
    digits = 1 - int(np.floor(np.log10(arcsec)))
    return float(np.radians(round(float(arcsec), digits) / 3600.0))


def schedule(observation: Observation) -> tuple[Visit, ...]:
    """All visits in their order: each scan number is a cycle through all fields."""
    return tuple(_visits(observation))


def _visits(observation: Observation) -> Iterator[Visit]:
    """A cycle for each scan number: all calibrators, the targets, the phase calibrators again."""
    now = _START
    others = observation.calibrators[1:]
    for scan in observation.scans:
        for field in (*observation.calibrators, *observation.targets, *others):
            seconds = _length(observation, field)
            yield Visit(field, scan, now, round(seconds / INTEGRATION))
            now += seconds + _SLEW
        now += _ELSEWHERE


def _length(observation: Observation, field: str) -> float:
    """The length of a visit to a field, in s."""
    if field in observation.targets:
        return _LONGEST
    return 60.0 if field == observation.calibrators[0] else 30.0


def timeline(observation: Observation) -> Array:
    """Midpoints of all integrations from the first to the last, slews included, in s."""
    last = schedule(observation)[-1]
    count = round((last.start - _START) / INTEGRATION) + last.integrations
    return _START + INTEGRATION * (np.arange(count, dtype=np.float64) + 0.5)


def source_vector(direction: Array, time: Array) -> Array:
    """Unit vectors (t, 3) to a direction in the Earth's frame."""
    right_ascension, declination = direction
    hour = _SIDEREAL_START + _SIDEREAL_RATE * (time - _START) - right_ascension
    return np.stack(
        [
            np.cos(declination) * np.cos(hour),
            -np.cos(declination) * np.sin(hour),
            np.full_like(hour, np.sin(declination)),
        ],
        axis=-1,
    )


def elevation(direction: Array, time: Array) -> Array:
    """Elevations (t,) of a direction in rad."""
    sine: Array = (source_vector(direction, time) * _UP).sum(axis=-1)
    return np.arcsin(sine)


def uvw_of(baselines: Array, direction: Array, time: Array) -> Array:
    """Baselines (b, 3) of the Earth's frame as u, v, w (t, b, 3) in m, seen from the source."""
    source = source_vector(direction, time)
    east = np.stack([-source[:, 1], source[:, 0], np.zeros(time.size)], axis=-1)
    east /= np.hypot(source[:, :1], source[:, 1:2])
    axes = np.stack([east, np.cross(source, east), source], axis=1)
    seen: Array = (axes[:, np.newaxis] * baselines[:, np.newaxis]).sum(axis=-1)
    return seen
