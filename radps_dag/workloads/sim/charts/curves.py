"""Solutions to curves: what is drawn of an antenna against time or frequency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.simulation.corruption import T0
from radps_dag.workloads.sim.solutions import Caltable, Solutions

__all__ = ["Curve", "Quantity", "curves", "is_spectral", "quantities", "series_of"]

# A gain that differs from 1, or from 0 in phase, by less than this was not solved for.
_NOTHING = 1e-9


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity drawn of gains: amplitude, phase, or the system temperature that they stand
    for.
    """

    name: str

    def of(self, gain: NDArray[np.complex128]) -> NDArray[np.float64]:
        """The values of gains of any shape."""
        if self.name == "phase (deg)":
            return np.asarray(np.degrees(np.angle(gain)))
        size: NDArray[np.float64] = np.abs(gain)
        if self.name == "amplitude":
            return size
        with np.errstate(divide="ignore"):
            return np.asarray(T0 / size**2)


AMPLITUDE, PHASE, TSYS = Quantity("amplitude"), Quantity("phase (deg)"), Quantity("Tsys (K)")


@dataclass(frozen=True, slots=True)
class Curve:
    """Solutions of an antenna and a series, in the order of x.

    Attributes:
        series: the number of the series
        x: (n,) minutes since the first solution of the caltable, or GHz
        gain: (n,) complex
        flag: (n,)
    """

    series: int
    x: NDArray[np.float64]
    gain: NDArray[np.complex128]
    flag: NDArray[np.bool_]


Series = tuple[tuple[int, ...], str]


def series_of(table: Caltable) -> list[Series]:
    """Spectral windows that were solved together, and polarization: each is a series."""
    series = {(part.spws, name): None for part in table.parts for name in part.polarizations}
    return sorted(series)


def is_spectral(table: Caltable) -> bool:
    """Whether the solutions are drawn against frequency, rather than time."""
    return table.type == "bandpass" or any(part.frequency.size > 1 for part in table.parts)


def quantities(table: Caltable) -> list[Quantity]:
    """The quantities that the solutions are about: amplitudes, phases, or both."""
    if table.type == "tsys":
        return [TSYS]
    if table.type == "wvr":
        return [PHASE]
    good = [part.gain[~part.flag] for part in table.parts]
    gains = np.concatenate([gain.ravel() for gain in good]) if good else np.zeros(0, complex)
    drawn = [
        quantity
        for quantity, about in ((AMPLITUDE, np.abs(gains) - 1.0), (PHASE, np.angle(gains)))
        if np.abs(about).max(initial=0.0) > _NOTHING
    ]
    return drawn or [AMPLITUDE, PHASE]


def curves(table: Caltable, antenna: int) -> list[Curve]:
    """Those of an antenna: of each part and polarization one, or as many as it has times where it
    is drawn against frequency.

    Raises ValueError if a solution that is not flagged is not a number.
    """
    series = series_of(table)
    start = min((float(part.time.min()) for part in table.parts if part.time.size), default=0.0)
    lines = []
    for part in table.parts:
        _require_finite(part, table, antenna)
        for number, name in enumerate(part.polarizations):
            gain = np.asarray(part.gain[:, antenna, :, number], dtype=np.complex128)
            flag = part.flag[:, antenna, :, number]
            which = series.index((part.spws, name))
            if is_spectral(table):
                order = np.argsort(part.frequency)
                x = np.asarray(part.frequency, dtype=np.float64)[order] / 1e9
                lines += [
                    Curve(which, x, gain[time, order], flag[time, order])
                    for time in range(len(part.time))
                ]
            else:
                order = np.argsort(part.time)
                x = (np.asarray(part.time, dtype=np.float64)[order] - start) / 60.0
                lines.append(Curve(which, x, gain[order, 0], flag[order, 0]))
    return lines


def _require_finite(part: Solutions, table: Caltable, antenna: int) -> None:
    bad = ~np.isfinite(part.gain[:, antenna]) & ~part.flag[:, antenna]
    if bad.any():
        raise ValueError(
            f"{int(bad.sum())} {table.type} solutions of antenna {table.antennas[antenna]}, spws "
            f"{_numbers(part.spws)}, are not numbers and not flagged: they cannot be drawn"
        )


def _numbers(spws: Sequence[int]) -> str:
    return ", ".join(map(str, spws))
