"""Prefect is told of what a killed process has left running."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

from journal_support import facts_of_only_run
from run_support import PROGRAM, WORKLOADS, Api, record_of, run, until, write

from radps_dag.prefect.server import ServerAddress


def killed(directory: Path, text: str, place: str, *options: str) -> None:
    """Run a pipeline and kill -9 it once a place has begun."""
    file = write(directory / "p.yaml", text)
    process = subprocess.Popen(
        [*PROGRAM, "run", str(file), "--quiet", "--workloads", str(WORKLOADS), *options],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )

    def begun() -> bool:
        facts = facts_of_only_run(directory / ".radps")
        return any(fact["fact"] == "node_started" and fact["place"] == place for fact in facts)

    assert until(begun, 60)
    time.sleep(0.5)  # for Prefect to hear of it
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_run_is_crashed_in_prefect(tmp_path: Path, prefect_server: ServerAddress) -> None:
    """After a kill -9 Prefect takes the run for running; resume says that it has crashed, all of
    it, and goes on as a flow run of its own that completes; each says or shows by its name that
    they belong together."""
    text = """
    version: 1
    name: killed
    stages:
      first: {run: give}
      each:
        for_each: {i: [1, 2]}
        steps: {nap: {run: nap_unless, with: {file: "go"}}}
    """
    killed(tmp_path, text, "each[i=2]/nap")
    api = Api(prefect_server)
    whole = {"parent_task_run_id": {"is_null_": True}}
    query = {"flow_runs": {"name": {"like_": "-killed"}, **whole}}
    (before,) = api.filtered("flow_runs", query)
    assert before["state_type"] == "RUNNING"
    (tmp_path / "go").touch()
    done = subprocess.run(
        [*PROGRAM, "resume", "--quiet"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

    def states() -> set[str]:
        record = api.record(before["id"])
        tasks = {str(task["state_type"]) for task in record.all_tasks if task["name"] != "first"}
        return tasks | {one.state for one in record.walk()}

    assert until(lambda: states() == {"CRASHED"}), states()
    after = {flow["id"]: flow["state_type"] for flow in api.filtered("flow_runs", query)}
    assert sorted(after.values()) == ["COMPLETED", "CRASHED"]
    said = {flow["name"]: flow["state"]["message"] for flow in api.filtered("flow_runs", query)}
    run = before["name"]
    again = f"{run} (resumed)"
    assert said == {run: f"its process has gone; went on as {again}", again: None}


def test_what_is_used_again_is_a_line_in_prefect(
    tmp_path: Path, prefect_server: ServerAddress
) -> None:
    """A group in which nothing runs is one task run in the state Cached, with nothing inside."""
    text = """
    version: 1
    name: cached
    stages:
      again: {cache: false, steps: {a: {run: give}}}
      each:
        for_each: {i: [1, 2]}
        steps: {inner: {steps: {b: {run: give}}}}
      after: {needs: [each], run: give, with: {value: 5}, cache: false}
    """
    file = write(tmp_path / "p.yaml", text)
    first, second = (run(file, "--workloads", str(WORKLOADS), cwd=tmp_path) for _ in range(2))
    before, after = record_of(first, prefect_server), record_of(second, prefect_server)
    assert {one.name for one in before.subflows} == {"again", "each"}
    assert {one.name for one in after.subflows} == {"again", "each"}
    states = {task["name"]: task["state"]["name"] for task in after.all_tasks}
    assert states == {
        "again / a": "Completed",
        "each[i=1]": "Cached",
        "each[i=2]": "Cached",
        "after": "Completed",
    }
