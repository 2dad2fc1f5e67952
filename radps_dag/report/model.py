"""Content of a report, as frozen values: made by `folding` and its kin, shown by the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from radps_dag.report.chart import Timeline
from radps_dag.report.efficiency import Efficiency
from radps_dag.report.nodes import Node, Picture, Score, ScoreFold, Status
from radps_dag.views.stats import NodeStats

__all__ = [
    "Answer",
    "Change",
    "Comparison",
    "Failure",
    "Iteration",
    "Loop",
    "Place",
    "Process",
    "Question",
    "Report",
    "Stage",
    "Step",
    "Text",
    "Topic",
]


@dataclass(frozen=True, slots=True)
class Failure:
    """Failure, once for all places where the same failed. `places` are some of `count`."""

    place: str
    error: str
    message: str
    tolerated: bool
    count: int = 1
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer of a person, and its channel."""

    values: str
    by: str
    via: str
    time: float


@dataclass(frozen=True, slots=True)
class Question:
    """Question to a person."""

    place: str
    message: str
    about: str
    asked: float
    deadline: float | None
    answer: Answer | None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Iteration:
    """One round of a loop, and the value that tells how it went."""

    number: int
    value: float | None
    outcome: str
    kept: bool


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop at a place. `measure` names the values of its rounds: its score, or a number that it
    hands on. `points` are their course in a box of 160 by 40."""

    place: str
    status: Status
    cap: int
    outcome: str
    kept: int
    rounds: tuple[Iteration, ...]
    measure: str = ""
    points: tuple[tuple[float, float], ...] = ()
    logarithmic: bool = False
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Process:
    """A process that drove the run."""

    generation: int
    started: float
    seconds: float | None
    status: str
    host: str
    pid: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: its nodes, what it scored, and its pictures."""

    name: str
    node: Node
    nodes: tuple[Node, ...]
    scores: tuple[Score, ...]
    folds: tuple[ScoreFold, ...]
    pictures: tuple[Picture, ...]
    more_pictures: int
    loops: tuple[Loop, ...]
    failures: tuple[Failure, ...]
    questions: tuple[Question, ...]
    seconds: float | None
    reused: int = 0
    ran: int = 0
    outcome: str = ""

    @property
    def every(self) -> tuple[Node, ...]:
        """The stage itself, and its nodes."""
        return (self.node, *self.nodes)

    @property
    def low(self) -> Score | None:
        """Its lowest score."""
        return next((score for score in self.scores if score.score is not None), None)


@dataclass(frozen=True, slots=True)
class Topic:
    """Content of one subject, out of all stages."""

    name: str
    nodes: tuple[Node, ...]
    scores: tuple[Score, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the critical path. `before` are the seconds since the one before it ended."""

    place: str
    start: float
    end: float
    before: float

    @property
    def seconds(self) -> float:
        """The duration."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Text:
    """A file of the pipeline, as the run recorded it, with the nodes that begin on its lines."""

    name: str
    lines: tuple[str, ...]
    nodes: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Place:
    """Outcome at a place, in short, by which two runs are compared."""

    place: str
    status: Status
    score: float | None = None
    metric: str = ""
    seconds: float | None = None
    iterations: int = 0
    workload: str = ""
    source: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict, hash=False)
    cpu: float | None = None  # of all attempts
    peak_rss: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Something that is not the same in two runs: what, and how it was before and is after."""

    what: str
    before: str
    after: str
    count: int = 1  # places where it is so


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences between a run and an earlier one, by kind: the sections have titles."""

    before: str  # the earlier run
    after: str
    causes: tuple[tuple[str, tuple[Change, ...]], ...]
    effects: tuple[tuple[str, tuple[Change, ...]], ...]
    pictures: tuple[tuple[Picture, Picture], ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All that a report says. Times are seconds since the epoch."""

    run: str
    pipeline: str
    status: str
    verdict: str
    file: str
    library: str
    executor: str
    seed: int
    started: float
    until: float  # time of the last fact
    seconds: float | None
    ended: int  # calls
    reused: int
    failed: int
    retried: int
    processes: tuple[Process, ...]
    params: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    outputs: tuple[tuple[str, str], ...]
    causes: tuple[Failure, ...]
    tolerated: tuple[Failure, ...]
    questions: tuple[Question, ...]
    warnings: tuple[tuple[str, str], ...]
    warned: int
    stages: tuple[Stage, ...]
    scores: tuple[Score, ...]
    folds: tuple[ScoreFold, ...]
    topics: tuple[Topic, ...]
    timeline: Timeline
    critical: tuple[Step, ...]
    loops: tuple[Loop, ...]
    more_loops: int
    texts: tuple[Text, ...]
    graph: bytes  # SVG
    graph_of_stages: bytes
    provenance: Mapping[str, Any] = field(default_factory=dict)
    sources_sha256: str = ""
    places: tuple[Place, ...] = ()
    resources: tuple[NodeStats, ...] = ()
    efficiency: Efficiency | None = None
    slack: Mapping[str, float] = field(default_factory=dict)  # the least, by path of a node
    comparison: Comparison | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of all stages, in the order of the graph."""
        return tuple(node for stage in self.stages for node in stage.every)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures of all stages."""
        return tuple(picture for stage in self.stages for picture in stage.pictures)

    @property
    def cpu(self) -> float | None:
        """Seconds of processors that calls used; None where none was measured."""
        columns = [stats.columns.get("cpu_seconds") for stats in self.resources]
        return sum(column.sum for column in columns if column is not None) if any(columns) else None

    @property
    def active(self) -> float:
        """Seconds in which a process drove the run."""
        return sum(segment.end - segment.start for segment in self.timeline.axis.segments)
