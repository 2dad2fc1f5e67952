"""Everything that the journal says of a run as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radps_dag.facts import RunEnded, RunStarted, Tracked
from radps_dag.journal.overview import marks
from radps_dag.journal.store import Store
from radps_dag.problem import RadpsDagError
from radps_dag.questions import Question, open_questions
from radps_dag.views.places import Course, courses
from radps_dag.views.runs import Listed, list_run

__all__ = ["Process", "RunView", "view_run"]


@dataclass(frozen=True, slots=True)
class Process:
    """One process that drove the run. Without an end it is at work, or went away."""

    start: RunStarted
    end: RunEnded | None = None


@dataclass(frozen=True, slots=True)
class RunView:
    """`processes` are all that drove it, the first one first; there is at least one."""

    listed: Listed
    processes: Sequence[Process]
    directory: Path
    stages: Sequence[Course]
    failed: Sequence[str]  # places
    tracked: Sequence[Tracked] = ()
    questions: Sequence[Question] = ()  # open ones
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def start(self) -> RunStarted:
        """Start of the process that drove the run last."""
        return self.processes[-1].start


def view_run(store: Store, run: str) -> RunView:
    """A run with its processes and stages. Raises RadpsDagError for one that never began."""
    head = store.head(run)
    assert head is not None
    listed = list_run(store, head)
    processes: list[Process] = []
    tracked: list[Tracked] = []
    for row in store.rows(run, kinds=("run_started", "run_ended", "tracked")):
        fact = store.fact(row)
        match fact:
            case RunStarted():
                processes.append(Process(fact))
            # Not the word of who cancelled it later.
            case RunEnded() if processes and processes[-1].end is None:
                processes[-1] = Process(processes[-1].start, fact)
            case Tracked():
                tracked.append(fact)
    if not processes:
        raise RadpsDagError(f"run {run} ended before it began; there is nothing to show")
    all_courses = courses(marks(store, run), driven=bool(listed.driver))
    end = processes[-1].end
    return RunView(
        listed=listed,
        processes=processes,
        directory=store.workspace.run(run).path,
        stages=[course for place, course in all_courses.items() if place and _is_stage(place)],
        failed=[
            place for place, course in all_courses.items() if place and course.status == "failed"
        ],
        tracked=tracked,
        questions=open_questions(store, run) if listed.questions else (),
        outputs=end.outputs if end is not None else {},
    )


def _is_stage(place: str) -> bool:
    return not set("/[#") & set(place)
