"""Workloads that do as little as the benchmark needs."""

from __future__ import annotations

import time
from pathlib import Path
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


@workload
def toil(item: int, seconds: float, hungry: str) -> Item:
    """Wait; whoever finds a file there takes it away, and 2 GB of memory."""
    try:
        Path(hungry).unlink()
    except FileNotFoundError:
        time.sleep(seconds)
        return {"item": item}
    held = [b"x" * 1_000_000 + bytes(number) for number in range(2000)]
    time.sleep(60)
    return {"item": len(held)}


@workload(mutates="file")
def append(file: str, seconds: float) -> Item:
    """Add two lines to a file, one before and one after a wait."""
    with Path(file).open("a", encoding="utf-8", buffering=1) as lines:
        lines.write("begun\n")
        time.sleep(seconds)
        lines.write("ended\n")
    return {"item": 0}
