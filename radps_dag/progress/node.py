"""A node of a run as far as facts tell."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from radps_dag.facts import NodeKind, QuestionAsked, Scored, Verdict, is_leaf
from radps_dag.journal.occupancy import Wait

__all__ = [
    "RECENT",
    "NodeState",
    "Quality",
    "Status",
]

Status = Literal[
    "waiting", "running", "retrying", "succeeded", "failed", "tolerated", "skipped", "stopped"
]

Call = Literal["", "ran", "reused"]

_ENDED = frozenset({"succeeded", "failed", "tolerated", "skipped", "stopped"})
_BADNESS: dict[Verdict, int] = {"none": 0, "good": 1, "warn": 2, "alert": 3, "error": 4}
RECENT = 12  # scores of a loop that are kept, for its trend


@dataclass(frozen=True, slots=True)
class Quality:
    """QA of a node and what is in it: the lowest score and the worst verdict."""

    score: float | None = None
    verdict: Verdict = "none"

    def __or__(self, other: Quality) -> Quality:
        """The worse of two."""
        if other.score is None and other.verdict == "none":
            return self
        scores = [score for score in (self.score, other.score) if score is not None]
        worst = max(self.verdict, other.verdict, key=_BADNESS.__getitem__)
        return Quality(min(scores, default=None), worst)


@dataclass(slots=True, eq=False)
class NodeState:
    """The state of a node, an instance (`[spw=2]`) or an iteration (`#3`).

    `good`, `failed` and `skipped` count the children that ended, forgotten ones too; `active` are
    those that run. `failures` and `remarks` count, over everything inside that is remembered, what
    failed and what was skipped or scored low. `ran` and `reused` count the calls in it, itself
    included and forgotten ones too, that ran and that used an earlier result.
    """

    place: str
    label: str
    parent: NodeState | None = field(repr=False, default=None)
    kind: NodeKind | None = None
    status: Status = "waiting"
    description: str = ""
    started: float | None = None
    seconds: float | None = None
    waited: float = 0.0  # seconds in which all that went on in it waited for answers
    waits_since: float | None = None  # if it does now
    percent: float | None = None  # as a program says that runs
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
    asked: QuestionAsked | None = None  # what it waits for an answer to
    waits: tuple[Wait, ...] = ()  # calls here that wait for the executor
    origin: str = ""  # the run whose result it uses, if it is a call that does not run
    call: Call = ""  # if it is a call that ended: how it counts
    ran: int = 0
    reused: int = 0
    generation: int = 0  # of the latest fact about it
    children: dict[str, NodeState] = field(default_factory=dict, repr=False)
    active: dict[str, NodeState] = field(default_factory=dict, repr=False)

    @property
    def ended(self) -> bool:
        """Whether the node is over."""
        return self.status in _ENDED

    @property
    def is_reused(self) -> bool:
        """Whether nothing in it ran: all its calls used earlier results."""
        return self.reused > 0 and not self.ran and self.status in ("running", "succeeded")

    @property
    def awaits_turn(self) -> bool:
        """Whether it has begun, and nothing in it runs: its next call waits for slots, or is being
        looked up."""
        if self.status != "running" or (self.kind is not None and is_leaf(self.kind)):
            return False
        if self.asked is not None or self.waits_since is not None:
            return False
        return all(child.awaits_turn for child in self.active.values())

    @property
    def quality(self) -> Quality:
        """Quality of the node and of all inside."""
        return self.own | self.inside

    @property
    def is_instance(self) -> bool:
        """Whether this is an instance of a fan-out."""
        return self.label.startswith("[")

    @property
    def is_iteration(self) -> bool:
        """Whether this is an iteration of a loop."""
        return self.label.startswith("#")

    @property
    def name(self) -> str:
        """The label as a person reads it below its parent: `clean`, `spw=2`, `#3`."""
        return self.label[1:-1] if self.is_instance else self.label

    def elapsed(self, now: float) -> float | None:
        """Seconds that it took, or has taken so far, without waiting for answers."""
        if self.seconds is not None:
            return self.seconds
        if self.started is None:
            return None
        return max(0.0, (self.waits_since or now) - self.started - self.waited)

    def above(self) -> Iterator[NodeState]:
        """Yield the nodes around it, innermost first."""
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def walk(self) -> Iterator[NodeState]:
        """Yield the nodes inside that are remembered, parents before children."""
        for child in self.children.values():
            yield child
            yield from child.walk()
