"""A placeholder for work of any kind: to play through the shape of a pipeline that is not there."""

from __future__ import annotations

import time
from typing import Any

from radps_dag.workloads.contract.workload import Random, workload
from radps_dag.workloads.outcomes import Converging, Worked
from radps_dag.workloads.units import Megabytes, Seconds

__all__ = ["simulate_convergence", "simulate_work"]


@workload(placeholder=True)
def simulate_work(
    value: Any = None,
    seconds: Seconds = 0.02,
    megabytes: Megabytes = 0.0,
    *,
    random: Random,
) -> Worked:
    """Sleep, hold memory, and hand a value through (placeholder).

    Args:
        value: any value
        seconds: how long it takes
        megabytes: memory that it holds
    """
    held = bytearray(int(megabytes * 1e6))
    time.sleep(seconds)
    del held
    return {"value": value, "score": random.random()}


@workload(placeholder=True)
def simulate_convergence(
    residual: float = 1.0, rate: float = 0.3, seconds: Seconds = 0.02
) -> Converging:
    """Iterate a simulated solver once: the residual falls by a factor (placeholder).

    Args:
        residual: what the iteration before left
        rate: the factor; above 1 it diverges
        seconds: how long an iteration takes
    """
    time.sleep(seconds)
    return {"residual": residual * rate}
