"""Tools that a pipeline calls."""

from __future__ import annotations

from radps_dag.language.model import Pipeline, Task, walk
from radps_dag.workloads.contract.description import Workload
from radps_dag.workloads.contract.registry import Library

__all__ = ["used_tools"]


def used_tools(pipeline: Pipeline, library: Library) -> list[Workload]:
    """The tools that a pipeline and the files that it uses call, by name."""
    names = {node.run for _, node in walk(pipeline) if isinstance(node, Task)}
    workloads = (library.workloads[name] for name in sorted(names & set(library.workloads)))
    return [workload for workload in workloads if workload.tool is not None]
