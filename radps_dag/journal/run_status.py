"""Status of a run as a whole: its id, how it began, whether it goes on."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Literal

from radps_dag.facts import RunEnded, RunStarted
from radps_dag.journal.claims import driver_of
from radps_dag.journal.rows import DamagedRun
from radps_dag.journal.store import Head, Store
from radps_dag.journal.workspace import pick
from radps_dag.problem import RadpsDagError, UsageError

__all__ = ["RunStatus", "find_run", "last_start", "names_of", "run_status"]

Status = Literal["running", "succeeded", "failed", "interrupted", "paused", "cancelled"]


def find_run(store: Store, wanted: str | None) -> str:
    """The id of the run that a person means: the last one, where nothing or `last` is said.

    Raises UsageError where there is none.
    """
    damaged: list[DamagedRun] = []
    runs = [head.run for head in store.heads(damaged.append)]
    if damaged and wanted not in runs:
        raise damaged[0]  # which may be the one
    if not runs:
        raise UsageError(f"{store.name}: no run is there yet; `radps-dag run FILE` makes one")
    if wanted in (None, "last"):
        return runs[0]
    return pick(str(wanted), runs, {} if wanted in runs else names_of(store))


def names_of(store: Store) -> dict[str, str]:
    """The names of the runs that have one, by id; damaged ones have none here."""
    query = (
        "SELECT f.run, f.payload FROM radps_runs r JOIN radps_facts f ON f.run = r.run"
        " AND f.seq = 1 AND f.kind = 'run_started' WHERE f.payload LIKE :like"
    )
    with store.look() as connection:
        rows = connection.execute(query, {"like": '%"name":%'}).fetchall()
    names: dict[str, str] = {}
    for run, payload in rows:
        with contextlib.suppress(ValueError, AttributeError):
            if name := json.loads(payload).get("settings", {}).get("name"):
                names[run] = str(name)
    return names


def last_start(store: Store, run: str) -> RunStarted:
    """Find the latest start of a process that drove the run."""
    starts = [store.fact(row) for row in store.rows(run, kinds=("run_started",))]
    if not starts:
        for _ in store.rows(run):  # none is missing
            pass
        raise RadpsDagError(f"run {run} ended before it began; run the pipeline again")
    assert isinstance(starts[-1], RunStarted)
    return starts[-1]


@dataclass(frozen=True, slots=True)
class RunStatus:
    """Status of a run. `driver` says who drives it, "" if nobody does."""

    head: Head
    status: Status
    driver: str = ""
    start: RunStarted | None = None
    end: RunEnded | None = None


def run_status(store: Store, head: Head, *, driven: bool = True) -> RunStatus:
    """Determine the status of a run; if its process is gone, it is interrupted, whatever it said
    last.

    Not `driven`: where it would stand if whoever drives it ended now.
    """
    # Who drives it is asked first: a run that ends in between has said so then.
    driver = driver_of(store.workspace.run(head.run), store) if driven else ""
    turns = [store.fact(row) for row in store.rows(head.run, kinds=("run_started", "run_ended"))]
    starts = [fact for fact in turns if isinstance(fact, RunStarted)]
    start = starts[-1] if starts else None
    last = turns[-1] if turns else None
    if isinstance(last, RunEnded) and last.status == "cancelled":
        driver = ""  # for good, whoever still looks after it
    if isinstance(last, RunEnded) and not driver:
        return RunStatus(head, last.status, "", start, last)
    return RunStatus(head, "running" if driver else "interrupted", driver, start)
