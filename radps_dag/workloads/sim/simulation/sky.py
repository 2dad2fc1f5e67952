"""The true sky: calibrators, the target's continuum sources, and its line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.primary_beam import primary_beam
from radps_dag.workloads.sim.simulation.chance import chance
from radps_dag.workloads.sim.simulation.geometry import BANDWIDTH, frequencies_of
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, PointModel

__all__ = [
    "REFERENCE",
    "Line",
    "Source",
    "calibrator_model",
    "line_of",
    "sky_of",
    "visibilities_of",
]

Array = NDArray[np.float64]

REFERENCE = 230e9  # Hz, to which flux densities belong
_ARCSEC = np.pi / 180.0 / 3600.0
_FIELD = 4.0  # arcsec: sources are no farther from the centre
_APART = 1.2  # arcsec, between two of them
# Of the target's continuum: flux density in Jy, full width at half maximum in arcsec.
_CONTINUUM = ((0.3, 0.0), (0.12, 0.0), (0.1, 0.6), (0.06, 0.0), (0.03, 0.4))
# Of the line, at its peak: an extended cloud and a core in its middle.
_CLOUD, _CORE = (0.3, 0.8), (0.08, 0.0)
_LINE_WIDTH = 0.12  # of the band, full width at half maximum
_LINE_PLACE = 0.3  # of the band


@dataclass(frozen=True, slots=True)
class Source:
    """A point or a round Gaussian.

    Attributes:
        flux_density: in Jy at 230 GHz; of a line, at its peak
        spectral_index: of the flux density with frequency
        l, m: direction cosines from the phase centre, east and north, in rad
        width: full width at half maximum in rad; 0 for a point
    """

    flux_density: float
    spectral_index: float
    l: float  # noqa: E741  # the field's name for it
    m: float
    width: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """A spectral line: its name, centre and full width at half maximum in Hz, and what emits it."""

    name: str
    frequency: float
    width: float
    sources: tuple[Source, ...]

    def profile(self, frequency: Array) -> Array:
        """The line's share of its peak at frequencies in Hz."""
        distance = (frequency - self.frequency) / self.width
        profile: Array = np.exp(-4 * np.log(2) * distance**2)
        return profile


def calibrator_model(observation: Observation, field: str) -> PointModel:
    """The true flux density of a calibrator: some Jy of the first, about one of the others."""
    random = chance(observation, "flux density", field)
    first = bool(observation.calibrators) and field == observation.calibrators[0]
    return PointModel(
        flux_density=round(
            float(random.uniform(2.5, 4.0) if first else random.uniform(0.7, 1.3)), 3
        ),
        spectral_index=round(float(random.uniform(-0.8, -0.3)), 2),
        frequency=REFERENCE,
    )


def sky_of(observation: Observation, field: str) -> tuple[Source, ...]:
    """The continuum sources of a field: a calibrator in its centre, or the target's."""
    if field in observation.calibrators:
        model = calibrator_model(observation, field)
        return (Source(model.flux_density, model.spectral_index, 0.0, 0.0),)
    random = chance(observation, "sky", field)
    places: list[Array] = []
    while len(places) < len(_CONTINUUM):
        # The brightest is near the centre, as what an observer points at is.
        reach = 1.0 if not places else _FIELD
        place = random.uniform(-reach, reach, 2)
        far = all(np.hypot(*(place - other)) > _APART for other in places)
        if np.hypot(*place) <= reach and far:
            places.append(place)
    return tuple(
        _source(flux, round(float(random.uniform(-0.5, 0.5)), 2), place, width)
        for (flux, width), place in zip(_CONTINUUM, places, strict=True)
    )


def line_of(observation: Observation, field: str, spw: int) -> Line | None:
    """The line of a target in a spectral window; calibrators have none."""
    if observation.data is not None or field not in observation.targets:
        return None
    random = chance(observation, "line", field)
    place = random.uniform(-1.0, 1.0, 2)
    first = float(frequencies_of(observation, spw)[0]) - BANDWIDTH / observation.channels / 2
    return Line(
        name="CO v=0 2-1 (simulated)" if spw == 0 else f"line of spw {spw} (simulated)",
        frequency=first + _LINE_PLACE * BANDWIDTH,
        width=_LINE_WIDTH * BANDWIDTH,
        sources=tuple(_source(flux, 0.0, place, width) for flux, width in (_CLOUD, _CORE)),
    )


def _source(flux_density: float, spectral_index: float, place: Array, width: float) -> Source:
    """A source at (2,) arcsec from the phase centre, east and north, of a width in arcsec."""
    east, north = (float(offset) * _ARCSEC for offset in place)
    return Source(flux_density, spectral_index, east, north, width * _ARCSEC)


def visibilities_of(
    sources: tuple[Source, ...], uvw: Array, frequency: Array, diameter: float
) -> NDArray[np.complex128]:
    """True visibilities (t, b, f) in Jy of sources, as a direct sum over them.

    `uvw` (t, b, 3) is in m, `frequency` (f,) in Hz with even steps, `diameter` of the dishes in m:
    each source is seen as its middle is by the primary beam. The third dimension of the sky is in
    it. To image without costs a phase of at most pi w (l^2 + m^2), w in wavelengths: 6e-4 rad
    for a source 4 arcsec off, at 600 m and 234 GHz. Of a Gaussian the transform is known:
    exp(-(pi width q)^2 / (4 ln 2)), q the distance from the centre of the uv plane.
    """
    total = np.zeros((*uvw.shape[:2], frequency.size), dtype=np.complex128)
    step = frequency[1] - frequency[0] if frequency.size > 1 else 0.0
    for source in sources:
        third = np.sqrt(1.0 - source.l**2 - source.m**2) - 1.0
        delay = (uvw * np.array([source.l, source.m, third])).sum(axis=-1) / SPEED_OF_LIGHT
        # One exponential for the first channel, and one for the way to the next.
        fringe = np.exp(-2j * np.pi * delay * frequency[0])
        turn = np.exp(-2j * np.pi * delay * step)
        distance = (uvw[..., :2] ** 2).sum(axis=-1) / SPEED_OF_LIGHT**2
        decay = (np.pi * source.width) ** 2 / (4 * np.log(2)) * distance
        flux = source.flux_density * (frequency / REFERENCE) ** source.spectral_index
        flux *= primary_beam(np.hypot(source.l, source.m), frequency, diameter)
        for channel, at in enumerate(frequency):
            total[..., channel] += flux[channel] * fringe * np.exp(-decay * at**2)
            fringe = fringe * turn
    return total
