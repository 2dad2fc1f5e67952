"""Requests of a call: the values of its node, and of its tool where the node says nothing."""

from __future__ import annotations

from collections.abc import Mapping

from radps_dag.language.model import Named, Task
from radps_dag.workloads.contract.workload import Workload

__all__ = ["asked_by"]


def asked_by(node: Task, workloads: Mapping[str, Workload]) -> tuple[Named, ...]:
    """The values of `resources` that count for a call, as `amounts` reads them."""
    workload = workloads.get(node.run)
    if workload is None or workload.tool is None or not workload.tool.resources:
        return node.resources
    own = {item.name for item in node.resources}
    return (*node.resources, *(item for item in workload.tool.resources if item.name not in own))
