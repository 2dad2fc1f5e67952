"""Every `run` names a workload of the library."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.model import Task
from radps_dag.problem import Problem, did_you_mean, there_are

__all__ = ["check"]

RULE = "unknown-workload"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of the workloads that `run` names."""
    for seat in view.seats:
        node = seat.node
        # A node that could not be understood calls nothing.
        if isinstance(node, Task) and node.run and node.run not in shapes.workloads:
            names = sorted(shapes.workloads)
            hint = did_you_mean(node.run, names) or f"; {there_are(names)}"
            library = shapes.library.name
            message = f"no workload {node.run!r} in library {library!r}{hint}"
            yield Problem(node.run_at, RULE, message)
