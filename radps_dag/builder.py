"""A pipeline to a graph: one node per node of the file, a group with its body's graph inside.

A loop, a fan-out or a group is one node that owns the graph of its body. So every graph is acyclic
at its level, and can be sorted and drawn before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, assert_never

import networkx as nx

from radps_dag.language.dependencies import Edge, edges
from radps_dag.language.model import Children, Group, Leaf, Node, Pipeline, Use

if TYPE_CHECKING:
    Graph = nx.DiGraph[str]
else:
    Graph = nx.DiGraph

__all__ = ["Graph", "body", "build", "edge_kind", "edge_outputs", "levels", "node_of", "walk"]


def build(pipeline: Pipeline) -> Graph:
    """The graph of a pipeline's stages.

    Each graph node is an id, in the order of the file, with the attributes `node` (the model's) and
    `body` (the graph of what is inside, or None). Each edge has `data` (the outputs that are read,
    sorted) and `needs` (whether it is asked for by `needs`).
    """
    graph = _level(pipeline.stages, "", edges(pipeline))
    graph.graph["pipeline"] = pipeline
    return graph


def _level(nodes: Children, path: str, edges: Mapping[str, tuple[Edge, ...]]) -> Graph:
    graph: Graph = nx.DiGraph()
    for node in nodes:
        graph.add_node(node.id, node=node, body=_body(node, path, edges))
    for edge in edges.get(path, ()):
        if not graph.has_edge(edge.source, edge.target):
            graph.add_edge(edge.source, edge.target, data=(), needs=False)
        attributes = graph.edges[edge.source, edge.target]
        if edge.kind == "needs":
            attributes["needs"] = True
        elif edge.reference is not None:
            # "*" is all of them: the node is read as a whole.
            names = {*attributes["data"], *(edge.reference.path[1:2] or ("*",))}
            attributes["data"] = tuple(sorted(names))
    return graph


def _body(node: Node, path: str, edges: Mapping[str, tuple[Edge, ...]]) -> Graph | None:
    match node:
        case Group():
            return _level(node.steps, f"{path}/{node.id}" if path else node.id, edges)
        case Use():
            return build(node.pipeline)
        case Leaf():
            return None
        case _:
            assert_never(node)


def node_of(graph: Graph, id: str) -> Node:
    """The model's node of a graph node."""
    node: Node = graph.nodes[id]["node"]
    return node


def body(graph: Graph, id: str) -> Graph | None:
    """The graph of what is inside a node."""
    inside: Graph | None = graph.nodes[id]["body"]
    return inside


def edge_kind(graph: Graph, source: str, target: str) -> Literal["data", "needs"]:
    """Data wins where both are given: the order follows from it anyway."""
    return "data" if edge_outputs(graph, source, target) else "needs"


def edge_outputs(graph: Graph, source: str, target: str) -> tuple[str, ...]:
    """The outputs of `source` that `target` reads."""
    outputs: tuple[str, ...] = graph.edges[source, target]["data"]
    return outputs


def levels(graph: Graph) -> Iterator[tuple[str, ...]]:
    """The ids in generations: each can run at once when those before it are done."""
    for generation in nx.topological_generations(graph):
        yield tuple(generation)


def walk(graph: Graph, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every node with its path, parents before what is inside."""
    for id in graph:
        below = f"{path}/{id}" if path else id
        yield below, node_of(graph, id)
        inside = body(graph, id)
        if inside is not None:
            yield from walk(inside, below)
