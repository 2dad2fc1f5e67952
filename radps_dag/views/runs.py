"""The runs of a workspace to a list, newest first."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from radps_dag.facts import RunEnded, RunStarted, cancelled_text
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
    for an answer; `size` are the bytes of its files, None where nobody has looked; `differs` are
    the params that differ from those of the run of this pipeline before it, None where a damaged
    run may be that."""

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
    name: str = ""
    size: int | None = None
    differs: Mapping[str, Any] | None = None


def list_runs(
    store: Store, most: int | None = None, damaged: Damages | None = None
) -> list[Listed]:
    """The newest runs. Those that are damaged are handed to `damaged` and left out.

    Raises DamagedRun where nobody asks for them.
    """
    listed: list[Listed] = []
    errors: list[DamagedRun] = []
    heads = store.heads(errors.append if damaged is not None else None)
    if damaged is not None:
        for error in errors:
            damaged(error)
    for number, head in enumerate(heads[:most]):
        try:
            listed.append(list_run(store, head, None if errors else heads[number + 1 :]))
        except DamagedRun as error:
            if damaged is None:
                raise
            damaged(error)
    return listed


def list_run(store: Store, head: Head, older: Sequence[Head] | None = None) -> Listed:
    """One run, as the list has it; `older` are those before it, where they are known."""
    summary = overview(store, head)
    over = summary.run_status.status in ("succeeded", "cancelled")
    start = summary.run_status.start
    return replace(
        _listed(summary, 0 if over else len(open_questions(store, head.run))),
        differs=None if older is None else _differs(store, start, older),
    )


def _differs(
    store: Store, start: RunStarted | None, older: Sequence[Head]
) -> dict[str, Any] | None:
    """The params of a run that are not those of the run before it of the same pipeline."""
    for head in older if start is not None else ():
        if start is None or head.pipeline != start.pipeline:
            continue
        try:
            rows = list(store.rows(head.run, kinds=("run_started",), hasty=True))
            before = store.fact(rows[-1]) if rows else None
        except DamagedRun:
            return None
        if isinstance(before, RunStarted):
            nothing = object()
            return {
                name: value
                for name, value in start.params.items()
                if before.params.get(name, nothing) != value
            }
    return {}


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
        name=str(at.start.settings.get("name", "")) if at.start is not None else "",
    )


def _cause(end: RunEnded | None) -> str:
    if end is not None and end.status == "cancelled":
        return cancelled_text(end)
    return end.message if end is not None and end.status == "failed" else ""
