"""System temperatures to gains, which bring correlations to Jy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radps_dag.workloads.sim.simulation.corruption import T0
from radps_dag.workloads.sim.solutions import Solutions, solved_on
from radps_dag.workloads.sim.visibilities import Visibilities

__all__ = ["tsys_solutions"]


def tsys_solutions(vis: Visibilities, table: Mapping[str, NDArray[Any]]) -> Solutions:
    """Gains sqrt(T0 / Tsys), T0 the temperature for which raw data are in Jy, at each measurement.

    `table` has TSYS (a, n, p) in K and time_system_cal (n,) in s. Temperatures that are no number
    or not above zero are flagged.
    """
    tsys = np.moveaxis(np.asarray(table["TSYS"], dtype=np.float64), 1, 0)[:, :, np.newaxis]
    bad = ~np.isfinite(tsys) | (tsys <= 0)
    gain = np.sqrt(T0 / np.where(bad, T0, tsys))
    time = np.asarray(table["time_system_cal"], dtype=np.float64)
    return solved_on(vis, time, 0.0, gain.astype(np.complex128), bad, 100.0)
