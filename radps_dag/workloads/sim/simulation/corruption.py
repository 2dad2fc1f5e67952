"""Effects between the sky and the data: atmosphere, receivers, errors of positions.

Everything is of the antennas, so it is a complex gain of each; see `solutions.py` for its sense.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.chance import chance
from radps_dag.workloads.sim.simulation.geometry import (
    INTEGRATION,
    direction_of,
    elevation,
    schedule,
    source_vector,
    timeline,
)
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT

__all__ = [
    "T0",
    "Radiometers",
    "bandpass",
    "dead",
    "drift",
    "position_errors",
    "position_phase",
    "radiometers",
    "residual_path",
    "system_temperature",
]

Array = NDArray[np.float64]

T0 = 90.0  # K: raw visibilities are in Jy for receivers of this system temperature
_PHASE_AT = 230e9  # Hz, at which the phase of the troposphere is given
# Between the -8/3 of a thick and the -5/3 of a thin turbulent layer (Kolmogorov).
_AIR = 2.3
_OUTER = 600.0  # s, beyond which the air moves no more
_SLOW = 7200.0  # s, the same of electronics
_RECEIVER, _ATMOSPHERE, _OPACITY = 60.0, 270.0, 0.118  # K, K, zenith


@dataclass(frozen=True, slots=True)
class Radiometers:
    """The excess path of the troposphere above each antenna, in m.

    Attributes:
        true: (t, a) as the signal sees it
        measured: (t, a) as the water-vapour radiometers see it
    """

    true: Array
    measured: Array


def _wandering(
    random: np.random.Generator, times: int, count: int, slope: float, outer: float = _OUTER
) -> Array:
    """Time series (t, n) of unit rms whose power falls with frequency to this power.

    They are made by shaping white noise in Fourier space, on twice the length, so that the end
    does not meet the beginning.
    """
    length = 2 * max(times, 8)
    power = np.hypot(np.fft.rfftfreq(length, INTEGRATION), 1.0 / outer)
    spectrum = np.fft.rfft(random.standard_normal((length, count)), axis=0)
    series = np.fft.irfft(spectrum * (power ** (-slope / 2))[:, np.newaxis], length, axis=0)[:times]
    series -= series.mean(axis=0)
    scale = np.sqrt((series**2).mean())
    return np.asarray(series / scale if scale else series)


def radiometers(observation: Observation) -> Radiometers:
    """The troposphere above each antenna against the whole timeline."""
    times = timeline(observation).size
    metre = SPEED_OF_LIGHT / _PHASE_AT / 360.0 * observation.phase_rms
    true = metre * _wandering(chance(observation, "troposphere"), times, observation.antennas, _AIR)
    # What radiometers miss, such as the dry air and drops of water, moves as the air does.
    error = metre * _wandering(
        chance(observation, "radiometers"), times, observation.antennas, _AIR
    )
    return Radiometers(true, true + observation.wvr_error * error)


def residual_path(observation: Observation) -> Array:
    """Path (t, a) in m left after radiometers and phase referencing, on the whole timeline.

    Phase referencing takes away what goes linearly from one visit of the phase calibrator to the
    next; without such a calibrator, what the radiometers leave.
    """
    times = timeline(observation)
    both = radiometers(observation)
    remaining = both.true - both.measured
    reference = observation.calibrators[1:2] or observation.calibrators[:1]
    visits = [visit for visit in schedule(observation) if visit.field in reference]
    if not visits:
        return remaining
    spans = [(visit.start, visit.start + visit.integrations * INTEGRATION) for visit in visits]
    at = [(start + end) / 2 for start, end in spans]
    seen = np.array(
        [remaining[(times > start) & (times < end)].mean(axis=0) for start, end in spans]
    )
    followed = np.stack([np.interp(times, at, path) for path in seen.T], axis=-1)
    return np.asarray(remaining - followed)


def drift(observation: Observation) -> NDArray[np.complex128]:
    """Gains (t, a, p) of the electronics: slow amplitudes, and phases that hardly move."""
    times = timeline(observation).size
    count = observation.antennas * len(observation.polarizations)
    random = chance(observation, "gains")
    amplitude = 1.0 + observation.amplitude_rms * _wandering(random, times, count, 4.0, _SLOW)
    phase = random.uniform(-np.pi, np.pi, count) + np.radians(3.0) * _wandering(
        random, times, count, 4.0, _SLOW
    )
    gain = np.maximum(0.2, amplitude) * np.exp(1j * phase)
    shape = (times, observation.antennas, len(observation.polarizations))
    return np.asarray(gain.reshape(shape))


def bandpass(observation: Observation, spw: int) -> NDArray[np.complex128]:
    """Gains (a, f, p) against frequency: ripples, a fall at the edges, and a delay."""
    random = chance(observation, "bandpass", spw)
    shape = (observation.antennas, 1, len(observation.polarizations))
    place = (np.arange(observation.channels) + 0.5) / observation.channels
    x = place[np.newaxis, :, np.newaxis]
    ripple = np.zeros((observation.antennas, observation.channels, shape[2]))
    turned = np.zeros_like(ripple)
    for waves in (0.5, 1.0, 1.5):
        for series, size in ((ripple, observation.bandpass_rms), (turned, 0.1)):
            height = random.normal(0.0, size / np.sqrt(1.5), shape)
            series += height * np.cos(2 * np.pi * (waves * x + random.random(shape)))
    edge = 1.0 - 0.5 * np.exp(-np.minimum(x, 1.0 - x) / 0.03)
    delay = random.uniform(-0.15, 0.15, shape)
    phase = 2 * np.pi * delay * (x - 0.5) + turned
    return np.asarray(np.maximum(0.2, 1.0 + ripple) * edge * np.exp(1j * phase))


def system_temperature(observation: Observation, field: str, spw: int, time: Array) -> Array:
    """True system temperatures (t, a, p) in K: the receivers, and the air they look through."""
    random = chance(observation, "Tsys", spw)
    receivers = 1.0 + 0.08 * random.standard_normal(
        (observation.antennas, len(observation.polarizations))
    )
    height = elevation(direction_of(observation, field), time)
    airmass = 1.0 / np.sin(np.maximum(height, np.radians(10.0)))
    sky = _ATMOSPHERE * (1.0 - np.exp(-_OPACITY * airmass))
    return np.asarray(_RECEIVER * receivers + sky[:, np.newaxis, np.newaxis])


def position_errors(observation: Observation) -> Array:
    """True less nominal positions (a, 3) of the antennas in m, in the Earth's frame."""
    random = chance(observation, "antenna positions")
    return observation.position_error * random.standard_normal((observation.antennas, 3))


def position_phase(offsets: Array, direction: Array, time: Array, frequency: Array) -> Array:
    """Phases (t, a, f) in rad of the gains that antennas off their positions by (a, 3) m have."""
    path = (source_vector(direction, time)[:, np.newaxis] * offsets).sum(axis=-1)
    return phase_of_path(path, frequency)


def dead(observation: Observation) -> NDArray[np.bool_]:
    """Mask of the receptors (a, p) without a signal. Raises ValueError for an unknown name."""
    mask = np.zeros((observation.antennas, len(observation.polarizations)), dtype=bool)
    for name in observation.dead_receptors:
        antenna, _, polarization = name.partition(":")
        names = [f"A{number:02d}" for number in range(observation.antennas)]
        if antenna not in names or polarization not in observation.polarizations:
            raise ValueError(
                f"no receptor {name!r}; they are called {names[0]}:{observation.polarizations[0]} "
                f"to {names[-1]}:{observation.polarizations[-1]}"
            )
        mask[names.index(antenna), observation.polarizations.index(polarization)] = True
    return mask


def phase_of_path(path: Array, frequency: Array) -> Array:
    """Phases (t, a, f) in rad of excess paths (t, a) in m."""
    return np.asarray(2 * np.pi / SPEED_OF_LIGHT * path[..., np.newaxis] * frequency)
