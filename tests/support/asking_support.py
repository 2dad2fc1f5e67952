"""A run that asks, in a process of its own, and what can be done to it meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from forked import command
from run_support import PATIENCE, PROGRAM, WORKLOADS, until

from radps_dag.prefect.server import ServerAddress

__all__ = ["Going", "Page", "going"]

Fact = Mapping[str, Any]


@dataclass
class Going:
    """A run that goes on beside the test."""

    process: subprocess.Popen[bytes]
    folder: Path
    out: Path

    @property
    def facts(self) -> list[Fact]:
        lines = self.out.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def of(self, kind: str) -> list[Fact]:
        return [fact for fact in self.facts if fact["fact"] == kind]

    def wait(self, kind: str, count: int = 1) -> Fact:
        """The last of so many facts of a kind, when they have happened."""
        assert until(lambda: len(self.of(kind)) >= count, PATIENCE), self.told
        return self.of(kind)[count - 1]

    @property
    def told(self) -> str:
        return f"{self.facts} {(self.folder / 'err.txt').read_text()}"

    @property
    def run(self) -> str:
        return str(self.wait("run_started")["run"])

    @property
    def flow_run(self) -> str:
        return self.page.partition("#")[0].rpartition("/")[2]

    @property
    def page(self) -> str:
        """The address of the run's page, as the run prints it."""
        return str(self.wait("noted")["message"]).rpartition(" ")[2]

    def end(self) -> Fact:
        """How the run ended; its outputs and all."""
        self.process.wait(PATIENCE)
        assert self.of("run_ended"), self.told
        return self.of("run_ended")[-1]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another program in the same workspace."""
        return command(self.folder, *arguments)


@contextmanager
def going(*arguments: str, folder: Path, env: Mapping[str, str] | None = None) -> Iterator[Going]:
    """`radps-dag` with these arguments, until the block is left."""
    out = folder / f"out-{len(list(folder.glob('out-*')))}.jsonl"
    own = ("--workloads", str(WORKLOADS)) if arguments[0] == "run" else ()
    with out.open("wb") as stdout, (folder / "err.txt").open("ab") as stderr:
        process = subprocess.Popen(
            [*PROGRAM, *arguments, *own, "--json"],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        yield Going(process, folder, out)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE)


class Page:
    """What Prefect's page asks its server for."""

    def __init__(self, server: ServerAddress) -> None:
        user, _, password = server.auth_string.partition(":")
        self._client = httpx.Client(base_url=server.api_url, auth=(user, password), timeout=30)

    def flow_run(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._client.get(f"/flow_runs/{id}").raise_for_status().json()
        return found

    def state(self, id: str) -> tuple[str, str]:
        found = self.flow_run(id)
        return found["state_type"], found["state_name"]

    def paused(self, id: str, at: str = "") -> dict[str, Any]:
        """The state of a flow run, as soon as it waits for an answer at a place."""

        def waits() -> bool:
            state = self.flow_run(id)["state"]
            return state["type"] == "PAUSED" and state["message"].startswith(at)

        assert until(waits, PATIENCE), self.flow_run(id)["state"]
        state: dict[str, Any] = self.flow_run(id)["state"]
        return state

    def form(self, id: str, part: str = "schema") -> Any:
        """The schema or the description of the form."""
        key = self.paused(id)["state_details"]["run_input_keyset"][part]
        return self._client.get(f"/flow_runs/{id}/input/{key}").raise_for_status().json()

    def resume(self, id: str, **values: Any) -> dict[str, Any]:
        """Answer; what the server says to it."""
        response = self._client.post(f"/flow_runs/{id}/resume", json={"run_input": values})
        found: dict[str, Any] = response.raise_for_status().json()
        return found

    def inside(self, id: str) -> list[dict[str, Any]]:
        """The subflows of a flow run."""
        query = {"flow_runs": {"parent_flow_run_id": {"any_": [id]}}}
        found: list[dict[str, Any]] = self.post("/flow_runs/filter", query)
        return found

    def post(self, path: str, query: Mapping[str, Any]) -> Any:
        return self._client.post(path, json=query).raise_for_status().json()
