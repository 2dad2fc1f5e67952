"""Deployments, end to end: registered, begun from the page or by a schedule, run by workers."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from browser_support import CHROMIUM, browser
from deployed_support import PATIENCE, Site, Worker, worker
from run_support import WORKLOADS, Api, until

from radps_dag.prefect.server import ServerAddress, client_environment

GIVES = """
params:
  value: {type: integer, default: 3, minimum: 1, maximum: 9, description: How many}
  token: {type: string, secret: true}
stages:
  one: {run: give, with: {value: "${{ params.value }}"}}
  inner: {steps: {two: {run: give, with: {value: "${{ stages.one.value + 1 }}"}}}}
outputs: {value: "${{ stages.one.value }}"}
"""
ASKS = """
stages:
  ask: {pause: {message: "How deep?", input: {niter: {type: integer, minimum: 1, default: 5}}}}
outputs: {niter: "${{ stages.ask.niter }}"}
"""
NAPS = "stages: {nap: {run: nap, with: {seconds: 300}}}"
SECRET = {"RADPS_DAG_PARAM_TOKEN": "a-secret-of-the-site"}


@pytest.fixture(scope="module")
def site(prefect_server: ServerAddress, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("deployed"), prefect_server)


@pytest.fixture(scope="module")
def gives(site: Site) -> str:
    """The id of a deployment."""
    return site.deploy("deployed_gives", GIVES, "-p", "value=4")


@pytest.fixture(scope="module")
def naps(site: Site) -> str:
    return site.deploy("deployed_naps", NAPS)


@pytest.fixture(scope="module")
def served(site: Site) -> Iterator[Worker]:
    with worker(site, **SECRET) as serving:
        yield serving


def test_a_run_begun_through_the_api(site: Site, gives: str, served: Worker) -> None:
    """It is a run like any other: its flow run is the deployment's, with the run's name and what is
    in it; the workspace has it, and Prefect knows no secret."""
    flow_run = site.begin(gives, value=5)
    ended = site.ends(flow_run)
    assert ended["state_type"] == "COMPLETED", ended["state"]
    run = site.run_of(flow_run)
    record = Api(site.server).record(flow_run)
    assert [child.flow["name"] for child in record.walk()] == [run, f"inner · {run}"]
    assert {"radps-dag", "library:placeholder"} <= set(ended["tags"])
    shown = site.shown(run)
    assert shown["outputs"] == {"value": 5} and shown["params"]["token"] == "***"
    assert SECRET["RADPS_DAG_PARAM_TOKEN"] not in json.dumps(ended)
    of_deployment = {"flow_runs": {"deployment_id": {"any_": [gives]}}}
    names = [one["name"] for one in site.page.post("/flow_runs/filter", of_deployment)]
    assert names.count(run) == 1
    assert "a-secret" not in served.log.read_text("utf-8")


def test_the_server_refuses_params_that_do_not_fit(site: Site, gives: str) -> None:
    """The form's schema holds for the API as well, for values and for names; a secret has none."""
    assert "greater than the maximum of 9" in site.refused(gives, value=10)
    assert "valeu" in site.refused(gives, valeu=1)
    assert "token" in site.refused(gives, token="a-secret-in-plain-text")


def test_cancelled_on_the_page(site: Site, naps: str, served: Worker) -> None:
    """Cancel on Prefect's page ends the run for good, and its process."""
    flow_run = site.begin(naps)
    run = site.run_of(flow_run)
    assert site.started(run, "nap")
    site.cancel(flow_run)
    ended = site.ends(flow_run)
    assert ended["state_type"] == "CANCELLED", ended["state"]
    assert site.status(run) == "cancelled"


def test_a_killed_run_is_retried(site: Site, gives: str, served: Worker) -> None:
    """A run that was killed is crashed; Retry on the page goes on with the same run, as the same
    flow run."""
    slow = site.deploy("deployed_retried", _slow(site))
    flow_run = site.begin(slow)
    run = site.run_of(flow_run)
    assert site.started(run, "nap")
    os.kill(site.driver(flow_run), signal.SIGKILL)
    assert site.ends(flow_run)["state_type"] == "CRASHED"
    # The worker may say it twice, a moment apart; whoever presses Retry comes later.
    assert until(lambda: "flow_runs.worker - Check" in served.log.read_text("utf-8"))
    (site.folder / "go").touch()
    site.retry(flow_run)
    assert until(lambda: site.page.state(flow_run)[0] == "COMPLETED", 90)
    assert site.run_of(flow_run) == run
    assert site.status(run) == "succeeded"


@pytest.mark.parametrize("where", ["page", "command"])
def test_a_question_of_a_deployed_run(site: Site, served: Worker, where: str) -> None:
    """The deployment's flow run is paused, with the form; an answer on the page or by a command
    lets it go on to its end."""
    deployment = site.deploy("deployed_asks", ASKS)
    flow_run = site.begin(deployment)
    assert until(lambda: site.page.state(flow_run)[0] == "PAUSED", PATIENCE)
    run = site.run_of(flow_run)
    if where == "page":
        assert site.page.form(flow_run)["properties"]["niter"]["default"] == 5
        assert site.page.resume(flow_run, niter=7)["status"] == "ACCEPT"
    else:
        done = site.command("answer", run, "ask", "-i", "niter=7")
        assert done.returncode == 0, done.stderr
    assert site.ends(flow_run)["state_type"] == "COMPLETED"
    assert site.shown(run)["outputs"] == {"niter": 7}


def test_the_limit_of_a_work_pool(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """A pool's own limit holds for all its deployments: the second run begins when the first has
    ended."""
    site = Site(tmp_path, prefect_server)
    pool = _pool(site, "narrow")
    site.prefect("work-pool", "set-concurrency-limit", pool, "1")
    slow = "stages: {nap: {run: nap, with: {seconds: 3}}}"
    two = [site.deploy(f"deployed_{name}", slow, "--work-pool", pool) for name in ("a", "b")]
    with worker(site, *SERVE, "--work-pool", pool):
        begun = [site.begin(deployment) for deployment in two]
        ended = [site.ends(flow_run) for flow_run in begun]
    assert [one["state_type"] for one in ended] == ["COMPLETED", "COMPLETED"]
    spans = sorted((one["start_time"], one["end_time"]) for one in ended)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), spans


def test_a_broken_file_fails_with_its_line(site: Site, served: Worker) -> None:
    """A file that is not valid any more when its turn comes is a failed flow run with the line, and
    no run."""
    deployment = site.deploy("deployed_breaks", NAPS)
    before = len(site.runs())
    site.write("deployed_breaks", "stages: {nap: {run: nup}}")
    ended = site.ends(site.begin(deployment))
    assert ended["state_type"] == "FAILED"
    message = ended["state"]["message"]
    assert "deployed_breaks.yaml:3:21: no workload 'nup'" in message and "\n" not in message
    assert len(site.runs()) == before


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium to open the page with")
def test_in_a_browser(site: Site, gives: str, served: Worker, tmp_path: Path) -> None:
    """A person fills in the form of the params and submits it; the run has the value."""
    done = site.command("deploy", str(site.folder / "deployed_gives.yaml"), *OURS)
    address = done.stdout.split()[done.stdout.split().index("page") + 1]
    with browser(tmp_path / "profile") as tab:
        tab.open(address)
        tab.wait_for("deployed_gives")
        tab.open(f"{site.server.ui_url}/deployments/deployment/{gives}/run")
        tab.wait_for("How many (at least 1, at most 9)")
        assert "token" not in tab.text
        tab.fill("value", "7")
        tab.press("Submit")
        tab.wait_for("Scheduled")
    of_deployment = {
        "flow_runs": {"deployment_id": {"any_": [gives]}},
        "sort": "EXPECTED_START_TIME_DESC",
    }
    newest = site.page.post("/flow_runs/filter", of_deployment)[0]["id"]
    ended = site.ends(newest)
    assert ended["state_type"] == "COMPLETED" and ended["parameters"]["value"] == 7
    assert site.shown(site.run_of(newest))["outputs"] == {"value": 7}


def test_ctrl_c_interrupts_what_is_served(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """Ctrl-C ends the worker with 0, and the run that goes on as a Ctrl-C of its own would; in a
    terminal with colours no code of theirs stands in what is shown."""
    site = Site(tmp_path, prefect_server)
    pool = _pool(site, "interrupted")
    deployment = site.deploy("deployed_interrupted", NAPS, "--work-pool", pool)
    with worker(site, *SERVE, "--work-pool", pool, FORCE_COLOR="1") as serving:
        flow_run = site.begin(deployment)
        run = site.run_of(flow_run)
        assert site.started(run, "nap")
        assert serving.end() == 0
        shown = serving.log.read_text("utf-8")
        assert "submitting flow run" in shown and "\\u001b" not in shown
    ended = site.page.flow_run(flow_run)
    assert (ended["state_type"], ended["state_name"]) == ("CRASHED", "Interrupted")
    assert ended["state"]["message"].endswith(f"radps-dag resume {run}")
    assert site.status(run) == "interrupted"


def test_a_killed_worker_leaves_its_run(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """A worker that is killed takes no run with it: that goes on to its end, and Prefect knows."""
    site = Site(tmp_path, prefect_server)
    pool = _pool(site, "killed")
    deployment = site.deploy("deployed_left", _slow(site), "--work-pool", pool)
    with worker(site, *SERVE, "--work-pool", pool) as serving:
        flow_run = site.begin(deployment)
        run = site.run_of(flow_run)
        assert site.started(run, "nap")
        serving.end(signal.SIGKILL)
    assert site.ends(flow_run)["state_type"] == "COMPLETED"
    assert site.status(run) == "succeeded"


def test_prefects_own_worker_by_a_schedule(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """`prefect worker start` runs what is due by a schedule, one at a time where the deployment's
    limit is 1; the local server schedules."""
    site = Site(tmp_path, prefect_server)
    pool = _pool(site, "scheduled")
    limited = ("--work-pool", pool, "--interval", "2s", "--concurrency-limit", "1")
    deployment = site.deploy("deployed_scheduled", "stages: {one: {run: give}}", *limited)
    command = (sys.executable, "-m", "prefect", "worker", "start", "--pool", pool)
    with worker(site, *command, **client_environment(prefect_server)):
        assert until(lambda: len(_of(site, deployment, "COMPLETED")) >= 2, 120)
    site.command("deployments", "--remove", "deployed_scheduled/default")
    spans = sorted((one["start_time"], one["end_time"]) for one in _of(site, deployment))
    assert all(end <= start for (_, end), (start, _) in pairwise(spans)), spans
    assert {"auto-scheduled", "radps-dag"} <= set(_of(site, deployment)[0]["tags"])
    assert not _of(site, deployment, "SCHEDULED")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cron", "at three"), "--cron: 'at three' is not a line of cron"),
        (("--interval", "often"), "--interval: 'often' is not a duration"),
        (("--cron", "0 3 * * *", "--interval", "1h"), "one schedule; give one of them"),
        (("--work-pool", "nowhere"), "there is no work pool 'nowhere'"),
        (("-p", "value=70"), "expected an integer from 1 to 9, found 70"),
        (("-p", "valeu=7"), "unknown param 'valeu'"),
        (("-p", "token=a-secret-in-plain"), "set the environment's RADPS_DAG_PARAM_TOKEN"),
        (("--name", "a/b"), "--name: 'a/b' is not a name"),
        (("--job-variable", "image"), "write name=value"),
    ],
)
def test_what_is_wrong_is_one_line(site: Site, options: tuple[str, ...], message: str) -> None:
    """Nothing is registered, and the exit code is 2."""
    file = site.write("deployed_wrong", GIVES)
    done = site.command("deploy", str(file), *OURS, *options)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and "Traceback" not in done.stderr
    assert "a-secret" not in done.stderr


def test_nothing_wrong_was_registered(site: Site) -> None:
    """What was refused is not deployed."""
    site.command("deploy", str(site.write("deployed_wrong", GIVES)), *OURS, "--cron", "at three")
    assert "deployed_wrong" not in site.command("deployments").stdout


def test_a_line_of_cron_is_checked_before_a_server_is_asked(site: Site) -> None:
    """So that none is started for a slip of the pen."""
    file = site.write("deployed_wrong", GIVES)
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:1/api"}
    done = site.command("deploy", str(file), *OURS, "--cron", "at three", **nowhere)
    assert done.returncode == 2 and "is not a line of cron" in done.stderr


def test_a_schedule_asks_nobody(site: Site) -> None:
    """A param without a default must be given where a schedule begins the runs."""
    needs = "params: {value: {type: integer}}\nstages: {one: {run: give}}"
    file = site.write("deployed_needs", needs)
    done = site.command("deploy", str(file), *OURS, "--cron", "0 3 * * *")
    assert done.returncode == 2 and "deployed_needs.yaml:3:10: param 'value'" in done.stderr
    assert "give it with -p value=VALUE" in done.stderr


def test_without_a_server(site: Site) -> None:
    """No API at the address that is said: one line."""
    file = site.write("deployed_unreached", NAPS)
    nowhere = {"PREFECT_API_URL": "http://127.0.0.1:1/api"}
    for command in (("deploy", str(file), *OURS), ("serve",), ("deployments",)):
        done = site.command(*command, **nowhere)
        assert done.returncode == 1 and "no Prefect server answers" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_listed_and_removed(site: Site) -> None:
    """What is deployed is listed with its schedule and its limit; what is removed is not."""
    site.deploy("deployed_listed", NAPS, "--cron", "0 3 * * *", "--concurrency-limit", "2")
    listed = json.loads(site.command("deployments", "--json").stdout)
    (one,) = [each for each in listed if each["name"] == "deployed_listed/default"]
    assert one["schedules"] == ["cron 0 3 * * *"] and one["limit"] == 2
    assert one["file"] == str(site.folder / "deployed_listed.yaml")
    assert "at most 2 at once" in site.command("deployments").stdout
    assert site.command("deployments", "--remove", "deployed_listd/default").returncode == 2
    done = site.command("deployments", "--remove", "deployed_listed/default")
    assert done.stdout == "removed deployed_listed/default\n"
    assert "deployed_listed" not in site.command("deployments").stdout


OURS = ("--workloads", str(WORKLOADS))
SERVE = (sys.executable, "-m", "radps_dag", "serve")


def _slow(site: Site) -> str:
    """A pipeline whose call takes a while, unless there is a file."""
    file = site.folder / "go"
    return f'stages: {{nap: {{run: nap_unless, with: {{file: "{file}", seconds: 15}}}}}}'


def _pool(site: Site, name: str) -> str:
    """A work pool of processes, made as `prefect work-pool create` does."""
    pool = f"deployed-{name}"
    site.prefect("work-pool", "create", pool, "--type", "process")
    return pool


def _of(site: Site, deployment: str, state: str = "COMPLETED") -> list[dict[str, object]]:
    query = {
        "flow_runs": {
            "deployment_id": {"any_": [deployment]},
            "state": {"type": {"any_": [state]}},
        },
        "sort": "START_TIME_ASC",
    }
    found: list[dict[str, object]] = site.page.post("/flow_runs/filter", query)
    return found
