"""Runs with Prefect from Python: as many as there are in the process, each as if it were alone."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TypedDict

from run_support import Api

from radps_dag import RunResult, run, workload
from radps_dag.facts import Tracked
from radps_dag.prefect.server import ServerAddress

TEXT = """\
version: 1
name: small
params:
  value: {type: number}
outputs:
  twice: ${{ stages.meet.value }}
stages:
  meet: {run: meet, with: {value: "${{ params.value }}"}}
"""


class Met(TypedDict):
    value: float


def test_runs_at_once_have_pages_of_their_own(
    prefect_server: ServerAddress, tmp_path: Path
) -> None:
    """Each of two runs in two threads tells the server of itself, and both leave the environment
    and the logging of the process as they were; so does a third one after them."""
    (tmp_path / "small.yaml").write_text(TEXT, encoding="utf-8")
    barrier = threading.Barrier(2)
    results: dict[int, RunResult] = {}

    @workload
    def meet(value: float) -> Met:
        """Wait for the other run.

        Args:
            value: what to give back twice
        """
        if value < 3:
            barrier.wait(60)
        return {"value": value * 2}

    def play(value: int) -> None:
        results[value] = run(
            tmp_path / "small.yaml",
            workloads=[meet],
            params={"value": value},
            workspace=tmp_path / ".radps",
        )

    before = {name: one for name, one in os.environ.items() if "PYTEST" not in name}
    threads = [threading.Thread(target=play, args=(value,)) for value in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    play(3)
    assert {name: one for name, one in os.environ.items() if "PYTEST" not in name} == before
    assert logging.raiseExceptions
    api = Api(prefect_server)
    for value, result in sorted(results.items()):
        assert result.outputs == {"twice": 2 * value}
        (tracked,) = [fact for fact in result.facts() if isinstance(fact, Tracked)]
        shown = api.record(tracked.flow_run).flow
        assert (shown["name"], shown["parameters"]) == (result.run, {"value": value})
        assert shown["state"]["type"] == "COMPLETED"
