"""An observation to the visibilities of one field and spectral window, with the truth behind them.

    V_raw = g_i conj(g_j) V_sky + noise + interference

with g of the atmosphere, the receivers, the bandpass, wrong positions and 1 / sqrt(Tsys).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.simulation.chance import chance
from radps_dag.workloads.sim.simulation.corruption import (
    T0,
    bandpass,
    dead,
    drift,
    phase_of_path,
    position_errors,
    position_phase,
    radiometers,
    residual_path,
    system_temperature,
)
from radps_dag.workloads.sim.simulation.geometry import (
    INTEGRATION,
    Visit,
    antennas_of,
    direction_of,
    frequencies_of,
    schedule,
    timeline,
    uvw_of,
)
from radps_dag.workloads.sim.simulation.interference import interfere
from radps_dag.workloads.sim.simulation.sky import line_of, sky_of, visibilities_of
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = [
    "SERVICE_ERROR",
    "OffSource",
    "Simulated",
    "State",
    "intents_of",
    "simulate",
    "thermal_noise",
]

# How far data are that are made up: as they come from the archive; with what the telescope knows
# applied; without interference; or calibrated, but for what phase referencing leaves.
State = Literal["imported", "prepared", "flagged", "corrected"]

_BOLTZMANN, _EFFICIENCY = 1380.649, 0.7  # Jy m^2 / K
_OFF_SOURCE, _SHADOWED = 0.2, 0.5  # share of the signal that is left
SERVICE_ERROR = 0.05  # of positions, as share of the errors


@dataclass(frozen=True, slots=True)
class OffSource:
    """A gap that the array itself recorded: an antenna without a view of the source for a while."""

    antenna: int
    start: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class Simulated:
    """Visibilities and the truth behind them.

    Attributes:
        vis: what was observed
        gain: (t, a, f, p) true complex gains of the antennas
        sky: (t, b, f) true visibilities in Jy
        interference: (t, b, f, p) where it hit
        off_source: (t, b) where an antenna did not see the source
        events: the same, as the array recorded it
        tsys: (scans, a, p) system temperatures in K as they were measured, once a scan
        tsys_time: (scans,) in s
        path: (t, a) excess paths of the troposphere in m, as the radiometers measured them
    """

    vis: Visibilities
    gain: NDArray[np.complex128]
    sky: NDArray[np.complex128]
    interference: NDArray[np.bool_]
    off_source: NDArray[np.bool_]
    events: tuple[OffSource, ...]
    tsys: NDArray[np.float64]
    tsys_time: NDArray[np.float64]
    path: NDArray[np.float64]


def intents_of(observation: Observation, field: str) -> tuple[str, ...]:
    """The intents of a field. Raises ValueError for a field that is not observed."""
    if observation.data is not None and field in observation.data.intents:
        return tuple(observation.data.intents[field])
    if field in observation.targets:
        return ("TARGET",)
    if field in observation.calibrators:
        return ("BANDPASS", "FLUX") if field == observation.calibrators[0] else ("PHASE",)
    fields = ", ".join((*observation.calibrators, *observation.targets))
    raise ValueError(f"no field {field!r} in the observation; there are {fields}")


def thermal_noise(observation: Observation) -> float:
    """Noise in Jy of the real part of a raw visibility, by the radiometer equation.

    2 k T / (efficiency area) / sqrt(2 bandwidth time): Thompson, Moran and Swenson (2017), 6.2.
    """
    area = np.pi * (antennas_of(observation).diameter / 2) ** 2
    width = frequencies_of(observation, observation.spws[0])
    bandwidth = width[1] - width[0] if width.size > 1 else 1.875e9
    flux_density = 2 * _BOLTZMANN * T0 / (_EFFICIENCY * area)
    return float(observation.noise * flux_density / np.sqrt(2 * bandwidth * INTEGRATION))


def simulate(
    observation: Observation, field: str, spw: int, state: State = "imported"
) -> Simulated:
    """Observe one field in one spectral window.

    Raises ValueError for a field, spw or dead receptor that the observation does not have.
    """
    intents = intents_of(observation, field)
    if spw not in observation.spws:
        raise ValueError(f"no spw {spw} in the observation; there are {list(observation.spws)}")
    antennas = antennas_of(observation)
    positions = np.asarray(antennas.positions, dtype=np.float64)
    first, second = np.triu_indices(observation.antennas, 1)
    visits = [visit for visit in schedule(observation) if visit.field == field]
    time, scan, places = _times(observation, visits)
    frequency = frequencies_of(observation, spw)
    direction = direction_of(observation, field)
    uvw = uvw_of(positions[second] - positions[first], direction, time)
    sky = visibilities_of(sky_of(observation, field), uvw, frequency, antennas.diameter)
    if line := line_of(observation, field, spw):
        lines = visibilities_of(line.sources, uvw, frequency, antennas.diameter)
        sky += lines * line.profile(frequency)
    tsys = system_temperature(observation, field, spw, time)
    gain = _gains(observation, field, spw, state, time, places, tsys)
    events = _off_source(observation, field, visits) if state != "corrected" else ()
    seen = _seen(events, time, observation.antennas)
    view = (gain * seen[:, :, np.newaxis, np.newaxis]).astype(np.complex64)
    data = view[:, first] * view[:, second].conj() * sky[..., np.newaxis]
    noise = np.broadcast_to(_noise(observation, state, tsys, first, second), data.shape)
    data = data + noise * _white(observation, field, spw, data.shape)
    hit = np.zeros(data.shape, dtype=bool)
    if state in ("imported", "prepared"):
        data, hit = interfere(observation, field, spw, data, thermal_noise(observation))
    bad = (seen[:, first] < 1) | (seen[:, second] < 1)
    vis = Visibilities(
        field=field,
        intents=intents,
        spw=spw,
        time=time,
        integration=INTEGRATION,
        scan=scan,
        antenna1=first.astype(np.int64),
        antenna2=second.astype(np.int64),
        antennas=antennas,
        frequency=frequency,
        channels=np.arange(frequency.size),
        channel_width=float(frequency[1] - frequency[0]) if frequency.size > 1 else 1.875e9,
        polarizations=observation.polarizations,
        direction=direction,
        uvw=uvw,
        data=data.astype(np.complex64),
        flag=(state != "imported") & np.broadcast_to(bad[..., np.newaxis, np.newaxis], data.shape),
        weight=(1.0 / np.maximum(noise, 1e-12) ** 2).astype(np.float32),
    )
    tsys_time = np.array([visit.start for visit in visits])
    measured = system_temperature(observation, field, spw, tsys_time)
    measured *= 1.0 + 0.01 * chance(observation, "hot load", field, spw).standard_normal(
        measured.shape
    )
    path = radiometers(observation).measured[places]
    return Simulated(vis, gain, sky, hit, bad, events, measured, tsys_time, path)


def _times(
    observation: Observation, visits: list[Visit]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Midpoints (t,) in s, scan numbers (t,), and places (t,) in the whole timeline."""
    numbers = [np.arange(visit.integrations) for visit in visits]
    time = np.concatenate(
        [visit.start + INTEGRATION * (n + 0.5) for visit, n in zip(visits, numbers, strict=True)]
        or [np.zeros(0)]
    )
    scan = np.concatenate(
        [np.full(visit.integrations, visit.scan) for visit in visits] or [np.zeros(0)]
    )
    places = np.searchsorted(timeline(observation), time - 0.5 * INTEGRATION) if time.size else time
    return time, scan.astype(np.int64), np.asarray(places, dtype=np.int64)


def _gains(
    observation: Observation,
    field: str,
    spw: int,
    state: State,
    time: NDArray[np.float64],
    places: NDArray[np.int64],
    tsys: NDArray[np.float64],
) -> NDArray[np.complex128]:
    """True gains (t, a, f, p) of data in this state."""
    frequency = frequencies_of(observation, spw)
    if state == "corrected":
        phase = phase_of_path(residual_path(observation)[places], frequency)
        shape = (*phase.shape, len(observation.polarizations))
        return np.asarray(np.broadcast_to(np.exp(1j * phase)[..., np.newaxis], shape))
    both = radiometers(observation)
    path = both.true if state == "imported" else both.true - both.measured
    errors = position_errors(observation) * (1.0 if state == "imported" else SERVICE_ERROR)
    direction = direction_of(observation, field)
    phase = phase_of_path(path[places], frequency)
    phase += position_phase(errors, direction, time, frequency)
    gain = np.exp(1j * phase)[..., np.newaxis] * drift(observation)[places][:, :, np.newaxis]
    gain = gain * bandpass(observation, spw)
    if state == "imported":
        gain = gain * np.sqrt(T0 / tsys)[:, :, np.newaxis]
    return np.asarray(np.where(dead(observation)[:, np.newaxis], 0.0, gain))


def _noise(
    observation: Observation,
    state: State,
    tsys: NDArray[np.float64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Noise (t, b, 1, p) in Jy of the real part of a visibility."""
    noise = thermal_noise(observation)
    if state == "imported":
        return np.full((tsys.shape[0], first.size, 1, tsys.shape[2]), noise)
    both = np.sqrt(tsys[:, first] * tsys[:, second]) / T0
    return np.asarray(noise * both[:, :, np.newaxis])


def _white(
    observation: Observation, field: str, spw: int, shape: tuple[int, ...]
) -> NDArray[np.complex64]:
    random = chance(observation, "noise", field, spw)
    parts = random.standard_normal((2, *shape), dtype=np.float32)
    return np.asarray(parts[0] + 1j * parts[1], dtype=np.complex64)


def _off_source(observation: Observation, field: str, visits: list[Visit]) -> tuple[OffSource, ...]:
    """Antennas that slew into the first integration of a scan, and one that stood in a shadow."""
    random = chance(observation, "off source", field)
    events = [
        OffSource(antenna, visit.start, visit.start + INTEGRATION, "slewing")
        for visit in visits
        for antenna in range(observation.antennas)
    ]
    if visits:
        visit = visits[int(random.integers(len(visits)))]
        start = visit.start + INTEGRATION * int(random.integers(1, max(2, visit.integrations - 4)))
        antenna = int(random.integers(observation.antennas))
        events.append(OffSource(antenna, start, start + 4 * INTEGRATION, "shadowed"))
    return tuple(events)


def _seen(
    events: tuple[OffSource, ...], time: NDArray[np.float64], antennas: int
) -> NDArray[np.float64]:
    """Share (t, a) of the source's signal that an antenna sees."""
    seen = np.ones((time.size, antennas))
    for event in events:
        during = (time >= event.start) & (time < event.end)
        seen[during, event.antenna] *= _OFF_SOURCE if event.reason == "slewing" else _SHADOWED
    return seen
