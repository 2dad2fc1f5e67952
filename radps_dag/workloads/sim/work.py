"""Work of any kind: to play through the shape of a pipeline that is not there."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from radps_dag.workloads.contract.workload import Random, workload
from radps_dag.workloads.outcomes import Converging, Worked
from radps_dag.workloads.units import Megabytes, Seconds

__all__ = ["simulate_convergence", "simulate_work"]


@workload
def simulate_work(
    value: Any = None,
    seconds: Seconds = 0.02,
    megabytes: Megabytes = 0.0,
    *,
    random: Random,
) -> Worked:
    """Sleep, hold memory, and hand a value through."""
    # Ones, because what is all zero takes no memory until it is written to.
    held = np.ones(int(megabytes * 1e6), dtype=np.uint8)
    time.sleep(seconds)
    del held
    return {"value": value, "score": random.random()}


@workload
def simulate_convergence(
    residual: float = 1.0, rate: float = 0.3, seconds: Seconds = 0.02
) -> Converging:
    """Iterate a simulated solver once: the residual falls by a factor."""
    time.sleep(seconds)
    return {"residual": residual * rate}
