"""Facts to the state of a run: a tree of nodes with what a person wants to know of each.

`fold(facts)` is the whole of it; `RunState.apply` takes one fact in time O(depth of its place), so
that a fan-out of 10,000 costs per instance what one of 10 does. What ended well inside a fan-out
or a loop is counted and forgotten; what failed, was skipped or scored low stays in the tree.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from radps_dag.facts import (
    Fact,
    Iterated,
    NodeFailed,
    NodeKind,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
    Noted,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
    Verdict,
)

__all__ = ["NodeState", "Quality", "RunState", "Status", "fold", "parts"]

Status = Literal[
    "waiting", "running", "retrying", "succeeded", "failed", "tolerated", "skipped", "stopped"
]

_ENDED = frozenset({"succeeded", "failed", "tolerated", "skipped", "stopped"})
_BADNESS: dict[Verdict, int] = {"none": 0, "good": 1, "warn": 2, "alert": 3, "error": 4}
_RECENT = 12  # scores of a loop that are kept, for its trend
_MOST_NOTES = 200

# An id, an instance or an iteration. An instance's key may hold `/`, `#` and `]`.
_PART = re.compile(r"[^/\[#]+|\[.*?\](?=$|[/#])|#\d+", re.DOTALL)


def parts(place: str) -> list[str]:
    """What a place is made of, outermost first.

    >>> parts("image_cube/clean[spw=2]#3/major_cycle")
    ['image_cube', 'clean', '[spw=2]', '#3', 'major_cycle']
    """
    return _PART.findall(place)


@dataclass(frozen=True, slots=True)
class Quality:
    """QA of a node and what is in it: the lowest score and the worst verdict."""

    score: float | None = None
    verdict: Verdict = "none"

    def __or__(self, other: Quality) -> Quality:
        """The worse of two."""
        scores = [score for score in (self.score, other.score) if score is not None]
        worst = max(self.verdict, other.verdict, key=_BADNESS.__getitem__)
        return Quality(min(scores, default=None), worst)


@dataclass(slots=True, eq=False)
class NodeState:
    """What is known of a node, an instance (`[spw=2]`) or an iteration (`#3`).

    `good`, `failed` and `skipped` count the children that ended, forgotten ones too; `active` are
    those that run. `failures` and `remarks` count, over everything inside that is remembered, what
    failed and what was skipped or scored low.
    """

    place: str
    label: str
    parent: NodeState | None = field(repr=False, default=None)
    kind: NodeKind | None = None
    status: Status = "waiting"
    description: str = ""
    started: float | None = None
    seconds: float | None = None
    attempt: int = 1
    attempts: int | None = None
    again_at: float | None = None  # when the next attempt begins
    total: int | None = None  # instances of a fan-out, cap of a loop
    iteration: int = 0
    scores: tuple[float, ...] = ()  # of the latest iterations
    iterations: int = 0  # all that ended inside, of any loop and instance
    outcome: str = ""
    error: str = ""
    message: str = ""
    own_failure: bool = False  # it failed, and nothing in it did
    reason: str = ""
    low: tuple[Scored, ...] = ()
    own: Quality = Quality()
    inside: Quality = Quality()
    good: int = 0
    failed: int = 0
    skipped: int = 0
    retried: int = 0
    failures: int = 0
    remarks: int = 0
    children: dict[str, NodeState] = field(default_factory=dict, repr=False)
    active: dict[str, NodeState] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        return self.status in _ENDED

    @property
    def quality(self) -> Quality:
        return self.own | self.inside

    @property
    def is_instance(self) -> bool:
        return self.label.startswith("[")

    @property
    def is_iteration(self) -> bool:
        return self.label.startswith("#")

    @property
    def name(self) -> str:
        """The label as a person reads it below its parent: `clean`, `spw=2`, `#3`."""
        return self.label[1:-1] if self.is_instance else self.label

    def elapsed(self, now: float) -> float | None:
        """Seconds that it took, or has taken so far."""
        if self.seconds is not None:
            return self.seconds
        return None if self.started is None else max(0.0, now - self.started)

    def above(self) -> Iterator[NodeState]:
        """Everything it is in, innermost first."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def walk(self) -> Iterator[NodeState]:
        """Everything inside that is remembered, parents before children."""
        for child in self.children.values():
            yield child
            yield from child.walk()


@dataclass(slots=True, eq=False)
class RunState:
    """A run as its facts tell it. `root` is the run itself, its children are the stages."""

    root: NodeState = field(default_factory=lambda: NodeState("", ""))
    run: RunStarted | None = None
    end: RunEnded | None = None
    latest: Noted | None = None
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
            case NodeSucceeded() | NodeFailed() | NodeSkipped():
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
                _stop(self.root, fact.time)

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
        _forget_inside(node)
        _withdraw(node)
        node.kind, node.description, node.total = fact.kind, fact.description, fact.total
        node.attempt, node.again_at, node.seconds = fact.attempt, None, None
        node.outcome, node.reason = "", ""
        node.started = fact.time
        _enter(node, "running")
        loop = node.parent
        if loop is not None and node.is_iteration:
            loop.iteration = int(node.label[1:])
            for earlier in [child for child in loop.children.values() if child is not node]:
                if earlier.ended and not earlier.failures:
                    _forget(earlier)

    def _ended(self, fact: NodeSucceeded | NodeFailed | NodeSkipped) -> None:
        node = self._node(fact.place)
        _withdraw(node)
        node.again_at = None
        match fact:
            case NodeSucceeded():
                node.seconds, node.error, node.message = fact.seconds, "", ""
                _enter(node, "succeeded")
            case NodeFailed():
                node.seconds, node.error, node.message = fact.seconds, fact.error, fact.message
                _enter(node, "tolerated" if fact.tolerated else "failed")
            case NodeSkipped():
                node.reason = fact.reason
                _enter(node, "skipped")
        parent = node.parent
        if parent is None:
            return
        # Of a loop the latest iteration counts, of everything else the worst part.
        parent.inside = node.quality if node.is_iteration else parent.inside | node.quality
        if node.is_instance and not node.failures and not node.remarks:
            _forget(node)

    def _retrying(self, fact: Retrying) -> None:
        node = self._node(fact.place)
        _forget_inside(node)
        _withdraw(node)
        node.attempt, node.attempts = fact.attempt, fact.attempts
        node.error, node.message = fact.error, fact.message
        node.again_at = fact.time + fact.delay
        _enter(node, "retrying")
        node.retried += 1
        for above in node.above():
            above.retried += 1

    def _scored(self, fact: Scored) -> None:
        node = self._nearest(fact.place)
        quality = Quality(fact.score, fact.verdict)
        node.own = node.own | quality
        if fact.verdict not in ("good", "none"):
            node.low = (*node.low, fact)[-_RECENT:]
            _count(node, remarks=1)
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
        self.latest = fact
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


def _enter(node: NodeState, status: Status) -> None:
    """Give a status that the parent counts; `_withdraw` is its opposite."""
    node.status = status
    # A group that fails because of what is in it is not one failure more.
    node.own_failure = status in ("failed", "tolerated") and not node.failures
    if node.own_failure:
        _count(node, failures=1)
    elif status == "skipped":
        _count(node, remarks=1)
    parent = node.parent
    if parent is None:
        return
    match status:
        case "succeeded":
            parent.good += 1
        case "failed" | "tolerated":
            parent.failed += 1
        case "skipped":
            parent.skipped += 1
        case "running" | "retrying":
            parent.active[node.label] = node


def _withdraw(node: NodeState) -> None:
    parent = node.parent
    if node.own_failure:
        node.own_failure = False
        _count(node, failures=-1)
    elif node.status == "skipped":
        _count(node, remarks=-1)
    if parent is None:
        return
    match node.status:
        case "succeeded":
            parent.good -= 1
        case "failed" | "tolerated":
            parent.failed -= 1
        case "skipped":
            parent.skipped -= 1
        case "running" | "retrying":
            parent.active.pop(node.label, None)


def _stop(node: NodeState, time: float) -> None:
    """The run has ended: what is said to run does so no more, and what waits never will."""
    for child in node.children.values():
        if child.status == "waiting":
            child.reason = "did not run"
    for child in list(node.active.values()):
        _stop(child, time)
        _withdraw(child)
        child.status, child.reason = "stopped", "stopped"
        child.seconds = child.elapsed(time)


def _count(node: NodeState, failures: int = 0, remarks: int = 0) -> None:
    """Count at a node and in everything it is in."""
    node.failures += failures
    node.remarks += remarks
    for above in node.above():
        above.failures += failures
        above.remarks += remarks


def _forget_inside(node: NodeState) -> None:
    """A node begins anew: nothing of its former attempt counts."""
    own = node.own_failure, node.status == "skipped"
    _count(node, own[0] - node.failures, own[1] - node.remarks)
    node.children.clear()
    node.active.clear()
    node.good = node.failed = node.skipped = node.iteration = 0
    node.scores, node.low = (), ()
    node.own = node.inside = Quality()


def _forget(node: NodeState) -> None:
    """Drop a node that ended; its parent goes on counting it."""
    if node.parent is not None:
        _count(node.parent, -node.failures, -node.remarks)
        node.parent.children.pop(node.label, None)


def _iterated(node: NodeState, fact: Iterated) -> None:
    node.iteration, node.total, node.outcome = fact.iteration, fact.cap, fact.outcome
    if fact.score is not None:
        node.scores = (*node.scores, fact.score)[-_RECENT:]
    node.iterations += 1
    for above in node.above():
        above.iterations += 1
