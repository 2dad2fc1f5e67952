"""A small array that looks at points, with gains that the tests know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.visibilities import (
    SPEED_OF_LIGHT,
    Antennas,
    PointModel,
    Visibilities,
)

SIGMA = 0.2  # Jy, of a channel and an integration
INTEGRATION = 2.0
CHANNELS = 16


def array(count: int = 10, seed: int = 5) -> Antennas:
    """Antennas within some 600 m of each other."""
    random = np.random.default_rng(seed)
    positions = np.zeros((count, 3))
    positions[:, :2] = random.uniform(-210.0, 210.0, (count, 2))
    return Antennas(tuple(f"A{number:02d}" for number in range(count)), positions)


def observe(
    antennas: Antennas,
    gain: NDArray[np.complex128] | complex = 1.0,
    *,
    times: int = 10,
    sky: Sequence[tuple[float, float, float]] = ((1.0, 0.0, 0.0),),
    field: str = "J1",
    intents: tuple[str, ...] = ("PHASE",),
    spw: int = 0,
    scans: Sequence[int] = (1,),
    channels: int = CHANNELS,
    polarizations: tuple[str, ...] = ("XX", "YY"),
    noise: float = 1.0,
    seed: int = 1,
    start: float = 1_767_225_600.0,
    model: PointModel | None = None,
) -> Visibilities:
    """Points (Jy, l, m), times for each scan, gains of a shape that goes with (t, a, f, p)."""
    one, other = np.triu_indices(len(antennas.names), 1)
    count = times * len(scans)
    scan = np.repeat(np.array(scans, dtype=np.int64), times)
    time = start + np.arange(count) * INTEGRATION + 200.0 * (scan - 1)
    # The earth, with hours between scans.
    turn = 7.292115e-5 * (time - start) + 0.6 * scan
    away = antennas.positions[other] - antennas.positions[one]
    u = np.cos(turn)[:, None] * away[:, 0] - np.sin(turn)[:, None] * away[:, 1]
    v = np.sin(turn)[:, None] * away[:, 0] + np.cos(turn)[:, None] * away[:, 1]
    uvw = np.stack([u, v, np.zeros_like(u)], axis=-1)
    width = 1.875e9 / channels
    frequency = 230e9 + 2e9 * spw + (np.arange(channels) + 0.5) * width
    clean = predicted(sky, uvw, frequency)[..., np.newaxis] * np.ones(len(polarizations))
    if model is not None:
        clean = clean * (model.at(frequency) / clean[0, 0, 0, 0])[:, np.newaxis]
    gains = np.broadcast_to(gain, (count, len(antennas.names), channels, len(polarizations)))
    random = np.random.default_rng(seed)
    thermal = random.normal(0, 1, (*clean.shape, 2)) @ np.array([1.0, 1j]) * SIGMA * noise
    data = gains[:, one] * np.conj(gains[:, other]) * clean + thermal
    return Visibilities(
        field=field,
        intents=intents,
        spw=spw,
        time=time,
        integration=INTEGRATION,
        scan=scan,
        antenna1=one.astype(np.int64),
        antenna2=other.astype(np.int64),
        antennas=antennas,
        frequency=frequency,
        channels=np.arange(channels),
        channel_width=width,
        polarizations=polarizations,
        direction=np.array([1.0, -0.4]),
        uvw=uvw,
        data=data.astype(np.complex64 if noise else np.complex128),
        flag=np.zeros(data.shape, dtype=np.bool_),
        weight=np.full(data.shape, 1.0 / (SIGMA * max(noise, 1e-3)) ** 2),
        model=model,
    )


def predicted(
    sky: Sequence[tuple[float, float, float]],
    uvw: NDArray[np.float64],
    frequency: NDArray[np.float64],
) -> NDArray[np.complex128]:
    """(t, b, f) visibilities in Jy of points (Jy, l, m): the direct sum."""
    waves = frequency / SPEED_OF_LIGHT
    total = np.zeros((*uvw.shape[:2], frequency.size), dtype=np.complex128)
    for flux, east, north in sky:
        path = (uvw[..., 0] * east + uvw[..., 1] * north)[..., np.newaxis]
        total += flux * np.exp(-2j * np.pi * path * waves)
    return total


def flagged(vis: Visibilities, where: object) -> Visibilities:
    """The same, flagged at an index of (t, b, f, p)."""
    flag = vis.flag.copy()
    flag[where] = True  # type: ignore[index]
    return replace(vis, flag=flag)


def random_gains(
    antennas: int, polarizations: int = 2, seed: int = 1, phase: float = 1.0, size: float = 0.1
) -> NDArray[np.complex128]:
    """(1, a, 1, p) gains of phases (rms in rad) and amplitudes (rms) about 1."""
    random = np.random.default_rng(seed)
    shape = (1, antennas, 1, polarizations)
    return (1 + size * random.normal(size=shape)) * np.exp(1j * phase * random.normal(size=shape))


def referred(gain: NDArray[np.complex128], reference: int) -> NDArray[np.complex128]:
    """Gains (t, a, f, p) of which the reference antenna has the phase 0."""
    turn = np.exp(-1j * np.angle(gain[:, reference : reference + 1]))
    return gain * turn


def some_observation(antennas: int, seed: int = 1) -> Observation:
    """The record of two calibrators and a target in two spws and two scans."""
    return Observation(
        calibrators=("J1", "J2"),
        targets=("G1",),
        scans=(1, 2),
        channels=16,
        antennas=antennas,
        seed=seed,
        interference=0.0,
        position_error=0.0,
    )
