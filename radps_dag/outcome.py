"""Outcomes of a node, and the errors that end it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radps_dag.facts import Ending, Made, Usage
from radps_dag.problem import RadpsDagError

__all__ = [
    "CallFailed",
    "Decided",
    "Done",
    "Failed",
    "Interrupted",
    "NodeError",
    "Outcome",
    "ResourcesRefused",
    "SecretExposed",
    "Skipped",
    "Stopped",
    "TimedOut",
    "WorkerDied",
]


class NodeError(RadpsDagError):
    """A node failed: where, with which kind of error, and what it said.

    `final` says that no further attempt follows, whatever the node allows; `certain`, that it would
    end the same way.
    """

    final: bool = False
    certain: bool = False
    ending: Ending = "failed"
    # Of a call that was done and failed for its quality: what it made all the same.
    outputs: Mapping[str, Any] | None = None
    made: Made | None = None
    usage: Usage | None = None  # of the attempt of a call that failed so

    def __init__(
        self,
        place: str,
        error: str,
        message: str,
        *,
        kinds: tuple[str, ...] = (),
        traceback: str = "",
    ) -> None:
        self.place = place
        self.error = error
        self.message = message
        self.kinds = kinds or (error,)
        self.traceback = traceback
        super().__init__(f"{place}: {error}: {message}" if message else f"{place}: {error}")


class CallFailed(NodeError):
    """A workload raised. `kinds` are the names of the exception's class and of its bases."""


class WorkerDied(CallFailed):
    """The process that computed a call is gone: who knows how far it came."""

    ending = "interrupted"

    def __init__(self, place: str, message: str) -> None:
        super().__init__(place, "WorkerDied", message, kinds=("WorkerDied", "Exception"))


class ResourcesRefused(NodeError):
    """A call asks for what is no amount, or for what nobody has: known when it is about to run."""

    certain = True


class SecretExposed(CallFailed):
    """A call's results hold a secret, which would be recorded."""

    certain = True

    def __init__(self, place: str, message: str) -> None:
        super().__init__(place, "SecretExposed", message)


class Interrupted(NodeError):
    """A call that changes data in place was interrupted, and is not made again unless forced."""

    ending = "interrupted"


class Decided(NodeError):
    """A person decided that it fails, or could have decided otherwise, now or when the run is
    resumed."""

    ending = "decided"


class TimedOut(NodeError):
    """An attempt did not end in its time, which is that of its node unless `of` says otherwise. To
    `retries.on` it is a TimeoutError."""

    def __init__(self, place: str, seconds: float, of: str = "") -> None:
        super().__init__(
            place,
            "TimeoutError",
            f"not finished after {seconds:g} s{of and f', {of}'}",
            kinds=("TimeoutError", "OSError", "Exception"),
        )


class Stopped(NodeError):
    """A group ended early because the run stops elsewhere; what ran has been let finish."""

    final = True

    def __init__(self, place: str, cause: str) -> None:
        super().__init__(place, "Stopped", f"the run stops: {cause} failed")


@dataclass(frozen=True, slots=True)
class Done:
    """The node succeeded."""

    outputs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """The node failed."""

    error: NodeError


@dataclass(frozen=True, slots=True)
class Skipped:
    """`contagious`: what depends on the node is skipped too."""

    reason: str
    contagious: bool = False


Outcome = Done | Failed | Skipped
