"""A pipeline run as `radps-dag run` runs it, timed without the start of Python and Prefect."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import radps_dag
from radps_dag.engine import job
from radps_dag.engine.settings import Settings
from radps_dag.facts import Fact, RunEnded
from radps_dag.profile import Profile
from radps_dag.runs.options import RunOptions
from radps_dag.runs.preparing import open_checked

__all__ = ["WORKLOADS", "job_of", "run"]

WORKLOADS = Path(__file__).with_name("workloads.py")
WARM_UP = "version: 1\nname: warm\nstages: {one: {run: nothing}}\n"


def run(file: str, executor: str, max_parallel: str) -> float:
    """Seconds to the end of the run, after a run of one task in the same process."""
    ends: list[float] = []

    def listen(fact: Fact) -> None:
        if isinstance(fact, RunEnded):
            ends.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        warm = Path(folder) / "warm.yaml"
        warm.write_text(WARM_UP, encoding="utf-8")
        asked: dict[str, Any] = {
            "workloads": [WORKLOADS],
            "workspace": Path(folder),
            "profile": Profile(),
        }
        radps_dag.run(warm, **asked).succeeded()
        slots = int(max_parallel) if max_parallel else None
        begun = time.perf_counter()
        result = radps_dag.run(
            file, executor=executor, max_parallel=slots, on_event=listen, **asked
        )
    result.succeeded()
    return ends[-1] - begun


def job_of(file: Path) -> job.Job:
    """What is to run; where is still to be said."""
    settings = Settings(file=str(file), modules=(WORKLOADS,))
    checked = open_checked(RunOptions(settings=settings), lambda problem: None)
    return job.job_of(checked.pipeline, checked.library, checked.params, settings)
