"""Workloads: the functions that pipelines call. What they promise, where they are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    # Imported when they are asked for: who lists runs needs to know products, and no workloads.
    import importlib

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "opening" if name in ("local_path", "open_product") else "workload"
    return getattr(importlib.import_module(f"{__name__}.contract.{home}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
