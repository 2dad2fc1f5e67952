"""Solutions in memory: complex gains of each antenna, against time, frequency and polarization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from radps_dag.workloads.sim.visibilities import Bools, Complexes, Floats, Visibilities

__all__ = ["Caltable", "CaltableType", "Solutions", "median_snr", "solved_on"]

CaltableType = Literal[
    "antenna_positions", "tsys", "wvr", "phase_up", "bandpass", "gains", "flux_scale", "selfcal"
]


@dataclass(frozen=True, slots=True)
class Solutions:
    """Gains g for which V_observed = g_i conj(g_j) V_true; to calibrate is to divide by them.

    Attributes:
        field: that they were solved on; empty for any
        intents: of that field
        spws: spectral windows that were solved together, and for which they hold
        scan: that they were solved on, or None for all
        time: (t,) midpoints of the solution intervals in s
        interval: length of a solution interval in s
        frequency: (f,) in Hz; of gains, which do not depend on it, f is 1
        polarizations: names of the p polarizations
        gain: (t, a, f, p) complex
        flag: (t, a, f, p), true where there is no solution
        snr: (t, a, f, p) signal to noise; 0 where flagged
    """

    field: str
    intents: tuple[str, ...]
    spws: tuple[int, ...]
    scan: int | None
    time: Floats
    interval: float
    frequency: Floats
    polarizations: tuple[str, ...]
    gain: Complexes
    flag: Bools
    snr: Floats


def solved_on(
    vis: Visibilities,
    time: Floats,
    interval: float,
    gain: Complexes,
    flag: Bools,
    snr: Floats | float,
    scan: int | None = None,
) -> Solutions:
    """Solutions on visibilities, against the middle of the band where they are of one channel."""
    return Solutions(
        field=vis.field,
        intents=vis.intents,
        spws=(vis.spw,),
        scan=scan,
        time=time,
        interval=interval,
        frequency=vis.frequency.mean(keepdims=True) if gain.shape[2] == 1 else vis.frequency,
        polarizations=vis.polarizations,
        gain=gain,
        flag=flag,
        snr=np.where(flag, 0.0, snr),
    )


def median_snr(parts: Sequence[Solutions]) -> float:
    """Median signal to noise of the solutions that are not flagged; 0 where all are."""
    good = np.concatenate([part.snr[~part.flag] for part in parts])
    return float(np.median(good)) if good.size else 0.0


@dataclass(frozen=True, slots=True)
class Caltable:
    """Solutions of one type.

    Attributes:
        type: what they correct
        antennas: names of the antennas
        parts: the solutions, of parts of the observation
        parameters: what else the type needs, as JSON: offsets of antenna positions in m by antenna,
            flux densities in Jy by field
        history: of an iterative solver, one entry for each iteration: name to number
        simulated: whether they are of simulated visibilities
    """

    type: CaltableType
    antennas: tuple[str, ...]
    parts: tuple[Solutions, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    history: tuple[dict[str, float], ...] = ()
    simulated: bool = True
