"""The signs of the features: small drawings, so that they look the same in every font."""

from __future__ import annotations

from radps_dag.diagram.words import Feature

__all__ = ["HAND", "ICONS", "LAYERS"]

# Each in a square of 12 by 12, drawn with a line of 1.4 in the badge's colour.
ICONS: dict[Feature, str] = {
    # A tick, a cross, and a dash: how a node ended in a run.
    "good": '<path d="M1.5 6.5 4.8 9.8 10.5 2.5"/>',
    "bad": '<path d="M2 2 10 10 M10 2 2 10"/>',
    "idle": '<path d="M2 6H10"/>',
    # A diamond: a decision.
    "when": '<path d="M6 1 11 6 6 11 1 6Z"/>',
    # Cards behind a card.
    "for_each": '<path d="M1.5 4.5h6.5v6.5h-6.5Z M4 4V1.5h6.5V8H8.5"/>',
    # A circle closed by its arrow.
    "loop": '<path d="M10.4 7.2A4.6 4.6 0 1 1 9.6 3.2 M10.2.7V3.6H7.3"/>',
    # A half turn back: once more.
    "retries": '<path d="M2 4.2h5.2a3 3 0 0 1 0 6H4 M4.6 1.5 1.9 4.2l2.7 2.7"/>',
    # A clock.
    "timeout": '<circle cx="6" cy="6" r="4.7"/><path d="M6 3.2V6l2 1.5"/>',
    # A broken line in a circle: trouble that is borne.
    "tolerated": '<path d="M6 1.3 11 10.5H1Z M6 4.8v2.4 M6 8.9v.2"/>',
    # A shield with a tick.
    "qa": '<path d="M6 1 10.5 2.6V6C10.5 8.6 8.6 10.4 6 11.2 3.4 10.4 1.5 8.6 1.5 6V2.6Z'
    ' M4 6l1.5 1.5L8.2 4.6"/>',
}

# A raised hand, and sheets one over the other, for pauses and for what is not shown.
HAND = (
    '<path d="M3 7V3.2a.8.8 0 0 1 1.6 0V2.2a.8.8 0 0 1 1.6 0v-.4a.8.8 0 0 1 1.6 0v1.4a.8.8 0 0 1'
    ' 1.6 0V7.6c0 2.2-1.4 3.6-3.4 3.6C4.2 11.2 3.4 10.2 2.5 8.8L1.5 7.2C1.2 6.4 2.2 5.8 2.7 6.5Z"/>'
)
LAYERS = '<path d="M6 1.5 11 4 6 6.5 1 4Z M1 6.3 6 8.8l5-2.5 M1 8.6 6 11.1l5-2.5"/>'
