"""A group: its level run, its outputs evaluated; and a used file, a group with params."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from radps_dag.builder import Graph
from radps_dag.engine.attempts import attempt, plan
from radps_dag.engine.level import RunNode, run_level
from radps_dag.engine.retrying import telling, within
from radps_dag.engine.run import NodeContext, Result, value_of
from radps_dag.language.model import Group, Named, Use
from radps_dag.language.params import complete, given_by, named_paths
from radps_dag.outcome import NodeError
from radps_dag.problem import InvalidPipeline

__all__ = ["group_body", "use_body"]


async def group_body(node: Group, graph: Graph, run_node: RunNode, here: NodeContext) -> Result:
    """Run the steps, all of them again in a further attempt."""

    async def once(number: int) -> Result:
        del number
        finished: dict[str, Any] = {}
        inside = here.stopping_alone().seeing(here.scope.inside(graph, finished))
        await run_level(graph, inside, finished, run_node)
        return Result(_outputs(node.outputs, inside), inside.scope.steps)

    return await _attempted(node, here, once)


async def use_body(node: Use, graph: Graph, run_node: RunNode, here: NodeContext) -> Result:
    """Run the stages of another file, which see nothing of this one but their params."""
    given = {argument.name: value_of(argument.value, here) for argument in node.arguments}
    try:
        params = complete(node.pipeline, given_by(node, given))
    except InvalidPipeline as error:
        reasons = "; ".join(problem.message for problem in error.problems)
        raise NodeError(here.place.name, "ParamInvalid", reasons) from error
    if here.run.result_cache is not None:
        here.run.result_cache.keys.paths |= named_paths(node.pipeline, params)

    async def once(number: int) -> Result:
        del number
        finished: dict[str, Any] = {}
        scope = here.scope.of_file(params, finished)
        inside = here.stopping_alone().seeing(scope)
        await run_level(graph, inside, finished, run_node)
        return Result(_outputs(node.pipeline.outputs, inside))

    return await _attempted(node, here, once)


async def _attempted(
    node: Group | Use, here: NodeContext, once: Callable[[int], Awaitable[Result]]
) -> Result:
    attempts = plan(node.retries, f"{here.run.job.settings.seed} {here.place.name}")

    async def limited(number: int) -> Result:
        if number > 1 and here.run.result_cache is not None:
            here.run.result_cache.forget(here.place.name)
        return await within(node.timeout, here.place.name, lambda: once(number))

    return await attempt(attempts, telling(here, attempts, limited))


def _outputs(outputs: tuple[Named, ...], inside: NodeContext) -> dict[str, Any]:
    """The outputs of a group, as seen from outside."""
    return {output.name: value_of(output.value, inside) for output in outputs}
