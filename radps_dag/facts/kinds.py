"""Events of a run, as frozen values: the engine emits facts, everything else listens.

A place in a run is a node's path with its instances and iterations, such as
`image_cube/clean[spw=2]#3/major_cycle`: instance `spw=2`, third iteration.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from radps_dag.facts.made import Added, Made
from radps_dag.facts.nodes import NodeKind
from radps_dag.facts.recorded import Provenance, Settings
from radps_dag.facts.typed import Id, Moment, like
from radps_dag.facts.usage import Usage

__all__ = [
    "CONDITION_IS_FALSE",
    "NOT_SELECTED",
    "About",
    "ContextAdded",
    "Ending",
    "Fact",
    "Iterated",
    "Listener",
    "NodeFailed",
    "NodeSkipped",
    "NodeStarted",
    "NodeStopped",
    "NodeSucceeded",
    "Noted",
    "QuestionAnswered",
    "QuestionAsked",
    "Retrying",
    "RunEnded",
    "RunStarted",
    "Scored",
    "Tracked",
    "Verdict",
    "Via",
    "cancelled_text",
]

# Why a node is skipped whose `when` is false: as the file wishes, and no news.
CONDITION_IS_FALSE = "its condition is false"
# Why a stage is skipped that --only, --from and --until leave out.
NOT_SELECTED = "not selected"

# What a person is asked about, and how the answer came.
About = Literal["pause", "alert", "exhausted", "diverged"]
Via = Literal["terminal", "command", "prefect", "file", "timeout"]
# Whether what failed may have been in the midst of its work, or a person could have averted it.
Ending = Literal["failed", "interrupted", "decided"]
Verdict = Literal["good", "warn", "alert", "error", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    time: Moment  # seconds since the epoch, for people; order is the order of arrival
    place: str  # "" is the run itself


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(_Fact):
    """A process begins to drive the run: the first one or, in a later `generation`, one that
    resumes it. `settings` are what else `resume` needs to ask for the same; `provenance` says
    with what and on what it runs; `spent` are the seconds that the earlier processes took; `slots`
    is how many calls compute at once, 0 where that is not known."""

    run: str
    pipeline: str
    file: str
    params: Mapping[str, Any]
    library: str
    executor: str
    seed: int
    generation: int = 1
    settings: Annotated[Mapping[str, Any], like(Settings)] = field(default_factory=dict)
    provenance: Annotated[Mapping[str, Any], like(Provenance)] = field(default_factory=dict)
    spent: float = 0.0
    slots: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted(_Fact):
    """A node, an instance of a fan-out (the place ends in `]`) or an iteration (`#3`) begins.

    `kind` says what begins: a fan-out node as a whole is "fan_out" and its instances are what the
    node is; a loop as a whole is "loop" and its iterations are what the node is.
    `total` is the number of instances of a fan-out, or the cap of a loop. Of a call, `workload` is
    what it calls, `source` the digest of that one's code, and `inputs` are its inputs; `origin` is
    the run whose result it uses instead of running, "" where it runs. `changes` are the addresses
    of what it is about to change in place: of data from outside with its content, of products of
    the workspace, which the journal knows, with "". A call begins when it has got its slots;
    `ready` is since when it waited for them.
    """

    kind: NodeKind
    description: str = ""
    total: int | None = None
    attempt: int = 1
    workload: str = ""
    source: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    origin: str = ""
    changes: Mapping[str, str] = field(default_factory=dict)
    ready: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSucceeded(_Fact):
    """`made` and `usage`, of the last attempt, are there for calls alone. `seconds`, here and in
    what follows, are without those in which all that went on in it waited for a person and, of a
    call, from when it got its first slots."""

    outputs: Mapping[str, Any]
    seconds: float
    made: Made | None = None
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailed(_Fact):
    """`tolerated` says that the run goes on without it (on_error, min_success). `outputs` and
    `made` are those of a call that was done, and failed for its quality. `ending` is what `resume`
    goes by."""

    error: str  # type of the exception, "ConnectionError"
    message: str
    seconds: float
    tolerated: bool = False
    traceback: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    made: Made | None = None
    ending: Ending = "failed"
    usage: Usage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSkipped(_Fact):
    """A node does not run."""

    reason: str  # "when is false", "stage 'import' failed", "not selected"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStopped(_Fact):
    """A node ended before it was done, through no fault of its own: by a time-out of what is around
    it, by an interrupt, or because the run stops for a failure elsewhere."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying(_Fact):
    """An attempt failed; `attempt` is the one that follows, after `delay` seconds."""

    attempt: int
    attempts: int
    delay: float
    error: str
    message: str
    usage: Usage | None = None  # of the attempt that failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Iterated(_Fact):
    """An iteration of a loop ended; `place` is the loop's. `outcome` is empty until the last.
    `kept` is the iteration whose outputs the loop would now have, `state` what the next one gets.
    """

    iteration: int
    cap: int
    score: float | None
    outcome: str = ""
    kept: int = 0
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored(_Fact):
    """A QA metric got its score: 0 to 1, -0.1 if its formula broke, None if not applicable."""

    metric: str
    score: float | None
    verdict: Verdict
    value: Any = None
    units: str = ""
    reason: str = ""
    applies_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted(_Fact):
    """Something worth a line that changes nothing: a warning, a server that starts."""

    message: str
    level: Literal["info", "warning"] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextAdded(_Fact):
    """Something was added to the context from outside of the pipeline, by `by`."""

    by: str
    added: Added


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAsked(_Fact):
    """A person is asked, and something waits for the answer. `inputs` are JSON Schemas by name;
    `show` is the evidence; `deadline` is in seconds since the epoch."""

    question: str
    message: str
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    show: tuple[Any, ...] = ()
    about: About = "pause"
    deadline: Moment | None = None
    on_timeout: str = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnswered(_Fact):
    """The answer that counts: the first one. `by` is a person's name on the machine."""

    question: str
    values: Mapping[str, Any]
    by: str
    via: Via


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracked(_Fact):
    """Prefect's record of the run, or the word that it has been told how the run ended."""

    flow_run: Id
    api: str
    told: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(_Fact):
    """A process that drove the run has ended or, where it is cancelled, the run for good.
    `seconds` are those of this process.

    Then `by` is a person's name on the machine, "" where it is not known, `via` the way that was
    taken, and `message` the reason, if one was given."""

    status: Literal["succeeded", "failed", "interrupted", "paused", "cancelled"]
    seconds: float
    outputs: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    by: str = ""
    via: Literal["", "command", "prefect"] = ""


Fact = (
    RunStarted
    | NodeStarted
    | NodeSucceeded
    | NodeFailed
    | NodeSkipped
    | NodeStopped
    | Retrying
    | Iterated
    | Scored
    | Noted
    | ContextAdded
    | QuestionAsked
    | QuestionAnswered
    | Tracked
    | RunEnded
)
Listener = Callable[[Fact], None]


def cancelled_text(end: RunEnded) -> str:
    """Say who cancelled a run, when and why: `cancelled by ann on 2026-11-25 at 02:14:08: no
    use`.
    """
    who = f" by {end.by}" if end.by else " in Prefect" if end.via == "prefect" else ""
    when = clock.strftime("%Y-%m-%d at %H:%M:%S", clock.localtime(end.time))
    why = f": {end.message}" if end.message else ""
    text = f"cancelled{who} on {when}{why}"
    return "".join(character if character.isprintable() else " " for character in text)
