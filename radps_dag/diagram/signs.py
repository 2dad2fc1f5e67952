"""Badges for formats that have text alone: a sign and a few words each."""

from __future__ import annotations

from radps_dag.diagram.cards import Card
from radps_dag.diagram.words import Feature

__all__ = ["lines", "title"]

SIGNS: dict[Feature, str] = {
    "good": "✔",
    "bad": "✘",
    "idle": "-",
    "when": "◇",
    "for_each": "❐",
    "loop": "↻",
    "retries": "↺",
    "timeout": "⏱",
    "tolerated": "⚠",
    "qa": "✓",
}
LONGEST = 80  # of a line: a picture is not the place for more


def lines(card: Card) -> list[str]:
    """The card's text, line by line: its name, what it runs, its badges, what is not shown."""
    text = [card.id]
    if card.line:
        text.append(card.line)
    elif card.kind.holds and card.description:
        text.append(card.description)
    text += _badges(card)
    if card.collapsed:
        text.append(f"{card.hidden} inside")
    return [_short(line) for line in text]


def title(card: Card) -> list[str]:
    """The card's name and badges, for a place with room for one line."""
    return [_short(line) for line in (card.id, *_badges(card))]


def _badges(card: Card) -> list[str]:
    return [f"{SIGNS[badge.feature]} {badge.text}" for badge in card.badges]


def _short(line: str) -> str:
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
