"""A graph and the times in it to the slack of each place: how much later it could have ended.

From the end of the run back: a node had to end when the first of those that wait for it had to
begin. What is on the critical path has none. It is about the graph alone: a node that
waited for its turn counts as one that could begin no sooner.
"""

from __future__ import annotations

from collections.abc import Mapping

import networkx

from radps_dag.builder import Graph, body
from radps_dag.facts.places import node_path
from radps_dag.progress.node import NodeState
from radps_dag.report.critical import Spans

__all__ = ["node_slack", "place_slack"]


def node_slack(slacks: Mapping[str, float]) -> dict[str, float]:
    """The least slack of a node's places, by the path of the node."""
    least: dict[str, float] = {}
    for place, slack in slacks.items():
        path = node_path(place)
        least[path] = min(slack, least.get(path, slack))
    return least


def place_slack(graph: Graph, root: NodeState, span: Spans) -> dict[str, float]:
    """The slack of each place that ran, in seconds."""
    slacks: dict[str, float] = {}
    ends = [times.end for node in root.children.values() if (times := span(node)) is not None]
    _level(graph, root.children, max(ends, default=0.0), span, slacks)
    return slacks


def _level(
    graph: Graph,
    children: Mapping[str, NodeState],
    latest: float,
    span: Spans,
    slacks: dict[str, float],
) -> None:
    """The nodes of a level that had to end at `latest`, those that wait for others first."""
    starts: dict[str, float] = {}
    for id in reversed(list(networkx.topological_sort(graph))):
        end = min((starts[after] for after in graph.successors(id)), default=latest)
        # What did not run takes no time: those it waited for had to end when it had to.
        starts[id] = _node(graph, id, children[id], end, span, slacks) if id in children else end


def _node(
    graph: Graph, id: str, node: NodeState, latest: float, span: Spans, slacks: dict[str, float]
) -> float:
    """Time at which the node had to begin, to end at `latest`; what is in it had to end with it."""
    times = span(node)
    if times is None:
        return latest
    slacks[node.place] = max(0.0, latest - times.end)
    parts = list(node.children.values())
    rounds = [part for part in parts if part.is_iteration]
    inner = body(graph, id)
    if rounds:
        end = latest
        for part in sorted(rounds, key=lambda part: -int(part.label[1:])):
            end = _node(graph, id, part, end, span, slacks)
    elif any(part.is_instance for part in parts):
        for part in parts:
            _node(graph, id, part, latest, span, slacks)
    elif inner is not None:
        _level(inner, node.children, latest, span, slacks)
    return latest - (times.end - times.start)
