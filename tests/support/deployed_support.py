"""Deployments as their users have them: commands, a worker that serves them, Prefect's API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from asking_support import Page
from forked import command
from run_support import PROGRAM, WORKLOADS, until

from radps_dag.prefect.server import ServerAddress, client_environment

__all__ = ["Site", "Worker", "worker"]

PATIENCE = 90.0  # seconds from a flow run to its end: a worker looks, and a process imports Prefect


@dataclass
class Worker:
    """A process that serves a work pool, and the file with what it says."""

    process: subprocess.Popen[bytes]
    log: Path

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@dataclass
class Site:
    """A folder in which pipelines are deployed and run, and the API of the server."""

    folder: Path
    server: ServerAddress
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.page = Page(self.server)

    def command(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return command(self.folder, *arguments, env=variables)

    def prefect(self, *arguments: str) -> None:
        """A command of Prefect's own."""
        subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=self.folder,
            capture_output=True,
            check=True,
            timeout=180,
            env={**os.environ, **client_environment(self.server)},
        )

    def write(self, name: str, text: str) -> Path:
        path = self.folder / f"{name}.yaml"
        path.write_text(f"version: 1\nname: {name}\n{text}")
        return path

    def deploy(self, name: str, text: str, *options: str) -> str:
        """Deploy a pipeline; the id of the deployment."""
        file = self.write(name, text)
        done = self.command("deploy", str(file), "--workloads", str(WORKLOADS), *options)
        assert done.returncode == 0, done.stderr
        words = done.stdout.split()
        return words[words.index("page") + 1].partition("#")[0].rpartition("/")[2]

    def begin(self, deployment: str, **params: Any) -> str:
        """Begin a run as the page does; the id of the flow run."""
        body = {"parameters": params, "state": {"type": "SCHEDULED"}}
        path = f"/deployments/{deployment}/create_flow_run"
        return str(self.page.post(path, body)["id"])

    def refused(self, deployment: str, **params: Any) -> str:
        """What the server says to a run that it does not begin."""
        try:
            self.begin(deployment, **params)
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == 409
            return str(error.response.json()["detail"])
        raise AssertionError("the run has begun")

    def cancel(self, flow_run: str) -> None:
        """What *Cancel* on the page asks for."""
        state = {"state": {"type": "CANCELLING", "name": "Cancelling"}, "force": True}
        self.page.post(f"/flow_runs/{flow_run}/set_state", state)

    def retry(self, flow_run: str) -> None:
        """What *Retry* on the page asks for."""
        state = {"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": False}
        self.page.post(f"/flow_runs/{flow_run}/set_state", state)

    def ends(self, flow_run: str) -> Mapping[str, Any]:
        """The flow run, when it is over."""
        final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        over = until(lambda: self.page.state(flow_run)[0] in final, PATIENCE)
        assert over, self.page.flow_run(flow_run)["state"]
        return self.page.flow_run(flow_run)

    def runs(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(self.command("runs", "--json").stdout)
        return listed

    def run_of(self, flow_run: str) -> str:
        """The run's id, as soon as the flow run has its name."""
        named = until(lambda: self.page.flow_run(flow_run)["name"][:3] == "202", PATIENCE)
        assert named, self.page.flow_run(flow_run)
        return str(self.page.flow_run(flow_run)["name"]).partition(" ")[0]

    def status(self, run: str) -> str:
        """How the run ended: its journal may end a moment after Prefect's flow run."""

        def status() -> str:
            (status,) = [one["status"] for one in self.runs() if one["run"] == run]
            return str(status)

        assert until(lambda: status() != "running", PATIENCE)
        return status()

    def shown(self, run: str) -> dict[str, Any]:
        """The run as `show` tells it; it has to succeed."""
        assert self.status(run) == "succeeded"
        shown: dict[str, Any] = json.loads(self.command("show", run, "--json").stdout)
        return shown

    def started(self, run: str, stage: str) -> bool:
        """Whether a stage has started; waits for it."""

        def runs() -> bool:
            told = json.loads(self.command("status", run, "--json").stdout or "{}")
            nodes = told.get("stages", [])
            return any((one["node"], one["status"]) == (stage, "running") for one in nodes)

        return until(runs, PATIENCE)

    @staticmethod
    def driver(flow_run: str) -> int:
        """The process that a worker has started for a flow run."""
        wanted = f"PREFECT__FLOW_RUN_ID={flow_run}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if wanted in (process / "environ").read_bytes().split(b"\0"):
                    return int(process.name)
        raise AssertionError(f"no process drives {flow_run}")


@contextmanager
def worker(site: Site, *words: str, **variables: str) -> Iterator[Worker]:
    """A worker, in a session of its own as in a terminal of its own, ended with the block."""
    log = site.folder / "worker.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            words or [*PROGRAM, "serve"],
            cwd=site.folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PREFECT_WORKER_QUERY_SECONDS": "1", **variables},
            start_new_session=True,
        )
    try:
        yield Worker(process, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(60)
