"""The text side of a box: title, lines and badges, each with its place in the box."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from radps_dag.diagram.cards import Card
from radps_dag.diagram.words import Badge
from radps_dag.fonts.text import Weight, shorten, text_width, wrap

__all__ = [
    "BADGE",
    "PILL_HEIGHT",
    "SMALL",
    "TITLE",
    "Face",
    "Line",
    "Pill",
    "header",
    "leaf",
    "pill_width",
]

TITLE, SMALL, BADGE = 13.0, 11.0, 10.5
LEAF_WIDTH = 236.0  # the most that text takes in a box without children
PILL_HEIGHT, PILL_GAP, ICON = 18.0, 5.0, 12.0
PAD = 12.0
WIDEST_PILL = 420.0

Role = Literal["title", "line", "description", "hidden"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text; `x` and `y` are those of its baseline's start."""

    x: float
    y: float
    text: str
    size: float
    weight: Weight
    role: Role
    width: float


@dataclass(frozen=True, slots=True)
class Pill:
    """A badge with its place."""

    x: float
    y: float
    width: float
    badge: Badge
    text: str


@dataclass(frozen=True, slots=True)
class Face:
    """The text in a box, positioned from the box's upper left corner."""

    width: float
    height: float
    lines: tuple[Line, ...] = ()
    pills: tuple[Pill, ...] = ()


def leaf(card: Card) -> Face:
    """The face of a box without children, as narrow as its text."""
    side = PAD + (12.0 if card.kind.asks else 0.0)
    return _face(card, LEAF_WIDTH, side, stretch=False)


def header(card: Card, width: float) -> Face:
    """The face of a box with children: its head, at most `width` wide."""
    return _face(card, width, 0.0, stretch=True)


def _face(card: Card, width: float, side: float, stretch: bool) -> Face:
    lines: list[Line] = []
    top = 0.0 if stretch else PAD - 3
    for text, size, weight, role in _texts(card, width, stretch):
        top += size * 1.4
        lines.append(
            Line(side, top - size * 0.3, text, size, weight, role, text_width(text, size, weight))
        )
    rows = list(_rows(card.badges, width))
    pills: list[Pill] = []
    for row in rows:
        top += PILL_GAP + (2 if row is rows[0] else 0)
        x = side
        for badge, text, wide in row:
            pills.append(Pill(x, top, wide, badge, text))
            x += wide + PILL_GAP
        top += PILL_HEIGHT
    inner = max(
        (
            *(line.x + line.width for line in lines),
            *(pill.x + pill.width for pill in pills),
        ),
        default=0.0,
    )
    return Face(inner + side, top + (0.0 if stretch else PAD - 2), tuple(lines), tuple(pills))


def _texts(card: Card, width: float, stretch: bool) -> Iterator[tuple[str, float, Weight, Role]]:
    size = TITLE + 1 if stretch else TITLE
    yield shorten(card.id, width, size, "SemiBold"), size, "SemiBold", "title"
    if card.line and not card.kind.file:
        count = 3 if card.kind.asks else 1
        for text in wrap(card.line, width, SMALL, count):
            yield text, SMALL, "Regular", "line"
    if card.description and (stretch or card.collapsed):
        for text in wrap(card.description, min(width, 640.0), SMALL, 2):
            yield text, SMALL, "Regular", "description"
    if card.collapsed:
        inside = f"{card.hidden} {'node' if card.hidden == 1 else 'nodes'} inside"
        yield inside, SMALL, "Regular", "hidden"


def _rows(badges: Sequence[Badge], width: float) -> Iterator[list[tuple[Badge, str, float]]]:
    row: list[tuple[Badge, str, float]] = []
    used = 0.0
    for badge in badges:
        text = shorten(badge.text, min(width, WIDEST_PILL) - ICON - 17, BADGE)
        wide = pill_width(text)
        if row and used + PILL_GAP + wide > width:
            yield row
            row, used = [], 0.0
        used += wide + (PILL_GAP if row else 0.0)
        row.append((badge, text, wide))
    if row:
        yield row


def pill_width(text: str) -> float:
    """The width of a badge: its icon and its text."""
    return text_width(text, BADGE) + ICON + 17
