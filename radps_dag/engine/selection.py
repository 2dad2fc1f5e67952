"""Selection of stages: all of them, or those that --only, --from and --until choose."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from radps_dag.builder import Graph, edge_outputs
from radps_dag.engine.settings import Selection
from radps_dag.language.dependencies import edges
from radps_dag.language.model import Pipeline
from radps_dag.problem import UsageError, did_you_mean, there_are
from radps_dag.reuse.stages import StageResult

__all__ = ["before", "choose", "needed", "reuse", "subgraph"]


def choose(graph: Graph, selection: Selection) -> tuple[str, ...]:
    """The stages that run, in the file's order.

    `--only` names them; `--from` takes a stage and all that depends on it, `--until` a stage and
    all that it depends on; together they take what is in both.
    """
    for id in (*selection.only, *selection.begin, *selection.until):
        if id not in graph:
            hint = did_you_mean(id, graph) or f"; {there_are(graph)}"
            raise UsageError(f"no stage {id!r} in {graph.graph['pipeline'].name}{hint}")
    chosen = set(graph)
    if selection.only:
        chosen &= set(selection.only)
    if selection.begin:
        chosen &= {id for first in selection.begin for id in {first} | nx.descendants(graph, first)}
    if selection.until:
        chosen &= {id for last in selection.until for id in {last} | nx.ancestors(graph, last)}
    if not chosen:
        raise UsageError("no stage is in all of --only, --from and --until")
    return tuple(id for id in graph if id in chosen)


def needed(graph: Graph, chosen: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The stages that are not chosen but read by some that are, with the readers."""
    readers: dict[str, tuple[str, ...]] = {}
    for target in chosen:
        for source in graph.predecessors(target):
            if source not in chosen and edge_outputs(graph, source, target):
                readers[source] = (*readers.get(source, ()), target)
    return readers


def before(graph: Graph, chosen: tuple[str, ...]) -> tuple[str, ...]:
    """The stages that are not chosen and that some which are wait for, directly or through others:
    what they have added to the context is known."""
    if len(chosen) == len(graph):
        return ()
    waited = {id for stage in chosen for id in nx.ancestors(graph, stage)}
    return tuple(id for id in graph if id in waited and id not in chosen)


def reuse(
    pipeline: Pipeline, required: Mapping[str, tuple[str, ...]], results: Mapping[str, StageResult]
) -> dict[str, Any]:
    """The outputs of stages that do not run, from earlier runs.

    Raises UsageError where there are none, and the reader cannot do without.
    """
    must = {
        (edge.source, edge.target)
        for edge in edges(pipeline)[""]
        if edge.reference is not None and not edge.reference.guarded
    }
    outputs: dict[str, Any] = {}
    for id, readers in required.items():
        result = results.get(id)
        reader = next((reader for reader in readers if (id, reader) in must), None)
        if result is not None and result.outputs is not None:
            outputs[id] = result.outputs
        elif reader is not None and result is None:
            raise UsageError(
                f"stage {reader!r} reads what {id!r} makes, and no earlier run here left it; "
                f"run {id!r} first, or with it: --from {id}"
            )
    return outputs


def subgraph(graph: Graph, chosen: tuple[str, ...]) -> Graph:
    """The graph of the chosen stages, in the file's order."""
    part: Graph = nx.DiGraph()
    part.graph.update(graph.graph)
    part.add_nodes_from((id, graph.nodes[id]) for id in chosen)
    part.add_edges_from(
        (source, target, attributes)
        for source, target, attributes in graph.edges(data=True)
        if source in part and target in part
    )
    return part
