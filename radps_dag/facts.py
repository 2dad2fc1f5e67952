"""What happens in a run, as frozen values: the engine states facts, everything else listens.

A place in a run is a node's path with its instances and iterations, such as
`image_cube/clean[spw=2]#3/major_cycle`: instance `spw=2`, third iteration.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "CONDITION_IS_FALSE",
    "Fact",
    "Iterated",
    "Listener",
    "NodeFailed",
    "NodeKind",
    "NodeSkipped",
    "NodeStarted",
    "NodeStopped",
    "NodeSucceeded",
    "Noted",
    "Retrying",
    "RunEnded",
    "RunStarted",
    "Scored",
    "Verdict",
    "as_json",
]

# Why a node is skipped whose `when` is false: as the file wishes, and no news.
CONDITION_IS_FALSE = "its condition is false"

NodeKind = Literal["task", "group", "use", "pause", "fan_out", "loop"]
Verdict = Literal["good", "warn", "alert", "error", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fact:
    time: float  # seconds since the epoch, for people; order is the order of arrival
    place: str  # "" is the run itself


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(_Fact):
    run: str
    pipeline: str
    file: str
    params: Mapping[str, Any]
    library: str
    executor: str
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStarted(_Fact):
    """A node, an instance of a fan-out (the place ends in `]`) or an iteration (`#3`) begins.

    `kind` says what begins: a fan-out node as a whole is "fan_out" and its instances are what the
    node is; a loop as a whole is "loop" and its iterations are what the node is.
    `total` is the number of instances of a fan-out, or the cap of a loop.
    """

    kind: NodeKind
    description: str = ""
    total: int | None = None
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSucceeded(_Fact):
    outputs: Mapping[str, Any]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailed(_Fact):
    """`tolerated` says that the run goes on without it (on_error, min_success)."""

    error: str  # type of the exception, "ConnectionError"
    message: str
    seconds: float
    tolerated: bool = False
    traceback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSkipped(_Fact):
    reason: str  # "when is false", "stage 'import' failed", "not selected"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStopped(_Fact):
    """It began, and ended before it was done through no fault of its own: by a time-out of what is
    around it, by an interrupt, or because the run stops for a failure elsewhere."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Iterated(_Fact):
    """An iteration of a loop ended; `place` is the loop's. `outcome` is empty until the last."""

    iteration: int
    cap: int
    score: float | None
    outcome: str = ""


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
class RunEnded(_Fact):
    status: Literal["succeeded", "failed", "interrupted"]
    seconds: float
    outputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    message: str = ""


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
    | RunEnded
)
Listener = Callable[[Fact], None]


def as_json(fact: Fact) -> dict[str, Any]:
    """A fact as a flat JSON object; `fact` names its kind (`node_started`)."""
    kind = "".join(f"_{c.lower()}" if c.isupper() else c for c in type(fact).__name__).lstrip("_")
    return {"fact": kind} | {
        item.name: getattr(fact, item.name) for item in dataclasses.fields(fact)
    }
