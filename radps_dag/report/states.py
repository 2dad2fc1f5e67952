"""Nodes of a report to badges: how each ended, how long it took, and its lowest score."""

from __future__ import annotations

from collections.abc import Iterable

from radps_dag.diagram.words import Badge, Feature
from radps_dag.progress.look import duration, quality_text
from radps_dag.progress.node import Quality
from radps_dag.report.nodes import Node

__all__ = ["states"]

_GOOD, _BAD = ("succeeded", "reused"), ("failed", "tolerated")


def states(nodes: Iterable[Node]) -> dict[str, tuple[Badge, ...]]:
    """The badges of the nodes by their paths, for the picture of the graph."""
    return {node.path: (_badge(node),) for node in nodes}


def _badge(node: Node) -> Badge:
    low = node.score is not None and node.score.verdict in ("warn", "alert", "error")
    feature: Feature = "idle"
    if node.status in _BAD or low:
        feature = "bad"
    elif node.status in _GOOD:
        feature = "good"
    counts = ", ".join(f"{count:,} {name}" for name, count in node.counts)
    words = [node.status if len(node.counts) == 1 and node.places == 1 else counts]
    if node.spread is not None:
        words.append(duration(node.spread.total))
    if node.score is not None:
        words.append(quality_text(Quality(node.score.score, node.score.verdict)))
    return Badge(feature, " · ".join(words), f"in this run: {' · '.join(words)}")
