"""Content of a report, as frozen values: made by `folding` and its kin, shown by the templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from radps_dag.facts import Verdict

__all__ = [
    "NOT_MEASURED",
    "Answer",
    "Attempt",
    "Axis",
    "Bar",
    "Call",
    "Change",
    "Comparison",
    "Failure",
    "Iteration",
    "Loop",
    "Node",
    "Picture",
    "Place",
    "Process",
    "Question",
    "Report",
    "Row",
    "Score",
    "ScoreFold",
    "Segment",
    "Spread",
    "Stage",
    "Step",
    "Text",
    "Timeline",
    "Topic",
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
        found = dict(self.counts)
        order: tuple[Status, ...] = (
            "failed", "running", "retrying", "stopped", "tolerated", "succeeded", "reused",
            "skipped", "waiting",
        )  # fmt: skip
        return next((one for one in order if one in found), "waiting")


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
        return next((one for one in self.scores if one.score is not None), None)


@dataclass(frozen=True, slots=True)
class Topic:
    """Content of one subject, out of all stages."""

    name: str
    nodes: tuple[Node, ...]
    scores: tuple[Score, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which a process drove the run, between two positions of the axis."""

    start: float
    end: float
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Axis:
    """Times to positions: the stretches side by side, without what lies between them. `ticks` are
    positions with their labels."""

    segments: tuple[Segment, ...]
    width: float
    ticks: tuple[tuple[float, str], ...] = ()

    def at(self, time: float) -> float:
        """The position of a time."""
        for one in self.segments:
            if time <= one.end:
                share = (time - one.start) / max(one.end - one.start, 1e-9)
                return one.left + max(0.0, share) * (one.right - one.left)
        return self.segments[-1].right if self.segments else 0.0


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that took time, or a moment: an attempt, a result that was used again, a
    question. Positions are those of the axis; `lane` is its row within the row."""

    left: float
    right: float
    status: str
    title: str
    lane: int = 0
    critical: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """A node on the time axis: its bars or, of many, how many went on at each position."""

    node: Node
    left: float
    right: float
    bars: tuple[Bar, ...]
    lanes: int = 1
    density: tuple[float, ...] = ()
    peak: int = 0
    box: bool = False  # a stage, in which the rows below it are


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows in the order of the graph."""

    axis: Axis
    rows: tuple[Row, ...]


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
    comparison: Comparison | None = None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of all stages, in the order of the graph."""
        return tuple(node for stage in self.stages for node in stage.every)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures of all stages."""
        return tuple(one for stage in self.stages for one in stage.pictures)

    @property
    def active(self) -> float:
        """Seconds in which a process drove the run."""
        return sum(one.end - one.start for one in self.timeline.axis.segments)
