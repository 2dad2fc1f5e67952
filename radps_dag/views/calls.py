"""Everything that the journal says of one place in a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from radps_dag.facts import (
    Fact,
    Iterated,
    Made,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Noted,
    QuestionAnswered,
    QuestionAsked,
    Retrying,
    RunStarted,
    Scored,
    Usage,
)
from radps_dag.journal.cancelled import cancellation
from radps_dag.journal.rows import Row
from radps_dag.journal.store import Store

__all__ = ["Attempt", "NodeView", "NodeViews", "view_node", "views"]

Status = Literal["running", "succeeded", "failed", "skipped", "stopped", "reused", "abandoned"]

_KINDS = (
    "node_started",
    "node_succeeded",
    "node_failed",
    "node_skipped",
    "node_stopped",
    "retrying",
    "iterated",
    "scored",
    "noted",
    "question_asked",
    "question_answered",
)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. `process` counts the processes that drove the run; it was `ready` and waited for
    its slots until it `started`; `usage` is what was measured, None where nothing was."""

    number: int
    process: int
    started: float | None
    ended: float | None = None
    status: Status = "running"
    error: str = ""
    message: str = ""
    traceback: str = ""
    ready: float | None = None
    usage: Usage | None = None

    @property
    def seconds(self) -> float | None:
        """Duration in seconds; None while it is not known."""
        if self.started is None or self.ended is None:
            return None
        return max(0.0, self.ended - self.started)


@dataclass(slots=True)
class NodeView:
    """A node, an instance or an iteration, as its facts tell it; the latest of each counts."""

    run: str
    place: str
    status: Status = "running"
    start: NodeStarted | None = None
    began: RunStarted | None = None  # the process in which it did
    outputs: Mapping[str, Any] = field(default_factory=dict)
    made: Made | None = None
    seconds: float | None = None
    reason: str = ""
    tolerated: bool = False
    attempts: list[Attempt] = field(default_factory=list)
    scores: list[Scored] = field(default_factory=list)
    iterations: list[Iterated] = field(default_factory=list)
    notes: list[Noted] = field(default_factory=list)
    asked: list[QuestionAsked] = field(default_factory=list)
    answers: dict[str, QuestionAnswered] = field(default_factory=dict)  # by question
    cancelled: bool = False  # the run, for good

    @property
    def cpu(self) -> float | None:
        """Seconds of processors of all attempts; None where none was measured."""
        amounts = [attempt.usage.cpu for attempt in self.attempts if attempt.usage is not None]
        measured = [amount for amount in amounts if amount is not None]
        return sum(measured) if measured else None

    @property
    def peak_rss(self) -> int | None:
        """The most memory of an attempt, in bytes; None where none was measured."""
        amounts = [attempt.usage.peak_rss for attempt in self.attempts if attempt.usage is not None]
        return max((amount for amount in amounts if amount is not None), default=None)

    @property
    def origin(self) -> str:
        """The run that computed what it has, "" if this one did."""
        return self.made.origin if self.made is not None else ""


def view_node(store: Store, run: str, place: str, *, driven: bool) -> NodeView:
    """Read the state of a place from the journal. `driven`: a process is at work in the run. Raises
    Damaged.
    """
    rows: Sequence[Row] = [
        *store.rows(run, kinds=("run_started",)),
        *store.at(run, (place,), _KINDS),
    ]
    nodes = views(store, run, sorted(rows, key=lambda row: row.seq), driven=driven)
    view = nodes.get(place) or NodeView(run, place)
    view.cancelled = cancellation(store, run) is not None
    return view


def views(store: Store, run: str, rows: Iterable[Row], *, driven: bool) -> dict[str, NodeView]:
    """The same of every place that the rows are about. Among them are the run's beginnings."""
    nodes = NodeViews(run)
    for row in rows:
        nodes.apply(store.fact(row))
    if not driven:
        nodes.abandon()
    return nodes.places


class NodeViews:
    """Views of the places of a run, fact by fact."""

    def __init__(self, run: str) -> None:
        self.places: dict[str, NodeView] = {}
        self._run = run
        self._begun: RunStarted | None = None

    def apply(self, fact: Fact) -> None:
        """Take one fact into account."""
        if isinstance(fact, RunStarted):
            self.abandon()
            self._begun = fact
        else:
            view = self.places.setdefault(fact.place, NodeView(self._run, fact.place))
            _apply(view, fact, self._begun)

    def abandon(self) -> None:
        """Nobody is at work any more: what had not ended is abandoned."""
        for view in self.places.values():
            _abandon(view)


def _apply(view: NodeView, fact: Fact, begun: RunStarted | None) -> None:
    process = begun.generation if begun is not None else 1
    match fact:
        case NodeStarted():
            view.start, view.began, view.status = fact, begun, "running"
            view.scores, view.iterations, view.notes = [], [], []
            view.outputs, view.made, view.seconds, view.reason = {}, None, None, ""
            if not fact.origin and fact.attempt == 1:
                view.attempts.append(Attempt(1, process, fact.time, ready=fact.ready))
        case Retrying():
            _end(view, fact.time, "failed", fact.error, fact.message, usage=fact.usage)
            view.attempts.append(Attempt(fact.attempt, process, fact.time + fact.delay))
        case NodeSucceeded():
            view.outputs, view.made, view.seconds = fact.outputs, fact.made, fact.seconds
            view.status = "reused" if view.origin else "succeeded"
            _end(view, fact.time, "succeeded", usage=fact.usage)
        case NodeFailed():
            view.status, view.tolerated, view.seconds = "failed", fact.tolerated, fact.seconds
            view.outputs, view.made = fact.outputs, fact.made
            if not view.attempts or view.attempts[-1].status != "running":
                # It failed before it could begin, for what it was to begin with.
                view.attempts.append(Attempt(1, process, fact.time))
            error = fact.error, fact.message, fact.traceback
            _end(view, fact.time, "failed", *error, usage=fact.usage)
        case NodeSkipped():
            view.status, view.reason = "skipped", fact.reason
        case NodeStopped():
            view.status, view.reason, view.seconds = "stopped", fact.reason, fact.seconds
            _end(view, fact.time, "stopped")
        case Scored():
            view.scores.append(fact)
        case Iterated():
            view.iterations.append(fact)
        case Noted():
            view.notes.append(fact)
        case QuestionAsked():
            view.asked.append(fact)
        case QuestionAnswered():
            view.answers[fact.question] = fact


def _end(
    view: NodeView,
    time: float,
    status: Status,
    error: str = "",
    message: str = "",
    traceback: str = "",
    usage: Usage | None = None,
) -> None:
    """The attempt that goes on, if one does, has ended."""
    if not view.attempts or view.attempts[-1].status != "running":
        return
    last = view.attempts[-1]
    measured = usage is not None and usage.ready is not None
    view.attempts[-1] = replace(
        last,
        ready=usage.ready if usage is not None and measured else last.ready,
        started=usage.started if usage is not None and measured else last.started,
        ended=time,
        usage=usage,
        status=status,
        error=error,
        message=message,
        traceback=traceback,
    )


def _abandon(view: NodeView) -> None:
    """Mark a running node and its attempt as abandoned: the process has gone."""
    if view.status == "running" and view.start is not None:
        view.status = "abandoned"
    if view.attempts and view.attempts[-1].status == "running":
        view.attempts[-1] = replace(view.attempts[-1], status="abandoned")
