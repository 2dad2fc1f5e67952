"""Rows of the live tree: the nodes that are shown where there is room for only so many.

What ended takes one row, what runs shows what is in it, as deep as there is room; what does not
fit is counted. The cost is that of the rows, however wide a fan-out is.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from radps_dag.facts import repetition
from radps_dag.progress.node import NodeState, Status

__all__ = ["Row", "rows_of"]

_INSTANCES = 8  # of one fan-out, at most
# Where there are too many: in which order, and up to which share of the rows, they are shown.
_RANKS: tuple[tuple[frozenset[Status], float], ...] = (
    (frozenset({"retrying", "running"}), 1.0),
    (frozenset({"failed", "tolerated"}), 0.5),
    (frozenset({"waiting"}), 0.2),
    (frozenset({"succeeded", "skipped"}), 0.2),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A node with its depth, or `more` of them in words."""

    depth: int
    node: NodeState | None
    more: str = ""


def rows_of(node: NodeState, depth: int, room: int) -> Iterator[Row]:
    """The rows of what is in a node, at most `room`."""
    if room <= 0:
        return
    if repetition(node.kind) == "loop":
        # The row of the loop tells the iteration; below it stands what the iteration does.
        iteration = next(iter(node.active.values()), None)
        if iteration is not None:
            yield from rows_of(iteration, depth, room)
        return
    shown, above, below = _choose(node, room)
    spare = room - len(shown) - bool(above) - bool(below)
    still_open = sum(child.status == "running" for child in shown)
    if above:
        yield Row(depth, None, above)
    for child in shown:
        yield Row(depth, child)
        if child.status == "running":
            inside = list(rows_of(child, depth + 1, -(-spare // still_open)))
            yield from inside
            spare -= len(inside)
            still_open -= 1
    if below:
        yield Row(depth, None, below)


def _choose(node: NodeState, room: int) -> tuple[list[NodeState], str, str]:
    """The children to show, and in words what stands above and below them without being shown."""
    if repetition(node.kind) == "fan_out":
        return _instances(node, min(room, _INSTANCES))
    children = node.children.values()
    if len(children) <= room:
        return list(children), "", ""
    slots = max(room - 2, 1)
    chosen: dict[str, NodeState] = {}
    for statuses, share in _RANKS:
        # Of what is over the latest, of the rest the first.
        order = reversed(children) if "succeeded" in statuses else children
        some = (child for child in order if child.status in statuses)
        most = min(slots - len(chosen), math.ceil(share * slots))
        chosen.update((child.label, child) for child in islice(some, most))
    shown = [child for child in children if child.label in chosen]
    hidden = Counter(child.status for child in children if child.label not in chosen)
    above = _words(
        (hidden["succeeded"], "done"),
        (hidden["failed"] + hidden["tolerated"], "failed"),
        (hidden["skipped"], "skipped"),
    )
    below = _words(
        (hidden["running"] + hidden["retrying"], "more running"), (hidden["waiting"], "to come")
    )
    if room < 3:  # no room for words as well
        return shown[:1], "", below if room == 2 else ""
    return shown, above, below


def _instances(node: NodeState, room: int) -> tuple[list[NodeState], str, str]:
    """The instances that run; the row of the fan-out has the counts, the summary what failed."""
    running = len(node.active)
    slots = room if running <= room else room - 1
    shown = list(islice(node.active.values(), slots))
    return shown, "", _words((running - len(shown), "more running"))


def _words(*counts: tuple[int, str]) -> str:
    return ", ".join(f"{count:,} {word}" for count, word in counts if count)
