"""Visibility of the context for a node: additions of what it waits for, at each level around."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import networkx as nx

from radps_dag.builder import Graph, body
from radps_dag.context.fold import Fold, Landed
from radps_dag.facts.places import parts

__all__ = ["Link", "Visibility", "link_to", "order_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A node in the graph of its level. `level` is the place of that level in the run; `outer` is
    the same for the node that the level is in."""

    graph: Graph
    id: str
    level: str
    outer: Link | None = None

    def chain(self) -> Iterator[Link]:
        """Yield the links from the inside out."""
        link: Link | None = self
        while link is not None:
            yield link
            link = link.outer


class Visibility:
    """Lookup of the nodes that each node of a pipeline waits for. If only a `part` of the stages
    runs, those that do not run count too: `full` is the graph of all.
    """

    def __init__(self, part: Graph | None = None, full: Graph | None = None) -> None:
        self._part = part
        self._full = full
        self._before: dict[tuple[int, str], frozenset[str]] = {}

    def before(self, link: Link) -> frozenset[str]:
        """The nodes of the level that this one waits for, directly or through others."""
        key = (id(link.graph), link.id)
        if key not in self._before:
            full = self._full if link.graph is self._part else None
            graph = link.graph if full is None else full
            self._before[key] = frozenset(nx.ancestors(graph, link.id))
        return self._before[key]

    def landed(self, link: Link, fold: Fold) -> list[Landed]:
        """Collect what a node sees: the work of those it waits for, and what comes from outside."""
        seen = list(fold.outside)
        for scope in link.chain():
            for id in self.before(scope):
                seen += fold.under(f"{scope.level}/{id}" if scope.level else id)
        return seen

    def sees(self, link: Link, place: str) -> bool:
        """Whether a node sees what was added at a place."""
        there = parts(place)
        for scope in link.chain():
            level = parts(scope.level)
            if there[: len(level)] == level and set(there[len(level) :][:1]) & self.before(scope):
                return True
        return False


def order_of(graph: Graph) -> list[str]:
    """The paths of all nodes: each after those that it waits for, and as in the file otherwise."""
    order: list[str] = []
    _ordered(graph, "", order)
    return order


def _ordered(graph: Graph, path: str, order: list[str]) -> None:
    number = {id: position for position, id in enumerate(graph)}
    for id in nx.lexicographical_topological_sort(graph, key=number.__getitem__):
        below = f"{path}/{id}" if path else id
        order.append(below)
        if (inside := body(graph, id)) is not None:
            _ordered(inside, below, order)


def link_to(graph: Graph, place: str) -> Link | None:
    """The node at a place of a run of a pipeline, None where it has no such node."""
    link: Link | None = None
    inside: Graph | None = graph
    level = ""
    for part in parts(place):
        if part[0] in "[#":
            level += part
            continue
        if inside is None or part not in inside:
            return None
        link = Link(inside, part, level, link)
        inside, level = body(inside, part), f"{level}/{part}" if level else part
    return link
