"""Kinds of nodes that may begin at a place of a run, and questions about them."""

from __future__ import annotations

from typing import Literal, assert_never

__all__ = ["NodeKind", "Repetition", "is_call", "is_leaf", "repetition"]

# How a node is repeated, and what may begin at a place.
Repetition = Literal["fan_out", "loop"]
NodeKind = Literal["task", "group", "use", "pause"] | Repetition


def is_leaf(kind: NodeKind) -> bool:
    """Whether nothing is in a node of this kind: it does its work, or asks, by itself."""
    match kind:
        case "task" | "pause":
            return True
        case "group" | "use" | "fan_out" | "loop":
            return False
        case _:
            assert_never(kind)


def is_call(kind: NodeKind | None) -> bool:
    """Whether a node of this kind calls a workload; None is a node that has not begun."""
    match kind:
        case "task":
            return True
        case "group" | "use" | "pause" | "fan_out" | "loop" | None:
            return False
        case _:
            assert_never(kind)


def repetition(kind: NodeKind | None) -> Repetition | None:
    """The kind of repetition that a place stands for, if it holds instances or iterations."""
    match kind:
        case "fan_out" | "loop":
            return kind
        case "task" | "group" | "use" | "pause" | None:
            return None
        case _:
            assert_never(kind)
