"""A graph to cards: everything a picture says about each node, before any of it has a place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, assert_never

from radps_dag.builder import Graph, body, edge_kind, edge_outputs, node_of, walk
from radps_dag.diagram.words import Badge, Feature, badges, duration, plain
from radps_dag.facts import NodeKind
from radps_dag.fonts.text import clean
from radps_dag.language.model import Group, Node, Pause, Pipeline, Task, Use

__all__ = ["NO_STATES", "Card", "Kind", "Link", "States", "cards", "features", "walk_cards"]

LONGEST_TIP = 500
States = Mapping[str, tuple[Badge, ...]]
NO_STATES: States = {}


@dataclass(frozen=True, slots=True)
class Kind:
    """The look of a kind of node, in every format."""

    name: NodeKind
    holds: bool = False  # others may be inside
    file: bool = False  # it has the tab of a folder, with a file's name
    asks: bool = False  # it waits for a person


@dataclass(frozen=True, slots=True)
class Link:
    """One edge between two cards of the same group, by their ids."""

    source: str
    target: str
    kind: Literal["data", "needs"]
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A node as a reader is to see it. `hidden` counts the nodes inside that are not shown."""

    path: str
    id: str
    kind: Kind
    line: str = ""  # the workload, the file, or what a person is asked
    description: str = ""
    badges: tuple[Badge, ...] = ()
    inside: tuple[Card, ...] = ()
    links: tuple[Link, ...] = ()
    hidden: int = 0

    def has(self, feature: Feature) -> bool:
        """Whether a badge shows the feature."""
        return any(badge.feature == feature for badge in self.badges)

    @property
    def collapsed(self) -> bool:
        """Whether nodes inside are hidden."""
        return self.hidden > 0


def cards(graph: Graph, depth: int | None = None, states: States = NO_STATES) -> Card:
    """The pipeline as one card that holds the cards of its stages, down to `depth` levels.

    `states` are badges that say how nodes ended in a run, by their paths.
    """
    pipeline: Pipeline | None = graph.graph.get("pipeline")
    return Card(
        path="",
        id=clean(pipeline.name) if pipeline else "",
        kind=_GROUP,
        description=clean(pipeline.description) if pipeline else "",
        inside=_inside(graph, "", pipeline, depth, states),
        links=_links(graph),
    )


def _inside(
    graph: Graph, path: str, pipeline: Pipeline | None, depth: int | None, states: States
) -> tuple[Card, ...]:
    pipeline = graph.graph.get("pipeline", pipeline)
    return tuple(_card(graph, id, path, pipeline, depth, states) for id in graph)


def _card(
    graph: Graph,
    id: str,
    path: str,
    pipeline: Pipeline | None,
    depth: int | None,
    states: States,
) -> Card:
    node = node_of(graph, id)
    kind, line = _kind_and_line(node)
    below = f"{path}/{id}" if path else id
    inner = body(graph, id)
    shown = inner is not None and (depth is None or depth > 1)
    deeper = None if depth is None else depth - 1
    return Card(
        path=below,
        id=clean(id),
        kind=kind,
        line=clean(line),
        description=clean(node.description or _inherited_description(node)),
        badges=tuple(
            Badge(badge.feature, clean(badge.text), clean(badge.full)[:LONGEST_TIP])
            for badge in (*states.get(below, ()), *badges(node, pipeline))
        ),
        inside=_inside(inner, below, pipeline, deeper, states)
        if inner is not None and shown
        else (),
        links=_links(inner) if inner is not None and shown else (),
        hidden=0 if shown or inner is None else sum(1 for _ in walk(inner)),
    )


def _links(graph: Graph) -> tuple[Link, ...]:
    return tuple(
        Link(
            clean(source),
            clean(target),
            edge_kind(graph, source, target),
            tuple(clean(name) for name in edge_outputs(graph, source, target)),
        )
        for source, target in graph.edges
    )


_GROUP = Kind("group", holds=True)


def _kind_and_line(node: Node) -> tuple[Kind, str]:
    match node:
        case Task():
            return Kind(node.kind), node.run if node.run != node.id else ""
        case Group():
            return _GROUP, ""
        case Use():
            return Kind(node.kind, holds=True, file=True), node.file
        case Pause():
            return Kind(node.kind, asks=True), _question(node)
        case _:
            assert_never(node)


def _question(node: Pause) -> str:
    limit = ""
    if node.answer_within is not None:
        then = "fails" if node.on_timeout == "fail" else "goes on with the defaults"
        limit = f" ({duration(node.answer_within)}, then {then})"
    return plain(node.message) + limit


def _inherited_description(node: Node) -> str:
    return node.pipeline.description if isinstance(node, Use) else ""


def walk_cards(card: Card) -> Iterator[Card]:
    """A card and every card inside it."""
    yield card
    for inner in card.inside:
        yield from walk_cards(inner)


def features(card: Card) -> set[Feature]:
    """The features that appear anywhere in a card."""
    return {badge.feature for each in walk_cards(card) for badge in each.badges}
