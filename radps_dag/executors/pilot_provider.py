"""Parsl's provider of jobs for a block of a profile: Slurm's, that of this machine, and others."""

from __future__ import annotations

import importlib
import inspect
import math
from typing import Any

from radps_dag.executors.settings import PROVIDERS, Block, ParslSettings
from radps_dag.problem import UsageError

__all__ = ["provider_of"]


def provider_of(settings: ParslSettings, block: Block) -> Any:
    """Parsl's provider for a block. Raises UsageError for what it does not take."""
    kind = getattr(importlib.import_module("parsl.providers"), PROVIDERS[settings.provider])
    takes = inspect.signature(kind).parameters
    said = {**(settings.arguments or {}), **(block.arguments or {})}
    for name, value in (("partition", block.partition), ("account", settings.account)):
        other = {"partition": "queue", "account": "project"}[name]
        if value and not {name, other} & {*takes}:
            raise UsageError(f"provider {settings.provider!r} takes no {name}")
    for name in said:
        if name not in takes:
            names = ", ".join(sorted(takes))
            raise UsageError(
                f"provider {settings.provider!r} takes no argument {name!r}; it takes {names}"
            )
    if settings.provider == "slurm":
        # After a node's failure it would wait for minutes in the queue, and as it is there no
        # other one is submitted.
        own = said.get("scheduler_options", "")
        said["scheduler_options"] = f"#SBATCH --no-requeue\n{own}".rstrip()
    given = {
        "partition": block.partition or None,
        "queue": block.partition or None,
        "account": settings.account or None,
        "project": settings.account or None,
        "nodes_per_block": block.nodes,
        "cores_per_node": block.cpus,
        "cpus_per_node": block.cpus,
        "mem_per_node": block.memory and math.ceil(block.memory / 10**9),
        "gpus_per_node": block.gpus or None,
        "walltime": None if block.walltime is None else _clock(block.walltime),
        "worker_init": "\n".join(settings.setup),
        "exclusive": False,
        "init_blocks": 0,
        "min_blocks": 0,
        "max_blocks": settings.most(block),
        "launcher": _launcher(settings.provider) if block.nodes > 1 else None,
    }
    given = {name: value for name, value in given.items() if value is not None and name in takes}
    try:
        return kind(**{**given, **said})
    except Exception as error:
        raise UsageError(f"provider {settings.provider!r}: {error}") from error


def _launcher(provider: str) -> Any:
    """The launcher that starts a pool on each node of a job."""
    from parsl.launchers import MpiExecLauncher, SingleNodeLauncher, SrunLauncher

    if provider == "local":
        return SingleNodeLauncher()
    return SrunLauncher() if provider == "slurm" else MpiExecLauncher()


def _clock(seconds: float) -> str:
    rounded = int(seconds)
    return f"{rounded // 3600:02}:{rounded // 60 % 60:02}:{rounded % 60:02}"
