"""Cards to Graphviz's DOT language, groups as clusters."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.diagram import palette
from radps_dag.diagram.cards import Card, Link
from radps_dag.diagram.layered import Direction
from radps_dag.diagram.palette import FEATURE, PAUSE, TASK, group_tone
from radps_dag.diagram.signs import lines

__all__ = ["dot", "quoted"]


def dot(card: Card, direction: Direction = "down") -> str:
    """A complete digraph."""
    return "\n".join(_digraph(card, direction)) + "\n"


def quoted(text: str) -> str:
    r"""A DOT string that means this text, whatever is in it.

    >>> print(quoted('say "no" & \\n'))
    "say \"no\" &amp; \\n"
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return '"' + escaped.replace("\n", " ") + '"'


def _digraph(card: Card, direction: Direction) -> Iterator[str]:
    yield f"digraph {quoted(card.id)} {{"
    rankdir = "TB" if direction == "down" else "LR"
    yield f"  graph [rankdir={rankdir}, compound=true, labelloc=t, labeljust=l, nodesep=0.35,"
    yield f'         fontname="Inter, Helvetica, sans-serif", label={quoted(card.id)}];'
    yield '  node [shape=box, style="rounded,filled", fontname="Inter, Helvetica, sans-serif",'
    yield f'        fontsize=11, color="{TASK.edge}", fillcolor="{TASK.fill}"];'
    yield '  edge [fontname="Inter, Helvetica, sans-serif", fontsize=9,'
    yield f'        color="{palette.WIRE}", fontcolor="{palette.MUTED}"];'
    yield from _inside(card, 1)
    yield "}"


def _inside(card: Card, depth: int) -> Iterator[str]:
    margin = "  " * depth
    for inner in card.inside:
        if inner.inside:
            yield f"{margin}subgraph {quoted(f'cluster_{inner.path}')} {{"
            attributes = ", ".join(_attributes(inner, depth))
            yield f"{margin}  graph [{attributes}];"
            yield from _inside(inner, depth + 1)
            yield f"{margin}}}"
        else:
            yield f"{margin}{quoted(inner.path)} [{', '.join(_attributes(inner, depth))}];"
    by_id = {inner.id: inner for inner in card.inside}
    for link in card.links:
        yield margin + _edge(link, by_id[link.source], by_id[link.target])


def _edge(link: Link, source: Card, target: Card) -> str:
    """Between boxes; where an end is a cluster, it starts at a box inside and is cut there."""
    attributes = []
    if source.inside:
        attributes.append(f"ltail={quoted(f'cluster_{source.path}')}")
    if target.inside:
        attributes.append(f"lhead={quoted(f'cluster_{target.path}')}")
    if link.kind == "needs":
        attributes.append("style=dashed")
    elif link.outputs:
        attributes.append(f"label={quoted(', '.join(link.outputs))}")
    end = f" [{', '.join(attributes)}]" if attributes else ""
    return f"{quoted(_box_of(source, -1).path)} -> {quoted(_box_of(target, 0).path)}{end};"


def _box_of(card: Card, place: int) -> Card:
    while card.inside:
        card = card.inside[place]
    return card


def _attributes(card: Card, depth: int) -> Iterator[str]:
    # "\l" ends a line that is aligned to the left.
    text = "".join(quoted(line)[1:-1] + "\\l" for line in lines(card))
    yield f'label="{text}"'
    group = bool(card.inside)
    edge, fill = TASK.edge, TASK.fill
    if card.kind.asks:
        yield "shape=hexagon"
        edge, fill = PAUSE.edge, PAUSE.fill
    elif card.kind.holds:
        edge, fill = group_tone(depth).edge, group_tone(depth).fill
        if not group:
            yield "shape=tab" if card.kind.file else "shape=component"
    elif card.has("for_each"):
        yield "shape=box3d"
    styles = ["filled"] + ([] if card.kind.asks else ["rounded"])
    if card.has("when"):
        styles.append("dashed")
        edge = FEATURE["when"].edge
    if card.has("loop"):
        yield "penwidth=2.2"
        edge = FEATURE["loop"].edge
    yield f'style="{",".join(styles)}"'
    yield f'color="{edge}"'
    yield f'fillcolor="{fill}"'
    if card.badges:
        tips = "; ".join(badge.full or badge.text for badge in card.badges)
        yield f"tooltip={quoted(tips)}"
