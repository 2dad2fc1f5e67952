"""Workloads that do as little as the benchmark needs."""

from __future__ import annotations

import time
from typing import TypedDict

from radps_dag.workloads import workload


class Item(TypedDict):
    item: int


@workload
def nothing(item: int = 0) -> Item:
    """Do nothing."""
    return {"item": item}


@workload
def nap(seconds: float) -> Item:
    """Wait."""
    time.sleep(seconds)
    return {"item": 0}


@workload
def burn(rounds: int) -> Item:
    """Compute."""
    total = 0.0
    for number in range(rounds):
        total += (number * 31 % 7) ** 0.5
    return {"item": int(total)}
