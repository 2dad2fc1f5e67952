"""One level of the graph: every node starts when those it waits for have ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from radps_dag.builder import Graph, node_of
from radps_dag.engine.run import NodeContext
from radps_dag.facts import NodeSkipped
from radps_dag.outcome import Done, Failed, Outcome, Skipped, Stopped

__all__ = ["run_level"]

RunNode = Callable[[Graph, str, NodeContext], Awaitable[Outcome]]


async def run_level(
    graph: Graph, here: NodeContext, finished: MutableMapping[str, Any], run_node: RunNode
) -> dict[str, Outcome]:
    """Run the nodes of one level, independent ones at the same time.

    `finished` gets the outputs of each node that succeeds. Raises the first error of a node whose
    failure fails its group, when all that was running has ended.
    """
    level = _Level(graph, here, finished, run_node)
    await level.run()
    return level.outcomes


class _Level:
    def __init__(
        self, graph: Graph, here: NodeContext, finished: MutableMapping[str, Any], run_node: RunNode
    ) -> None:
        self._graph = graph
        self._here = here
        self._finished = finished
        self._run_node = run_node
        self._waits = dict(graph.in_degree())
        self.outcomes: dict[str, Outcome] = {}
        self._fatal: Failed | None = None

    async def run(self) -> None:
        async with asyncio.TaskGroup() as running:
            self._running = running
            for id in self._graph:
                if self._waits[id] == 0:
                    running.create_task(self._go(id))
        if self._fatal is not None:
            raise self._fatal.error
        if len(self.outcomes) < len(self._graph):
            raise Stopped(self._here.place.name, self._here.halt.cause)

    async def _go(self, id: str) -> None:
        if self._here.halt.cause:
            return
        outcome = self._infected(id) or await self._run_node(self._graph, id, self._here)
        for following in self._settle(id, outcome):
            self._running.create_task(self._go(following))

    def _settle(self, id: str, outcome: Outcome) -> list[str]:
        """Record how a node ended; the nodes that may start now."""
        self.outcomes[id] = outcome
        node = node_of(self._graph, id)
        match outcome:
            case Done(outputs):
                self._finished[id] = outputs
            case Failed(Stopped()):
                # Whatever `on_error` says: the node is not done, so its group has no result.
                self._fatal = self._fatal or outcome
            case Failed() if node.on_error == "fail":
                self._fatal = self._fatal or outcome
                self._here.halt.stop(outcome.error.place)
        released = []
        for following in self._graph.successors(id):
            self._waits[following] -= 1
            if self._waits[following] == 0:
                released.append(following)
        return released

    def _infected(self, id: str) -> Outcome | None:
        """Skipped, if something this node depends on failed and takes its dependents with it."""
        for source in self._graph.predecessors(id):
            match self.outcomes[source]:
                case Failed() if node_of(self._graph, source).on_error == "skip_dependents":
                    reason = f"{source} failed"
                case Skipped(contagious=True):
                    reason = f"{source} was skipped"
                case _:
                    continue
            place = self._here.place.step(id).name
            self._here.run.say(NodeSkipped(time=time.time(), place=place, reason=reason))
            return Skipped(reason, contagious=True)
        return None
