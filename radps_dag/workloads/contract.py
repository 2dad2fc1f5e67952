"""The contract of a workload: a plain function whose signature is its schema."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from radps_dag.shape import Shape

__all__ = ["Input", "Output", "Product", "Random", "Workdir", "Workload", "workload"]


class Product(TypedDict):
    """Bulk data by reference: what travels between workloads instead of arrays."""

    uri: str
    kind: str
    version: NotRequired[str]
    group: NotRequired[str]
    selection: NotRequired[dict[str, Any]]


# A parameter annotated with one of these is no input of the pipeline file: the engine gives it.
Workdir = Path  # replaced below by distinct marker classes


@dataclass(frozen=True, slots=True)
class Input:
    name: str
    shape: Shape
    required: bool
    default: Any = field(default=None, hash=False)
    unit: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    name: str
    shape: Shape
    unit: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """A function that a pipeline can call by name.

    `outputs` is None where the function does not say (it returns a plain dict): anything goes.
    `given` are the parameters the engine fills: name to "workdir" or "random".
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...] | None
    given: Mapping[str, Literal["workdir", "random"]] = field(default_factory=dict, hash=False)
    summary: str = ""
    description: str = ""
    version: str = "1"
    placeholder: bool = False
