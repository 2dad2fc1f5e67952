"""A graph and the times in it to the critical path: who had to end before the run could.

From what ended last back: of all that a node waits for, the one that ended last held it up. Of a
fan-out that is the instance that ended last, of a loop every round. An instance that waited for its
turn begins late, so the seconds between two steps belong to the path too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from radps_dag.builder import Graph, body
from radps_dag.progress.node import NodeState
from radps_dag.report.model import Step

__all__ = ["Span", "critical_path"]


@dataclass(frozen=True, slots=True)
class Span:
    """Begin and end of a place."""

    start: float
    end: float


Spans = Callable[[NodeState], Span | None]


def critical_path(graph: Graph, root: NodeState, span: Spans, began: float) -> tuple[Step, ...]:
    """The steps from the first to the last, of a run that began then."""
    steps: list[Step] = []
    for node in _level(graph, root.children, span):
        times = span(node)
        assert times is not None
        before = max(0.0, times.start - (steps[-1].end if steps else began))
        steps.append(Step(node.place, times.start, times.end, before))
    return tuple(steps)


def _level(graph: Graph, children: Mapping[str, NodeState], span: Spans) -> Iterator[NodeState]:
    chain: list[str] = []
    ready = _latest(graph.nodes, children, span)
    while ready is not None and ready not in chain:
        chain.append(ready)
        ready = _latest(_awaited(graph, ready, children, span), children, span)
    for id in reversed(chain):
        yield from _inside(graph, id, children[id], span)


def _awaited(
    graph: Graph, id: str, children: Mapping[str, NodeState], span: Spans
) -> Iterator[str]:
    """The nodes that a node waits for; those that did not run stand for what they waited for."""
    seen: set[str] = set()
    waiting = list(graph.predecessors(id))
    while waiting:
        awaited = waiting.pop()
        if awaited in seen:
            continue
        seen.add(awaited)
        if awaited in children and span(children[awaited]) is not None:
            yield awaited
        else:
            waiting += graph.predecessors(awaited)


def _latest(ids: Iterable[str], children: Mapping[str, NodeState], span: Spans) -> str | None:
    ends = [
        (ended.end, ended.start, id)
        for id in ids
        if id in children and (ended := span(children[id])) is not None
    ]
    return max(ends)[2] if ends else None


def _inside(graph: Graph, id: str, node: NodeState, span: Spans) -> Iterator[NodeState]:
    """The steps in a node; the node itself where nothing is in it."""
    instances = [child for child in node.children.values() if child.is_instance and span(child)]
    rounds = [child for child in node.children.values() if child.is_iteration and span(child)]
    inner = body(graph, id)
    if instances:
        last = max(instances, key=lambda child: _end(span, child))
        yield from _inside(graph, id, last, span)
    elif rounds:
        for child in sorted(rounds, key=lambda child: int(child.label[1:])):
            yield from _inside(graph, id, child, span)
    elif inner is not None and any(span(child) for child in node.children.values()):
        yield from _level(inner, node.children, span)
    else:
        yield node


def _end(span: Spans, node: NodeState) -> float:
    times = span(node)
    return times.end if times is not None else 0.0
