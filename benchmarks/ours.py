"""A pipeline run as `radps-dag run` runs it, timed without the start of Python and Prefect."""

from __future__ import annotations

import tempfile
import time
from dataclasses import replace
from pathlib import Path

from radps_dag.builder import build
from radps_dag.engine.drive import Ended, Job
from radps_dag.engine.settings import Settings
from radps_dag.engine.tracker import Tracker
from radps_dag.journal.opening import open_store
from radps_dag.journal.workspace import Workspace
from radps_dag.language.params import complete
from radps_dag.opening import open_pipeline
from radps_dag.profile import Profile
from radps_dag.reuse.cache import Policy, ResultCache
from radps_dag.reuse.keys import Keys
from radps_dag.runs.frontend import Screen
from radps_dag.runs.record import OpenRun, new_run
from radps_dag.runs.session import prefect_tracker, run_job

__all__ = ["WORKLOADS", "job_of", "run", "run_opened"]

WORKLOADS = Path(__file__).with_name("workloads.py")
WARM_UP = "version: 1\nname: warm\nstages: {one: {run: nothing}}\n"


def run(file: str, executor: str, max_parallel: str) -> float:
    """Seconds of the run, after a run of one task in the same process."""
    slots = int(max_parallel) if max_parallel else None
    tracker = prefect_tracker("benchmark", None, lambda message: None)
    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder) / "warm.yaml"
        warm.write_text(WARM_UP, encoding="utf-8")
        _run(warm, "threads", slots, tracker, Path(folder))
        begun = time.perf_counter()
        ended = _run(Path(file), executor, slots, tracker, Path(folder))
        seconds = time.perf_counter() - begun
    if ended.status != "succeeded":
        raise SystemExit(str(ended.error))
    return seconds


def job_of(file: Path, executor: str = "threads", slots: int | None = None) -> Job:
    """What is to run; where is still to be said."""
    pipeline, library = open_pipeline(file, modules=[WORKLOADS], profile=Profile())
    return Job(
        run="",
        pipeline=pipeline,
        graph=build(pipeline),
        library=library,
        params=complete(pipeline, {}),
        workdir=Path(),
        settings=Settings(executor=executor, max_parallel=slots),
    )


def run_opened(job: Job, opened: OpenRun, tracker: Tracker) -> Ended:
    """Drive a run that is open, with all that earlier ones left."""
    store, directory = opened.store, opened.directory
    job = replace(job, run=directory.id, workdir=directory.products, generation=opened.generation)
    keys = Keys(job.library, store.workspace)
    memory = ResultCache(store, keys, directory.id, job.pipeline.name, Policy(), job.faults)
    return run_job(job, opened, memory, Screen(lambda fact: None), lambda record: tracker)


def _run(file: Path, executor: str, slots: int | None, tracker: Tracker, folder: Path) -> Ended:
    job = job_of(file, executor, slots)
    store = open_store(Workspace(folder.resolve()))
    opened = new_run(store, job.pipeline.name)
    try:
        return run_opened(job, opened, tracker)
    finally:
        opened.close()
        store.close()
