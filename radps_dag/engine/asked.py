"""Resources that an attempt of a call asks for, and its limit in time."""

from __future__ import annotations

from radps_dag.engine.run import NodeContext
from radps_dag.language.amounts import amounts
from radps_dag.language.expression import ExpressionError
from radps_dag.language.model import Resources, Task
from radps_dag.outcome import ResourcesRefused
from radps_dag.workloads.contract.asking import asked_by

__all__ = ["limit_of", "resources_of"]

_USUAL = Resources()


def resources_of(node: Task, here: NodeContext, attempt: int) -> Resources:
    """The resources that an attempt asks for. Raises ResourcesRefused for what cannot be had here,
    as far as only the run could show it."""
    asked = asked_by(node, here.run.job.library.workloads)
    if not asked:
        return _USUAL
    try:
        resources = amounts(asked, {**here.scope.names(), "attempt": attempt})
    except ExpressionError as error:
        message = f"{error.message} (at {error.at})"
        raise ResourcesRefused(here.place.name, "ExpressionError", message) from error
    for why in here.run.job.offer.refusals(resources):
        raise ResourcesRefused(here.place.name, "ResourcesMissing", f"it {why}")
    return resources


def limit_of(node: Task, resources: Resources) -> tuple[float | None, str]:
    """The seconds that an attempt may take, and the words for what says so."""
    walltime = resources.walltime
    if walltime is not None and walltime < (node.timeout or float("inf")):
        return walltime, "its walltime"
    return node.timeout, ""
