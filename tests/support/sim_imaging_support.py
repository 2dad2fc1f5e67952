"""Visibilities of known sources by direct Fourier sums on an array made up at random."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from radps_dag.workloads.contract import workload as contract
from radps_dag.workloads.sim.observation import Observation
from radps_dag.workloads.sim.stores.processing_sets import write_visibilities
from radps_dag.workloads.sim.visibilities import SPEED_OF_LIGHT, Antennas, Visibilities

ARCSEC = np.pi / 180 / 3600
CELL = 0.11 * ARCSEC
OBSERVATION = Observation(
    calibrators=("J1924-2914",),
    targets=("target",),
    channels=8,
    antennas=10,
    phase_rms=0.0,
    amplitude_rms=0.0,
    bandpass_rms=0.0,
    interference=0.0,
    position_error=0.0,
    wvr_error=0.0,
)
Source = tuple[float, float, float, float]  # Jy, l, m and full width at half maximum in arcsec


def draw(*words: int) -> np.random.Generator:
    """Random numbers of a test's own."""
    return np.random.default_rng(np.random.SeedSequence(words))


def make_visibilities(
    seed: int,
    *,
    antennas: int = 10,
    channels: int = 8,
    integrations: int = 15,
    scans: int = 3,
    spw: int = 0,
    sigma: float = 0.0,
    extent: float = 600.0,
    sources: tuple[Source, ...] = (),
    line: tuple[Source, ...] = (),
    line_channels: tuple[int, ...] = (),
    spectral_index: float = 0.0,
) -> Visibilities:
    """A target near the zenith, its sources of constant flux density or power-law spectra.

    `line` sources shine in `line_channels` alone. `sigma` in Jy is the noise of the real part; the
    weights are those of this noise, or of 1 Jy where there is none.
    """
    antenna1, antenna2 = np.triu_indices(antennas, 1)
    # The same array and earth for all spws of a seed.
    # Three spiral arms, which fill the uv plane better than chance.
    number = np.arange(antennas)
    radius = extent / 2 * ((number // 3 + 1) / ((antennas + 2) // 3)) ** 1.3
    turn = number % 3 * 2.0944 + 1.5 * radius / extent + draw(seed, 1).normal(0, 0.25, antennas)
    stations = np.stack([radius * np.cos(turn), radius * np.sin(turn), 0 * turn], axis=-1)
    time = np.concatenate(
        [1.7e9 + 600.0 * scan + 2.0 * np.arange(integrations) for scan in range(scans)]
    )
    frequency = 230e9 + 2e9 * spw + 1.875e9 * ((np.arange(channels) + 0.5) / channels - 0.5)
    angle = 7.292115e-5 * (time - time.mean())
    baseline = stations[antenna2] - stations[antenna1]
    # The sky turns about the phase centre: the same lengths, other directions.
    u = np.multiply.outer(np.cos(angle), baseline[:, 0])
    u -= np.multiply.outer(np.sin(angle), baseline[:, 1])
    v = np.multiply.outer(np.sin(angle), baseline[:, 0])
    v += np.multiply.outer(np.cos(angle), baseline[:, 1])
    uvw = np.stack([u, v, np.zeros_like(u)], axis=-1)
    data = source_visibilities(uvw, frequency, sources, spectral_index)
    shining = source_visibilities(uvw, frequency, line, 0.0)
    data += np.where(np.isin(np.arange(channels), line_channels), shining, 0.0)
    data = np.repeat(data[..., np.newaxis], 2, axis=-1)
    noise = draw(seed, 2, spw).normal(size=(2, *data.shape))
    data += sigma * (noise[0] + 1j * noise[1])
    return Visibilities(
        field="target",
        intents=("TARGET",),
        spw=spw,
        time=time,
        integration=2.0,
        scan=np.repeat(np.arange(1, scans + 1), integrations),
        antenna1=antenna1,
        antenna2=antenna2,
        antennas=Antennas(tuple(f"A{number:02d}" for number in range(antennas)), stations),
        frequency=frequency,
        channels=np.arange(channels),
        channel_width=1.875e9 / channels,
        polarizations=("XX", "YY"),
        direction=np.array([4.7, -0.4]),
        uvw=uvw,
        data=data,
        flag=np.zeros(data.shape, dtype=bool),
        weight=np.full(data.shape, 1.0 / (sigma or 1.0) ** 2),
    )


def source_visibilities(
    uvw: np.ndarray, frequency: np.ndarray, sources: tuple[Source, ...], spectral_index: float
) -> np.ndarray:
    """(t, b, f) complex, of points and of round Gaussians, analytically."""
    waves = frequency / SPEED_OF_LIGHT
    u, v = (np.multiply.outer(uvw[..., axis], waves) for axis in range(2))
    data = np.zeros(u.shape, dtype=complex)
    for flux, l, m, width in sources:  # noqa: E741
        phase = -2j * np.pi * (u * l * ARCSEC + v * m * ARCSEC)
        # The transform of a Gaussian of full width w falls to exp(-(pi w q)^2 / (4 ln 2)).
        fall = np.exp(-((np.pi * width * ARCSEC) ** 2) * (u**2 + v**2) / (4 * np.log(2)))
        data += flux * (frequency / 230e9) ** spectral_index * fall * np.exp(phase)
    return data


def pixel_of(l: float, m: float, size: int, cell: float = CELL) -> tuple[float, float]:  # noqa: E741
    """Row and column of a direction in arcsec."""
    return size // 2 + m * ARCSEC / cell, size // 2 - l * ARCSEC / cell


def store(workdir: Path, parts: Sequence[Visibilities], group: str = "imported") -> dict[str, Any]:
    """Visibilities as a product."""
    workdir.mkdir(parents=True)
    return write_visibilities(workdir, OBSERVATION, parts, group)


def call(function: Any, workdir: Path, **arguments: Any) -> dict[str, Any]:
    """What a workload gives, through the contract."""
    return contract.invoke(function.workload, arguments, workdir, 1)


def without_data(vis: Visibilities) -> Visibilities:
    """The same, all flagged."""
    return replace(vis, flag=np.ones_like(vis.flag))
