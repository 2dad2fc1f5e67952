"""What the journal costs: per node while a run goes on, on the disk, and to read it again.

    python -m benchmarks.journal            # 10,000 nodes
    python -m benchmarks.journal 1000       # another number

Each shape runs in this process without Prefect, with the journal and without it, in turn; what is
printed is the best of the rounds. A chain waits for the disk at each of its nodes, a fan-out for
many of them at once. The limits: 1 ms a node more than without, 2,000 bytes, and a second for the
status and for the plan of 10,000 nodes.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from benchmarks import ours
from benchmarks.engine import chain, fan_out
from radps_dag.engine.drive import drive
from radps_dag.engine.job import Job
from radps_dag.engine.planning import plan
from radps_dag.engine.tracker import Untracked
from radps_dag.executors import open_executor
from radps_dag.facts import Fact
from radps_dag.journal.opening import open_store
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.progress.state import fold
from radps_dag.reuse.cache import Results
from radps_dag.runs.frontend import Screen
from radps_dag.runs.options import RunOptions
from radps_dag.runs.orphans import remove_orphans
from radps_dag.runs.preparing import result_cache_of
from radps_dag.runs.record import new_run, reopen
from radps_dag.runs.session import run_job

T = TypeVar("T")

ROUNDS = 3


def timed(work: Callable[[], T]) -> tuple[float, T]:
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def nobody(fact: Fact) -> None:
    """Listens to nothing."""


def without(job: Job, folder: Path) -> float:
    """Seconds of a run of which nothing is recorded."""
    executor = open_executor("threads", job.library, None, folder / "log")
    job = replace(job, workdir=folder / "products")
    run = drive(job, executor, Untracked(), nobody)
    seconds, ended = timed(lambda: asyncio.run(run))
    assert ended.status == "succeeded", ended.error
    return seconds


def recorded(store: Store, job: Job, run: str | None = None) -> float:
    """Seconds of a run, or of going on with one, from its opening to its end."""

    def whole() -> None:
        opened = new_run(store, job.pipeline.name) if run is None else reopen(store, run)
        if run is not None:
            remove_orphans(opened)
        directory = opened.directory
        opened_job = replace(
            job, run=directory.id, workdir=directory.products, generation=opened.generation
        )
        memory = result_cache_of(RunOptions(settings=job.settings), opened_job, store)
        ended = run_job(opened_job, opened, memory, Screen(nobody), lambda record: Untracked())
        opened.close()
        assert ended.status == "succeeded", ended.error

    return timed(whole)[0]


def plan_of(store: Store, job: Job) -> None:
    """Plan a run of what has just run."""
    memory = result_cache_of(RunOptions(settings=job.settings), replace(job, run="plan"), store)
    assert {one.verdict for one in plan(job, memory)} == {"reuse"}


def measure(name: str, text: str, count: int) -> None:
    """Run a shape with and without the journal, read what it wrote, and print the row."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        file = folder / "pipeline.yaml"
        file.write_text(text, encoding="utf-8")
        job = ours.job_of(file)
        bare, full = [], []
        for number in range(ROUNDS):
            bare.append(without(job, folder))
            store = open_store(Workspace(folder / str(number)))
            full.append(recorded(store, job))
            store.close()
        last = Workspace(folder / str(ROUNDS - 1))
        size = last.journal.stat().st_size
        store = open_store(last)
        run = store.heads()[0].run
        status = timed(lambda: fold(store.facts(run)))[0]
        memory = timed(lambda: Results.of(store, run))[0]
        planned = timed(lambda: plan_of(store, job))[0]
        again = recorded(store, job, run)
        store.close()
    each = 1000 / count
    print(
        f"{name:8} {min(bare) * each:6.3f} ms a node without, {min(full) * each:6.3f} with: "
        f"{(min(full) - min(bare)) * each:6.3f} more | {size / count:6.0f} bytes a node | "
        f"status {status:5.2f} s, memory {memory:5.2f} s, plan {planned:5.2f} s, "
        f"finished and resumed {again:5.2f} s",
        flush=True,
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    measure("fan-out", fan_out(count), count)
    measure("chain", chain(count), count)


if __name__ == "__main__":
    main()
