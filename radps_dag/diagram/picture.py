"""A graph to a picture: boxes, edges, labels, a title and a legend, each with its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from radps_dag.builder import Graph
from radps_dag.diagram.cards import NO_STATES, Card, States, cards, features, walk_cards
from radps_dag.diagram.face import PILL_HEIGHT, SMALL
from radps_dag.diagram.labels import Label, labels
from radps_dag.diagram.layered import Direction
from radps_dag.diagram.layout import Arranger, Box, lay_out, own_arranger
from radps_dag.diagram.words import FEATURES, Feature
from radps_dag.fonts.text import text_width, wrap

__all__ = ["HEADING", "MARGIN", "Entry", "Picture", "picture"]

MARGIN = 28.0
HEADING = 19.0
SAMPLE = 30.0  # the width of an example in the legend
Sign = Feature | Literal["data", "needs_edge", "pause", "use", "hidden"]

SIGNS: dict[Sign, str] = {
    "data": "data",
    "needs_edge": "order only (needs)",
    "good": FEATURES["good"],
    "bad": FEATURES["bad"],
    "idle": FEATURES["idle"],
    "when": FEATURES["when"],
    "for_each": FEATURES["for_each"],
    "loop": FEATURES["loop"],
    "retries": FEATURES["retries"],
    "timeout": FEATURES["timeout"],
    "tolerated": FEATURES["tolerated"],
    "qa": FEATURES["qa"],
    "pause": "waits for a person",
    "use": "another pipeline file",
    "hidden": "more inside, not shown",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the legend: what is to be explained, where, and in which words."""

    x: float
    y: float
    sign: Sign
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything that is drawn."""

    width: float
    height: float
    title: str
    description: tuple[str, ...]
    root: Box
    labels: tuple[Label, ...]
    legend: tuple[Entry, ...]


def picture(
    graph: Graph,
    depth: int | None = None,
    direction: Direction = "down",
    arranger: Arranger = own_arranger,
    states: States = NO_STATES,
) -> Picture:
    """The picture of a pipeline, with how its nodes ended in a run if `states` say so."""
    card = cards(graph, depth, states)
    box = lay_out(card, direction, arranger)
    inner = max(box.width, 460.0, min(text_width(card.id, HEADING, "SemiBold"), 1200.0))
    description = wrap(card.description, inner, 12.0, 2)
    top = MARGIN + HEADING + 4 + 17 * len(description) + 18
    box = box.moved(MARGIN + (inner - box.width) / 2, top)
    legend, height = _legend(_signs(card), inner, box.y + box.height + 26)
    return Picture(
        width=inner + 2 * MARGIN,
        height=height + MARGIN,
        title=card.id,
        description=description,
        root=box,
        labels=labels(box),
        legend=legend,
    )


def _signs(card: Card) -> list[Sign]:
    """List the signs that appear in the picture, in the legend's order."""
    all_cards = list(walk_cards(card))
    links = {link.kind for each in all_cards for link in each.links}
    kinds = {each.kind for each in all_cards if each.path}
    seen: set[Sign] = {*features(card)}
    seen |= {"data"} if "data" in links else set()
    seen |= {"needs_edge"} if "needs" in links else set()
    seen |= {"pause"} if any(kind.asks for kind in kinds) else set()
    seen |= {"use"} if any(kind.file for kind in kinds) else set()
    seen |= {"hidden"} if any(each.collapsed for each in all_cards) else set()
    return [sign for sign in SIGNS if sign in seen]


def _legend(signs: list[Sign], width: float, top: float) -> tuple[tuple[Entry, ...], float]:
    """The entries, row after row; and where the last row ends."""
    entries: list[Entry] = []
    x, y = MARGIN, top
    for sign in signs:
        text = SIGNS[sign]
        wide = SAMPLE + text_width(text, SMALL) + 26
        if x > MARGIN and x + wide - 26 > MARGIN + width:
            x, y = MARGIN, y + PILL_HEIGHT + 8
        entries.append(Entry(x, y, sign, text))
        x += wide
    return tuple(entries), y + (PILL_HEIGHT if entries else 0.0)
