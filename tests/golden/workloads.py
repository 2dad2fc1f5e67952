"""Workloads that the golden files call, so that they do not change with the placeholder library."""

from __future__ import annotations

from typing import TypedDict

from radps_dag.workloads.contract.workload import Product, workload


class Observed(TypedDict):
    ms: Product
    snr: float
    spws: list[int]


@workload
def observe(seed: int = 0, field: str = "3C286") -> Observed:
    """Make an observation.

    Args:
        seed: of the noise
        field: name of the source
    """
    raise NotImplementedError


class Solved(TypedDict):
    caltable: Product
    snr: float


@workload
def solve(ms: Product, spw: int = 0, start: float = 0.0) -> Solved:
    """Solve for gains.

    Args:
        ms: visibilities
        spw: spectral window
        start: what an earlier solution reached
    """
    raise NotImplementedError


class Listed(TypedDict):
    keys: list[str]
    snr: float


@workload
def list_names(seed: int = 0) -> Listed:
    """Give an output that is called as what a fan-out adds.

    Args:
        seed: of the noise
    """
    raise NotImplementedError


class Flagged(TypedDict):
    ms: Product
    fraction: float


@workload(mutates="ms")
def flag_in_place(ms: Product, level: float = 5.0) -> Flagged:
    """Flag visibilities where they are.

    Args:
        ms: visibilities
        level: above which they are bad
    """
    raise NotImplementedError


@workload(mutates=True)
def reset_in_place(path: str, level: float = 5.0) -> None:
    """Reset whatever lies at a path.

    Args:
        path: what to reset
        level: to what
    """
    raise NotImplementedError


@workload
def measure(ms: Product, more: Product | None = None, text: str = "") -> Solved:
    """Measure visibilities.

    Args:
        ms: visibilities
        more: further ones
        text: any text, which may be a path
    """
    raise NotImplementedError
