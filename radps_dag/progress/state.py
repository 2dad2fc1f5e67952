"""Facts to the state of a run: a tree of nodes with what a person wants to know of each.

`fold(facts)` is the whole of it; `RunState.apply` takes one fact in time O(depth of its place), so
that a fan-out of 10,000 costs per instance what one of 10 does. What ended well inside a fan-out
or a loop is counted and forgotten; what failed, was skipped or scored low stays in the tree.
`RunState(forgetful=False)` keeps everything.

A run that was resumed has several beginnings. What ended well before stays until it begins again;
what failed or was stopped waits anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from radps_dag.facts import (
    Fact,
    Iterated,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Noted,
    QuestionAnswered,
    QuestionAsked,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
    is_call,
)
from radps_dag.facts.places import is_in, parts
from radps_dag.journal.occupancy import Occupancy
from radps_dag.progress.node import RECENT, NodeState, Quality
from radps_dag.progress.pictures import made_by
from radps_dag.progress.transitions import (
    WAITS,
    add_calls,
    close_questions,
    count,
    enter,
    forget,
    forget_inside,
    forget_retries,
    iterated,
    note_waiting,
    stop,
    tally,
    wait_anew,
    withdraw,
)
from radps_dag.workloads.contract.percents import percents_in

__all__ = ["MOST_PICTURES", "RunState", "fold"]

_MOST_NOTES = 200
MOST_PICTURES = 5  # that are named
# After these, something may wait for nothing but answers, or do so no more.
_MOVING: Collection[type[Fact]] = frozenset(
    {NodeStarted, NodeSucceeded, NodeFailed, NodeStopped, Retrying, QuestionAsked, QuestionAnswered}
)


@dataclass(slots=True, eq=False)
class RunState:
    """A run as its facts tell it. `root` is the run itself, its children are the stages."""

    root: NodeState = field(default_factory=lambda: NodeState("", ""))
    run: RunStarted | None = None
    end: RunEnded | None = None
    warnings: list[Noted] = field(default_factory=list)
    warned: int = 0  # all warnings; only the first 200 are kept
    questions: dict[str, QuestionAsked] = field(default_factory=dict)  # open ones, by place
    has_asked: bool = False  # whether there ever was one
    answers: list[tuple[QuestionAsked, QuestionAnswered]] = field(default_factory=list)
    pictures: deque[str] = field(default_factory=lambda: deque(maxlen=MOST_PICTURES))  # newest ones
    pictured: set[str] = field(default_factory=set)  # the addresses of all
    occupancy: Occupancy | None = None  # of the executor, while the run goes on
    waiting: list[NodeState] = field(default_factory=list)  # at which calls wait for it
    planned: int = 0  # stages that were named beforehand
    forgetful: bool = True

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

    def note_percents(self, folder: Path | None) -> None:
        """Take in how far the calls are that say so: what is in this folder."""
        for place, percent in percents_in(folder).items() if folder is not None else ():
            if (node := self.find(place)) is not None:
                node.percent = percent

    def note_occupancy(self, occupancy: Occupancy | None) -> None:
        """Take in what the executor has, and which calls wait for it; None where nothing is known.
        What a process has left that drove the run before is not true any more."""
        for node in self.waiting:
            node.waits = ()
        self.waiting.clear()
        if self.end is not None or occupancy is None or occupancy.generation < self._generation:
            occupancy = None
        self.occupancy = occupancy
        for wait in occupancy.waits if occupancy is not None else ():
            node = self._nearest(wait.place)
            if node is not self.root and not node.ended:
                node.waits = (*node.waits, wait)
                self.waiting.append(node)

    def apply(self, fact: Fact) -> None:
        """Take one fact into account."""
        match fact:
            case NodeStarted():
                self._started(fact)
            case NodeSucceeded() | NodeFailed() | NodeSkipped() | NodeStopped():
                self._ended(fact)
            case Iterated():
                iterated(self._node(fact.place), fact)
            case Retrying():
                self._retrying(fact)
            case Scored():
                self._scored(fact)
            case Noted():
                self._noted(fact)
            case QuestionAsked():
                self._asked(fact)
            case QuestionAnswered():
                self._answered(fact)
            case RunStarted():
                self._begun(fact)
            case RunEnded():
                self._over(fact)
        if self.has_asked and type(fact) in _MOVING:
            note_waiting(self._nearest(fact.place), fact.time)

    def count_call(self, fan_out: str, *, reused: bool, success: NodeSucceeded | None) -> None:
        """Take a call in an instance into account that began and ended well, as its facts would."""
        node = self._node(fan_out)
        node.good += 1
        add_calls(node, ran=not reused, reused=reused)
        if success is not None:
            self._pictured(success)

    def _begun(self, fact: RunStarted) -> None:
        """A process begins to drive the run, which another one may have driven before."""
        if self.run is not None:
            self.end, self.warned = None, 0
            self.warnings.clear()
            for stage in self.root.children.values():
                if stage.status not in ("succeeded", "tolerated", "skipped"):
                    wait_anew(stage)
        self.run = fact
        self.root.status, self.root.seconds = "running", None
        # As if all processes had been one.
        self.root.started = fact.time - fact.spent
        self.root.waited, self.root.waits_since = 0.0, None

    def _over(self, fact: RunEnded) -> None:
        self.end = fact
        self.root.status = "succeeded" if fact.status == "succeeded" else "failed"
        if fact.status in ("succeeded", "cancelled"):
            self.questions.clear()
        if fact.status == "cancelled":
            close_questions(self.root)
        self.root.seconds = fact.seconds + (self.run.spent if self.run is not None else 0.0)
        stop(self.root, fact.time)
        if fact.status == "succeeded" and self._generation > 1:
            # The file was edited before the run was resumed: these are not stages of it any more.
            for stage in list(self.root.children.values()):
                if stage.generation != self._generation:
                    wait_anew(stage)
                    forget(stage)

    @property
    def _generation(self) -> int:
        return self.run.generation if self.run is not None else 1

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
        if node.generation:  # it is not the first that is heard of it
            forget_inside(node)
            withdraw(node)
        if node.generation != self._generation:
            forget_retries(node)
            node.generation, node.error, node.message = self._generation, "", ""
        node.kind, node.description, node.total = fact.kind, fact.description, fact.total
        node.attempt, node.again_at, node.seconds = fact.attempt, None, None
        node.percent = None
        node.waited, node.waits_since = 0.0, None
        node.outcome, node.reason, node.origin = "", "", fact.origin
        node.started = fact.time
        node.asked = self.questions.get(fact.place)  # by the process before, and not answered yet
        enter(node, "running")
        loop = node.parent
        if loop is not None and node.is_iteration:
            loop.iteration = int(node.label[1:])
            for earlier in [child for child in loop.children.values() if child is not node]:
                if self.forgetful and earlier.ended and not earlier.failures:
                    forget(earlier)

    def _ended(self, fact: NodeSucceeded | NodeFailed | NodeSkipped | NodeStopped) -> None:
        node = self._node(fact.place)
        withdraw(node)
        node.again_at, node.generation = None, self._generation
        if not isinstance(fact, NodeStopped):
            self._close(node, inside=isinstance(fact, NodeFailed))
        match fact:
            case NodeSucceeded():
                self._pictured(fact)
                node.seconds, node.error, node.message = fact.seconds, "", ""
                node.origin = fact.made.origin if fact.made is not None else ""
                if is_call(node.kind):
                    tally(node, "reused" if node.origin else "ran")
                enter(node, "succeeded")
            case NodeFailed():
                node.seconds, node.error, node.message = fact.seconds, fact.error, fact.message
                if is_call(node.kind):
                    tally(node, "ran")
                enter(node, "tolerated" if fact.tolerated else "failed")
            case NodeSkipped():
                node.reason = fact.reason
                enter(node, "skipped")
            case NodeStopped():
                node.seconds = fact.seconds
                asks = any(
                    place == node.place or is_in(place, node.place) for place in self.questions
                )
                node.reason = WAITS if asks else fact.reason
                enter(node, "stopped")
        parent = node.parent
        if parent is None:
            return
        # Of a loop the latest iteration counts, of everything else the worst part.
        parent.inside = node.quality if node.is_iteration else parent.inside | node.quality
        if self.forgetful and node.is_instance and not node.failures and not node.remarks:
            forget(node)

    def _pictured(self, fact: NodeSucceeded) -> None:
        for picture in made_by(fact, images=True):
            if picture.uri not in self.pictured:
                self.pictured.add(picture.uri)
                self.pictures.append(picture.uri)

    def _retrying(self, fact: Retrying) -> None:
        node = self._node(fact.place)
        forget_inside(node)
        withdraw(node)
        node.attempt, node.attempts = fact.attempt, fact.attempts
        node.error, node.message = fact.error, fact.message
        node.again_at = fact.time + fact.delay
        self._close(node, inside=True)
        enter(node, "retrying")
        node.retried += 1
        for above in node.above():
            above.retried += 1

    def _asked(self, fact: QuestionAsked) -> None:
        self.has_asked = True
        self.questions[fact.place] = self._node(fact.place).asked = fact

    def _answered(self, fact: QuestionAnswered) -> None:
        asked = self.questions.get(fact.place)
        if asked is not None and asked.question == fact.question:
            self._close(self._node(fact.place))
            self.answers.append((asked, fact))

    def _close(self, node: NodeState, *, inside: bool = False) -> None:
        """Close the question at a node and, with `inside`, those in it."""
        if node.asked is not None:
            node.asked = None
            self.questions.pop(node.place, None)
        if inside and self.questions:
            for place in [place for place in self.questions if is_in(place, node.place)]:
                del self.questions[place]

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
