"""A cancelled run in Prefect: its records there, and Prefect's own cancel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from asking_support import Going, Page, going
from run_support import PROGRAM, Api, until, write

from radps_dag.prefect.server import ServerAddress, client_environment

ASKS = """
stages:
  work: {run: give, with: {value: 3}}
  inner:
    needs: [work]
    steps: {look: {pause: {message: Go on?}}}
"""
GOES_ON = """
stages:
  work: {run: give}
  inner: {needs: [work], steps: {long: {run: nap, with: {seconds: 300}}}}
"""
FAILS = "stages: {one: {run: give}, broken: {needs: [one], run: fail}}"


@pytest.fixture
def page(prefect_server: ServerAddress) -> Page:
    return Page(prefect_server)


@pytest.fixture
def api(prefect_server: ServerAddress) -> Api:
    return Api(prefect_server)


def states(api: Api, flow_run: str) -> set[str]:
    """All that is known of a run, but for what had been done."""
    record = api.record(flow_run)
    tasks = {str(task["state_type"]) for task in record.all_tasks}
    return (tasks | {one.state for one in record.walk()}) - {"COMPLETED"}


def told(run: Going, *options: str) -> dict[str, Any]:
    done = run.command("cancel", "last", "--json", "--reason", "rain", *options)
    assert (done.returncode, done.stderr) == (0, "")  # and nothing of Prefect's own words
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_left_with_a_question(page: Page, api: Api, tmp_path: Path) -> None:
    """What was paused on the page is cancelled there, with the reason and all that is in it, and
    Prefect's feed has the event."""
    file = write(tmp_path / "cancel_left.yaml", ASKS)
    with going("run", str(file), "--detach-on-pause", folder=tmp_path) as run:
        run.end()
        page.paused(run.flow_run)
        assert told(run)["told"]
        state = page.flow_run(run.flow_run)["state"]
        assert state["type"] == "CANCELLED" and state["message"].endswith(": rain")
        assert until(lambda: states(api, run.flow_run) == {"CANCELLED"}), states(api, run.flow_run)
        resource = {"resource": {"id": [f"radps.run.{run.run}"]}}

        def events() -> list[str]:
            found = page.post("/events/filter", {"filter": resource, "limit": 50})["events"]
            return [one["event"] for one in found]

        assert until(lambda: events().count("radps.run.cancelled") == 1), events()
        assert events().count("radps.run.started") == 1


def test_killed(api: Api, tmp_path: Path) -> None:
    """What Prefect takes for running after a kill -9 is cancelled, all of it."""
    file = write(tmp_path / "cancel_killed.yaml", GOES_ON)
    with going("run", str(file), folder=tmp_path) as run:
        run.wait("node_started", 3)
        assert until(lambda: states(api, run.flow_run) == {"RUNNING"})
        run.kill()
        assert told(run)["told"]
        assert until(lambda: states(api, run.flow_run) == {"CANCELLED"}), states(api, run.flow_run)


def test_failed(page: Page, tmp_path: Path) -> None:
    """A failed run could have gone on; cancelled it is shown as that."""
    file = write(tmp_path / "cancel_failed.yaml", FAILS)
    with going("run", str(file), folder=tmp_path) as run:
        run.end()
        assert page.state(run.flow_run)[0] == "FAILED"
        told(run)
        assert page.state(run.flow_run)[0] == "CANCELLED"


def test_driven(page: Page, api: Api, tmp_path: Path) -> None:
    """Told to end by the command, the process itself tells Prefect."""
    file = write(tmp_path / "cancel_driven.yaml", GOES_ON)
    with going("run", str(file), folder=tmp_path) as run:
        run.wait("node_started", 3)
        assert told(run)["stopped"] == run.process.pid
        assert run.end()["status"] == "cancelled"
        assert until(lambda: states(api, run.flow_run) == {"CANCELLED"}), states(api, run.flow_run)


def test_no_server_is_there(page: Page, tmp_path: Path) -> None:
    """Where Prefect cannot be reached the run is cancelled all the same, a line says so, and the
    next run in the workspace tells it."""
    file = write(tmp_path / "cancel_later.yaml", ASKS)
    with going("run", str(file), "--detach-on-pause", folder=tmp_path) as run:
        run.end()
        page.paused(run.flow_run)
        done = subprocess.run(
            [*PROGRAM, "cancel", "last", "--json"],
            cwd=tmp_path,
            env={**os.environ, "PREFECT_API_URL": "http://127.0.0.1:9/api"},
            capture_output=True,
            text=True,
            check=False,
        )
        said = json.loads(done.stdout)
        assert done.returncode == 0 and said["status"] == "cancelled" and not said["told"]
        (line,) = done.stderr.splitlines()
        assert line.endswith("Prefect is told by the next run in this workspace")
        assert page.state(run.flow_run)[0] == "PAUSED"
        other = write(tmp_path / "cancel_other.yaml", "stages: {one: {run: give}}")
        with going("run", str(other), folder=tmp_path) as next_run:
            assert next_run.end()["status"] == "succeeded"
        assert until(lambda: page.state(run.flow_run)[0] == "CANCELLED")


@pytest.mark.parametrize("text", [ASKS, GOES_ON], ids=["asks", "works"])
@pytest.mark.parametrize("state", ["CANCELLING", "CANCELLED"])
def test_cancelled_there(state: str, text: str, page: Page, api: Api, tmp_path: Path) -> None:
    """Prefect's cancel ends the run in order within seconds, and for good: what ran is stopped,
    its questions are closed, nobody can resume it."""
    file = write(tmp_path / "cancel_page.yaml", text)
    with going("run", str(file), folder=tmp_path) as run:
        if text is ASKS:
            page.paused(run.flow_run)
        else:
            run.wait("node_started", 3)
        said = page.post(f"/flow_runs/{run.flow_run}/set_state", {"state": {"type": state}})
        assert said["status"] == "ACCEPT", said
        end = run.end()
        assert (end["status"], end["via"]) == ("cancelled", "prefect")
        assert run.process.returncode == 1
        assert {one["place"] for one in run.of("node_stopped")} >= {"inner"}
        assert until(lambda: states(api, run.flow_run) == {"CANCELLED"}), states(api, run.flow_run)
        assert run.command("questions").stdout == "no question is open\n"
        refused = run.command("resume")
        assert refused.returncode == 1 and "was cancelled in Prefect on 20" in refused.stderr
        assert told(run)["already"]


def test_a_run_that_is_not_cancelled(page: Page, tmp_path: Path) -> None:
    """Looking changes nothing: a run that goes on for longer than some looks succeeds."""
    text = "stages: {long: {run: nap, with: {seconds: 7}}}"
    with going("run", str(write(tmp_path / "cancel_goes.yaml", text)), folder=tmp_path) as run:
        assert run.end()["status"] == "succeeded"
        assert page.state(run.flow_run)[0] == "COMPLETED"


def test_by_prefects_own_command(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """As Prefect's documentation says how to cancel a flow run."""
    file = write(tmp_path / "cancel_theirs.yaml", GOES_ON)
    with going("run", str(file), folder=tmp_path) as run:
        run.wait("node_started", 3)
        done = subprocess.run(
            [sys.executable, "-m", "prefect", "flow-run", "cancel", run.flow_run],
            env={**os.environ, **client_environment(prefect_server)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert run.end()["status"] == "cancelled"
