"""Nodes of a report, with their calls, scores and pictures, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from radps_dag.facts import Usage, Verdict

__all__ = [
    "NOT_MEASURED",
    "Attempt",
    "Call",
    "Node",
    "Picture",
    "Score",
    "ScoreFold",
    "Spread",
    "Status",
]

NOT_MEASURED = "not measured"
Status = Literal[
    "waiting",
    "running",
    "retrying",
    "succeeded",
    "failed",
    "tolerated",
    "skipped",
    "stopped",
    "reused",
]


@dataclass(frozen=True, slots=True)
class Score:
    """A QA score as it is shown. `value` has its units."""

    place: str
    metric: str
    score: float | None
    verdict: Verdict
    value: str = ""
    applies_to: str = ""
    reason: str = ""

    @property
    def order(self) -> tuple[float, str, str]:
        """Key that sorts scores, lowest first; what is not applicable is behind."""
        return (2.0 if self.score is None else self.score, self.place, self.metric)


@dataclass(frozen=True, slots=True)
class ScoreFold:
    """Many scores of one metric at the places of one node, of which `shown` are listed."""

    node: str
    metric: str
    count: int
    lowest: float
    median: float
    highest: float
    shown: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Distribution of the seconds of many calls."""

    count: int
    least: float
    median: float
    most: float
    total: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try. `process` counts the processes that drove the run."""

    number: int
    process: int
    started: float | None
    seconds: float | None
    status: str
    error: str = ""
    message: str = ""
    traceback: str = ""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A place of a run, with all that is shown of it. Values are texts by their names."""

    place: str
    status: Status
    started: float | None = None
    seconds: float | None = None
    attempts: tuple[Attempt, ...] = ()
    scores: tuple[Score, ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    outputs: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, int], ...] = ()
    folder: str = ""
    reason: str = ""
    origin: str = ""
    workload: str = ""
    source: str = ""
    notes: tuple[str, ...] = ()
    log: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the graph with all that happened there: its places, without fan-outs and loops.

    `counts` are the places by status, `calls` the worst of them. `line` is its line in the
    `file` of the pipeline that has it, 0 where that is not recorded.
    """

    path: str
    kind: str
    workload: str = ""
    description: str = ""
    depth: int = 0
    places: int = 0
    counts: tuple[tuple[Status, int], ...] = ()
    retried: int = 0
    iterations: int = 0
    spread: Spread | None = None
    first: float | None = None
    last: float | None = None
    score: Score | None = None
    calls: tuple[Call, ...] = ()
    file: str = ""
    line: int = 0
    topic: str = ""

    @property
    def stage(self) -> str:
        """The stage that it is in."""
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        """Its id in the file."""
        return self.path.rpartition("/")[2]

    @property
    def is_call(self) -> bool:
        """Whether it calls a workload."""
        return self.kind == "task"

    @property
    def status(self) -> Status:
        """The status that matters most among its places."""
        statuses = dict(self.counts)
        order: tuple[Status, ...] = (
            "failed", "running", "retrying", "stopped", "tolerated", "succeeded", "reused",
            "skipped", "waiting",
        )  # fmt: skip
        return next((status for status in order if status in statuses), "waiting")


@dataclass(frozen=True, slots=True)
class Picture:
    """A product that a browser shows. `path` is where it lies, None where it is not here; `name` is
    the one that the report gives it."""

    place: str
    file: str
    uri: str
    name: str
    caption: str = ""
    path: Path | None = None
    size: int = 0
    media: str = ""
    score: Score | None = None
    missing: str = ""

    @property
    def stage(self) -> str:
        """The stage that it belongs to."""
        return self.place.partition("/")[0].partition("[")[0].partition("#")[0]
