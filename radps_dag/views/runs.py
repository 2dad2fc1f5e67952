"""The runs of a workspace to a list, newest first."""

from __future__ import annotations

import time
from dataclasses import dataclass

from radps_dag.facts import RunEnded, cancelled_text
from radps_dag.journal.overview import Overview, overview
from radps_dag.journal.rows import DamagedRun
from radps_dag.journal.run_status import Status
from radps_dag.journal.store import Damages, Head, Store
from radps_dag.questions import open_questions

__all__ = ["Listed", "list_run", "list_runs"]


@dataclass(frozen=True, slots=True)
class Listed:
    """A run in the list. Times are seconds since the epoch; `done`, `failed` and `reused` count
    calls of workloads; `seconds` are those of all processes that drove the run, without waiting
    for answers where they have ended; `resumed` counts the processes after the first; `driver` says
    who drives it, `cause` in a line why it failed or who cancelled it, `questions` how many wait
    for an answer."""

    run: str
    pipeline: str
    status: Status
    created: float
    started: float | None
    seconds: float | None
    done: int
    failed: int
    reused: int
    resumed: int
    driver: str
    cause: str
    questions: int = 0


def list_runs(
    store: Store, most: int | None = None, damaged: Damages | None = None
) -> list[Listed]:
    """The newest runs. Those that are damaged are handed to `damaged` and left out.

    Raises DamagedRun where nobody asks for them.
    """
    listed: list[Listed] = []
    for head in store.heads(damaged)[:most]:
        try:
            listed.append(list_run(store, head))
        except DamagedRun as error:
            if damaged is None:
                raise
            damaged(error)
    return listed


def list_run(store: Store, head: Head) -> Listed:
    """One run, as the list has it."""
    summary = overview(store, head)
    over = summary.run_status.status in ("succeeded", "cancelled")
    return _listed(summary, 0 if over else len(open_questions(store, head.run)))


def _listed(summary: Overview, questions: int) -> Listed:
    at = summary.run_status
    started = at.start.time if at.start is not None else None
    spent = at.start.spent if at.start is not None else 0.0
    if at.end is not None:
        seconds: float | None = spent + at.end.seconds
    elif started is None:
        seconds = None
    else:
        seconds = spent + max(0.0, (time.time() if at.driver else summary.last) - started)
    return Listed(
        run=at.head.run,
        pipeline=at.head.pipeline,
        status=at.status,
        created=at.head.created,
        started=started,
        seconds=seconds,
        done=summary.done,
        failed=summary.failed,
        reused=summary.reused,
        resumed=max(0, (at.start.generation if at.start is not None else 1) - 1),
        driver=at.driver,
        cause=_cause(at.end),
        questions=questions,
    )


def _cause(end: RunEnded | None) -> str:
    if end is not None and end.status == "cancelled":
        return cancelled_text(end)
    return end.message if end is not None and end.status == "failed" else ""
