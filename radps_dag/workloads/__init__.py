"""Workloads: the functions that pipelines call. What they promise, where they are found."""

from __future__ import annotations

from radps_dag.workloads.contract.opening import local_path, open_product
from radps_dag.workloads.contract.workload import (
    Context,
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
    "Context",
    "Input",
    "Output",
    "OutputInvalid",
    "Product",
    "Random",
    "Unit",
    "Workdir",
    "Workload",
    "invoke",
    "local_path",
    "open_product",
    "workload",
]
