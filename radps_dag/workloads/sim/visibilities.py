"""Visibilities in memory: of one field and spectral window, as MSv4 cuts them.

Letters of shapes, here and everywhere in this library: t times, b baselines, f channels, p
polarizations, a antennas.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SPEED_OF_LIGHT",
    "Antennas",
    "Bools",
    "Complexes",
    "Floats",
    "Integers",
    "PointModel",
    "Visibilities",
    "mean_flagged",
]

SPEED_OF_LIGHT = 299_792_458.0  # m/s

Complexes = NDArray[np.complex64] | NDArray[np.complex128]
Floats = NDArray[np.float64] | NDArray[np.float32]
Integers = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Antennas:
    """The antennas of the array: names, positions (a, 3) in m (ITRF), diameter of the dishes in m,
    0 where they differ or where nobody says."""

    names: tuple[str, ...]
    positions: Floats
    diameter: float = 12.0


@dataclass(frozen=True, slots=True)
class PointModel:
    """A point source at the phase centre: S(nu) = flux_density (nu / frequency)^spectral_index.

    `flux_density` is in Jy, `frequency` in Hz.
    """

    flux_density: float
    spectral_index: float = 0.0
    frequency: float = 1.0

    def at(self, frequency: Floats) -> Floats:
        """Flux densities in Jy at frequencies in Hz."""
        ratio: NDArray[np.float64] = np.asarray(frequency, dtype=np.float64) / self.frequency
        return self.flux_density * ratio**self.spectral_index


@dataclass(frozen=True, slots=True)
class Visibilities:
    """Visibilities of one field and spectral window.

    Attributes:
        field: name of the field
        intents: why it was observed, such as BANDPASS
        spw: spectral window id
        time: (t,) midpoints in s since 1970, UTC
        integration: length of an integration in s
        scan: (t,) scan numbers
        antenna1, antenna2: (b,) indices of a baseline's antennas, the first the lower
        antennas: the array
        frequency: (f,) of the channels' centres in Hz
        channels: (f,) numbers of the channels in their spectral window
        channel_width: in Hz
        polarizations: names of the p correlations, such as XX
        direction: (2,) right ascension and declination of the phase centre in rad (ICRS)
        uvw: (t, b, 3) in m, of antenna2 seen from antenna1
        data: (t, b, f, p) complex, in Jy where calibrated: V = <E1 conj(E2)>, for a source at l, m
            exp(-2 pi i (u l + v m + w (n - 1)) nu / c)
        flag: (t, b, f, p), true where bad
        weight: (t, b, f, p) 1 / sigma^2 of the real, and of the imaginary, part
        model: the calibrator's model, where there is one
    """

    field: str
    intents: tuple[str, ...]
    spw: int
    time: Floats
    integration: float
    scan: Integers
    antenna1: Integers
    antenna2: Integers
    antennas: Antennas
    frequency: Floats
    channels: Integers
    channel_width: float
    polarizations: tuple[str, ...]
    direction: Floats
    uvw: Floats
    data: Complexes
    flag: Bools
    weight: Floats
    model: PointModel | None = None

    @property
    def name(self) -> str:
        """The name by field and spw, as the measurement set is called in its processing set."""
        return f"{self.field.replace('/', '_')}_spw{self.spw}"

    @property
    def flagged_fraction(self) -> float:
        """Share of the visibilities that is flagged; 1 where there are none."""
        return float(self.flag.mean()) if self.flag.size else 1.0

    def of_times(self, chosen: NDArray[np.bool_] | Integers) -> Visibilities:
        """Select visibilities of some times."""
        return replace(
            self,
            time=self.time[chosen],
            scan=self.scan[chosen],
            uvw=self.uvw[chosen],
            data=self.data[chosen],
            flag=self.flag[chosen],
            weight=self.weight[chosen],
        )

    def of_channels(self, chosen: NDArray[np.bool_] | Integers) -> Visibilities:
        """Select visibilities of some channels, given by their place in `channels`."""
        return replace(
            self,
            frequency=self.frequency[chosen],
            channels=self.channels[chosen],
            data=self.data[:, :, chosen],
            flag=self.flag[:, :, chosen],
            weight=self.weight[:, :, chosen],
        )


def mean_flagged(parts: Sequence[Visibilities]) -> float:
    """Mean over parts of the share that is flagged; 0 where there are none."""
    return sum(vis.flagged_fraction for vis in parts) / max(1, len(parts))
