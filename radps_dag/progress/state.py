"""Facts to the state of a run: a tree of nodes with what a person wants to know of each.

`fold(facts)` is the whole of it; `RunState.apply` takes one fact in time O(depth of its place), so
that a fan-out of 10,000 costs per instance what one of 10 does. What ended well inside a fan-out
or a loop is counted and forgotten; what failed, was skipped or scored low stays in the tree.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from radps_dag.facts import (
    Fact,
    Iterated,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Noted,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
)
from radps_dag.progress.node import (
    RECENT,
    NodeState,
    Quality,
    count,
    enter,
    forget,
    forget_inside,
    parts,
    stop,
    withdraw,
)

__all__ = ["RunState", "fold"]

_MOST_NOTES = 200


@dataclass(slots=True, eq=False)
class RunState:
    """A run as its facts tell it. `root` is the run itself, its children are the stages."""

    root: NodeState = field(default_factory=lambda: NodeState("", ""))
    run: RunStarted | None = None
    end: RunEnded | None = None
    warnings: list[Noted] = field(default_factory=list)
    warned: int = 0  # all warnings; only the first 200 are kept
    planned: int = 0  # stages that were named beforehand

    def expect(self, places: Iterable[str]) -> None:
        """Name nodes that are going to run, so that they show before they start."""
        for place in places:
            self._node(place)
            self.planned += 1

    def find(self, place: str) -> NodeState | None:
        """The node at a place, unless it is unknown or forgotten."""
        node: NodeState | None = self.root
        for part in parts(place):
            node = node.children.get(part) if node else None
        return node

    def apply(self, fact: Fact) -> None:
        """Take one fact into account."""
        match fact:
            case NodeStarted():
                self._started(fact)
            case NodeSucceeded() | NodeFailed() | NodeSkipped() | NodeStopped():
                self._ended(fact)
            case Iterated():
                _iterated(self._node(fact.place), fact)
            case Retrying():
                self._retrying(fact)
            case Scored():
                self._scored(fact)
            case Noted():
                self._noted(fact)
            case RunStarted():
                self.run = fact
                self.root.status, self.root.started = "running", fact.time
            case RunEnded():
                self.end = fact
                self.root.status = "succeeded" if fact.status == "succeeded" else "failed"
                self.root.seconds = fact.seconds
                stop(self.root, fact.time)

    def _node(self, place: str) -> NodeState:
        """The node at a place, made where it is new."""
        node = self.root
        for part in parts(place):
            child = node.children.get(part)
            if child is None:
                joint = "/" if node.place and part[0] not in "[#" else ""
                child = NodeState(node.place + joint + part, part, node)
                node.children[part] = child
            node = child
        return node

    def _started(self, fact: NodeStarted) -> None:
        node = self._node(fact.place)
        forget_inside(node)
        withdraw(node)
        node.kind, node.description, node.total = fact.kind, fact.description, fact.total
        node.attempt, node.again_at, node.seconds = fact.attempt, None, None
        node.outcome, node.reason = "", ""
        node.started = fact.time
        enter(node, "running")
        loop = node.parent
        if loop is not None and node.is_iteration:
            loop.iteration = int(node.label[1:])
            for earlier in [child for child in loop.children.values() if child is not node]:
                if earlier.ended and not earlier.failures:
                    forget(earlier)

    def _ended(self, fact: NodeSucceeded | NodeFailed | NodeSkipped | NodeStopped) -> None:
        node = self._node(fact.place)
        withdraw(node)
        node.again_at = None
        match fact:
            case NodeSucceeded():
                node.seconds, node.error, node.message = fact.seconds, "", ""
                enter(node, "succeeded")
            case NodeFailed():
                node.seconds, node.error, node.message = fact.seconds, fact.error, fact.message
                enter(node, "tolerated" if fact.tolerated else "failed")
            case NodeSkipped():
                node.reason = fact.reason
                enter(node, "skipped")
            case NodeStopped():
                node.seconds, node.reason = fact.seconds, fact.reason
                enter(node, "stopped")
        parent = node.parent
        if parent is None:
            return
        # Of a loop the latest iteration counts, of everything else the worst part.
        parent.inside = node.quality if node.is_iteration else parent.inside | node.quality
        if node.is_instance and not node.failures and not node.remarks:
            forget(node)

    def _retrying(self, fact: Retrying) -> None:
        node = self._node(fact.place)
        forget_inside(node)
        withdraw(node)
        node.attempt, node.attempts = fact.attempt, fact.attempts
        node.error, node.message = fact.error, fact.message
        node.again_at = fact.time + fact.delay
        enter(node, "retrying")
        node.retried += 1
        for above in node.above():
            above.retried += 1

    def _scored(self, fact: Scored) -> None:
        node = self._nearest(fact.place)
        quality = Quality(fact.score, fact.verdict)
        node.own = node.own | quality
        if fact.verdict not in ("good", "none"):
            node.low = (*node.low, fact)[-RECENT:]
            count(node, remarks=1)
        while node.ended and node.parent is not None:
            node.parent.inside |= quality
            node = node.parent

    def _nearest(self, place: str) -> NodeState:
        """The node at a place or, where that is forgotten, the one it was in."""
        node = self.root
        for part in parts(place):
            if part not in node.children:
                break
            node = node.children[part]
        return node

    def _noted(self, fact: Noted) -> None:
        if fact.level == "warning":
            self.warned += 1
            if len(self.warnings) < _MOST_NOTES:
                self.warnings.append(fact)


def fold(facts: Iterable[Fact]) -> RunState:
    """The state of a run after all these facts."""
    state = RunState()
    for fact in facts:
        state.apply(fact)
    return state


def _iterated(node: NodeState, fact: Iterated) -> None:
    node.iteration, node.total, node.outcome = fact.iteration, fact.cap, fact.outcome
    if fact.score is not None:
        node.scores = (*node.scores, fact.score)[-RECENT:]
    node.iterations += 1
    for above in node.above():
        above.iterations += 1
