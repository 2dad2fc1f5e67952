"""Colours that stay apart for colour-blind readers, and stay readable in grey.

Okabe and Ito's hues, darkened until text in them has a contrast of 4.5 or more on their tints.
"""

from __future__ import annotations

from dataclasses import dataclass

from radps_dag.diagram.words import Feature

__all__ = ["FEATURE", "GROUP", "PAUSE", "TASK", "USE", "Tone", "group_tone"]


@dataclass(frozen=True, slots=True)
class Tone:
    """Colours of one thing: its text and signs, its border, its surface."""

    ink: str
    edge: str
    fill: str


INK, MUTED, PAPER, WIRE, NEED = "#1c2733", "#566372", "#ffffff", "#6b7a8c", "#8a6f4d"

TASK = Tone(INK, "#9aa7b5", "#ffffff")
GROUP = (Tone(INK, "#c3ccd6", "#f4f6f9"), Tone(INK, "#c3ccd6", "#e9edf2"))
USE = Tone(INK, "#66778a", "#f4f6f9")
PAUSE = Tone("#8f3a00", "#c65a12", "#fdf0e4")

FEATURE: dict[Feature, Tone] = {
    "good": Tone("#00614a", "#00614a", "#d8f0e6"),
    "bad": Tone("#9c1f18", "#c63a2c", "#fde5e2"),
    "idle": Tone("#46525f", "#7b8794", "#f1f3f6"),
    "when": Tone("#74560a", "#cfa93e", "#fcf5df"),
    "for_each": Tone("#00664b", "#4fae92", "#e5f5ef"),
    "loop": Tone("#00558a", "#5a9fce", "#e6f1f9"),
    "retries": Tone("#46525f", "#a5b0bc", "#f1f3f6"),
    "timeout": Tone("#46525f", "#a5b0bc", "#f1f3f6"),
    "tolerated": Tone("#46525f", "#a5b0bc", "#f1f3f6"),
    "qa": Tone("#843d74", "#c68ab8", "#f9edf6"),
}


def group_tone(depth: int) -> Tone:
    """The surfaces of groups take turns, so that each stands out of its parent."""
    return GROUP[(depth - 1) % 2]
