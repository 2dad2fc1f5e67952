"""A node to the names of its outputs, as far as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from radps_dag.language.model import Group, Node, Pause, Task, Use
from radps_dag.workloads.contract.workload import Workload

__all__ = ["declared_outputs"]


def declared_outputs(node: Node, workloads: Mapping[str, Workload]) -> tuple[str, ...] | None:
    """The names of what one iteration of one instance gives; None where they are not known."""
    match node:
        case Task():
            workload = workloads.get(node.run)
            if workload is None or workload.outputs is None:
                return None
            return tuple(output.name for output in workload.outputs)
        case Group():
            return tuple(output.name for output in node.outputs)
        case Use():
            return tuple(output.name for output in node.pipeline.outputs)
        case Pause():
            return tuple(field.name for field in node.inputs)
        case _:
            assert_never(node)
