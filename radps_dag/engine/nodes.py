"""One node: its condition, then its instances, their iterations, and what each of those does."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import assert_never

from radps_dag.builder import Graph, body, node_of
from radps_dag.engine.attempts import NO_RETRY
from radps_dag.engine.calls import call_body
from radps_dag.engine.fan_out import fan_out
from radps_dag.engine.groups import group_body, use_body
from radps_dag.engine.loops import cap, iterate
from radps_dag.engine.pauses import pause_body
from radps_dag.engine.run import Body, NodeContext, NodeScope, Result, tell_failure, value_of
from radps_dag.engine.scoring import assess
from radps_dag.engine.tracker import Label, Untracked
from radps_dag.facts import CONDITION_IS_FALSE, NodeSkipped
from radps_dag.language.model import Group, Leaf, Node, Pause, Task, Use
from radps_dag.outcome import Done, Failed, NodeError, Outcome, Skipped

__all__ = ["run_node"]


async def run_node(graph: Graph, id: str, outside: NodeContext) -> Outcome:
    """Run one node of a level. Its failure is an outcome, not an exception."""
    node = node_of(graph, id)
    here = outside.entering(graph, id)
    if not node.cache:
        here = here.uncached()
    tolerated = node.on_error != "fail"
    try:
        runs = node.when is None or value_of(node.when, here)
    except NodeError as error:
        tell_failure(here, error, 0.0, tolerated=tolerated)
        return Failed(error)
    if not runs:
        reason = CONDITION_IS_FALSE
        here.run.say(NodeSkipped(time=time.time(), place=here.place.name, reason=reason))
        return Skipped(reason)
    once = _body_of(node, body(graph, id))
    try:
        if node.for_each is None:
            return Done((await _instance(node, once, lambda: tolerated)(here)).outputs)
        instance = partial(_instance, node, once)
        return Done((await fan_out(node, here, instance, tolerated=tolerated)).outputs)
    except NodeError as error:
        return Failed(error)


def _instance(node: Node, once: Body, tolerated: Callable[[], bool]) -> Body:
    """A node that is no fan-out, or the instances of one: once, or until it converges."""
    loop = node.loop
    if loop is None:
        span = NodeScope(node.kind, node.description, tolerated=tolerated)
        return partial(span.around, body=partial(_scored, node, once))
    iteration = partial(NodeScope(node.kind, tolerated=tolerated).around, body=once)
    work = partial(_scored, node, partial(iterate, node, loop, iteration))

    def until_it_ends(here: NodeContext) -> Awaitable[Result]:
        span = NodeScope("loop", node.description, lambda: cap(node, loop, here), tolerated)
        return span.around(here, work)

    return until_it_ends


def _scored(node: Node, work: Body, here: NodeContext) -> Awaitable[Result]:
    """Do the work and assess its quality; a group does so as a whole, its iterations inside."""
    return _assessed(node, work, here) if isinstance(node, Leaf) else _as_group(node, work, here)


async def _assessed(node: Node, work: Body, here: NodeContext) -> Result:
    result = await work(here)
    try:
        await assess(node, here, result.outputs)
    except NodeError as error:
        error.outputs, error.made, error.usage = result.outputs, result.made, result.usage
        raise
    return result


async def _as_group(node: Node, work: Body, here: NodeContext) -> Result:
    # One table for each stage: what is scored deeper inside is in it too.
    stage = "/" not in here.place.path
    inside = here.collecting() if stage else here
    label = Label(
        here.place.path, here.place.name, node.description, node.tags, dict(here.scope.each)
    )

    async def whole() -> Result:
        try:
            return await _assessed(node, work, inside)
        finally:
            if stage:
                await here.tracker.scores(label, inside.scores)

    if here.place.name in here.run.job.reused_groups:
        # All of it was there: one line on Prefect's page instead of a flow run for each group.
        inside = inside.tracked(Untracked())
        return await here.tracker.call(
            replace(label, reused=True), NO_RETRY, lambda number: whole()
        )
    return await here.tracker.group(label, whole)


def _body_of(node: Node, inside: Graph | None) -> Body:
    """The body of a node: one execution."""
    match node:
        case Task():
            return partial(call_body, node)
        case Group():
            assert inside is not None
            return partial(group_body, node, inside, run_node)
        case Use():
            assert inside is not None
            return partial(use_body, node, inside, run_node)
        case Pause():
            return partial(pause_body, node)
        case _:
            assert_never(node)
