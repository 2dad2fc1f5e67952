"""What a pipeline would notice of one workload in the place of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypedDict

import pytest

from radps_dag.workloads import Product, Random, Workdir, Workload, workload
from radps_dag.workloads.contract.signature_diff import differences
from radps_dag.workloads.outcomes import Flagged, Lines
from radps_dag.workloads.units import Degrees, Sigmas


def described(function: Callable[..., Any]) -> Workload:
    found = workload(function).workload  # type: ignore[attr-defined]
    assert isinstance(found, Workload)
    return found


def model(ms: Product, spw: int, threshold: Sigmas = 5.0, *, workdir: Workdir) -> Flagged: ...


def alike(ms: Product, spw: int, threshold: Sigmas = 5.0, *, random: Random) -> Flagged:
    """Flag in another way.

    Args:
        spw: in other words
    """
    raise NotImplementedError


def other_type(ms: Product, spw: float, threshold: Sigmas = 5.0) -> Flagged: ...
def other_unit(ms: Product, spw: int, threshold: Degrees = 5.0) -> Flagged: ...
def other_default(ms: Product, spw: int, threshold: Sigmas = 4.0) -> Flagged: ...
def no_default(ms: Product, spw: int, threshold: Sigmas) -> Flagged: ...
def renamed(ms: Product, spws: int, threshold: Sigmas = 5.0) -> Flagged: ...
def more(ms: Product, spw: int, threshold: Sigmas = 5.0, field: str = "") -> Flagged: ...
def undeclared(ms: Product, spw: int, threshold: Sigmas = 5.0) -> dict[str, Any]: ...
def other_outputs(ms: Product, spw: int, threshold: Sigmas = 5.0) -> Lines: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (alike, []),
        (other_type, ["input 'spw' is a number, not an integer"]),
        (
            other_unit,
            [
                (
                    "input 'threshold' is a number in deg (default 5.0),"
                    " not a number in sigma (default 5.0)"
                )
            ],
        ),
        (
            other_default,
            [
                (
                    "input 'threshold' is a number in sigma (default 4.0),"
                    " not a number in sigma (default 5.0)"
                )
            ],
        ),
        (
            no_default,
            ["input 'threshold' is a number in sigma, not a number in sigma (default 5.0)"],
        ),
        (renamed, ["input 'spw' is missing", "input 'spws' is one too many"]),
        (more, ["input 'field' is one too many"]),
        (undeclared, ["its outputs are not declared by a return hint"]),
        (
            other_outputs,
            [
                *(f"output {name!r} is missing" for name in Flagged.__annotations__),
                "output 'lines' is one too many",
            ],
        ),
    ],
)
def test_differences(function: Callable[..., Any], words: list[str]) -> None:
    """Inputs, defaults, units and outputs count; words, and what the engine gives, do not."""
    assert differences(described(model), described(function)) == words


class InSigmas(TypedDict):
    rms: Sigmas


class InDegrees(TypedDict):
    rms: Degrees


def in_sigmas() -> InSigmas: ...
def in_degrees() -> InDegrees: ...


def test_unit_of_an_output() -> None:
    """An output in another unit is another output, and both units are named."""
    assert differences(described(in_sigmas), described(in_degrees)) == [
        "output 'rms' is a number in deg, not a number in sigma"
    ]
