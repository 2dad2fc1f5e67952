"""Workloads: the functions that pipelines call. What they promise, where they are found."""

from __future__ import annotations

from radps_dag.workloads.contract import (
    Input,
    Output,
    OutputInvalid,
    Product,
    Random,
    Unit,
    Workdir,
    Workload,
    invoke,
    workload,
)

__all__ = [
    "Input",
    "Output",
    "OutputInvalid",
    "Product",
    "Random",
    "Unit",
    "Workdir",
    "Workload",
    "invoke",
    "workload",
]
