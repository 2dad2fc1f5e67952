"""`radps-dag run` as a subprocess, told by its facts, and what Prefect recorded of it."""

from __future__ import annotations

import json
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from forked import command
from repository import ROOT, SUPPORT

from radps_dag.prefect.server import ServerAddress

__all__ = [
    "PIPELINES",
    "PROGRAM",
    "WORKLOADS",
    "Api",
    "Ran",
    "Record",
    "record_of",
    "run",
    "until",
    "write",
]

PIPELINES = ROOT / "pipelines"
PROGRAM = (sys.executable, "-m", "radps_dag")
WORKLOADS = SUPPORT / "run_workloads.py"

# No run of these tests takes half of it; one that hangs is to fail, and not to hang the suite.
PATIENCE = 180.0

Fact = Mapping[str, Any]


@dataclass(frozen=True)
class Ran:
    """A run that is over."""

    code: int
    facts: tuple[Fact, ...]
    out: str
    err: str
    workspace: Path

    def of(self, kind: str, place: str = "") -> list[Fact]:
        """The facts of a kind whose places begin so."""
        return [
            fact for fact in self.facts if fact["fact"] == kind and fact["place"].startswith(place)
        ]

    def one(self, kind: str, place: str = "") -> Fact:
        """The fact of a kind at a place; the first where there are several."""
        return next(fact for fact in self.facts if fact["fact"] == kind and fact["place"] == place)

    @property
    def outputs(self) -> Mapping[str, Any]:
        outputs: Mapping[str, Any] = self.one("run_ended")["outputs"]
        return outputs

    @property
    def skipped(self) -> set[str]:
        return {fact["place"] for fact in self.of("node_skipped")}

    def span(self, place: str) -> tuple[float, float]:
        """When a place began and succeeded."""
        return self.one("node_started", place)["time"], self.one("node_succeeded", place)["time"]

    @property
    def directory(self) -> Path:
        return self.workspace / "runs" / str(self.one("run_started")["run"])

    @property
    def flow_run(self) -> str:
        """The id of the run's flow run, from the address of its page."""
        return self.page.partition("#")[0].rpartition("/")[2]

    @property
    def page(self) -> str:
        """The address of the run's page, as the run prints it."""
        notes = [str(fact["message"]) for fact in self.of("noted")]
        return next(note for note in notes if "flow-run/" in note).rpartition(" ")[2]


def run(
    file: Path | str,
    *options: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    progress: Sequence[str] = ("--json",),
) -> Ran:
    """Run a pipeline with the command line, in a directory."""
    done = command(cwd, "run", str(file), *progress, *options, env=env)
    lines = done.stdout.splitlines() if "--json" in progress else []
    facts = tuple(json.loads(line) for line in lines)
    return Ran(done.returncode, facts, done.stdout, done.stderr, cwd / ".radps")


def write(path: Path, text: str) -> Path:
    """A pipeline's file; the header may be left out."""
    text = textwrap.dedent(text)
    if "version:" not in text:
        text = f"version: 1\nname: {path.stem}\n{text}"
    path.write_text(text, encoding="utf-8")
    return path


def until(true: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Wait for something that is bound to happen; whether it did."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@dataclass(frozen=True)
class Record:
    """A flow run as Prefect's API tells it, with all that is inside."""

    flow: Mapping[str, Any]
    tasks: tuple[Mapping[str, Any], ...]
    subflows: tuple[Record, ...] = field(default=())

    @property
    def name(self) -> str:
        """Where it is: its name without the run's id. Of the run itself that is all there is."""
        return str(self.flow["name"]).partition(" · ")[0]

    @property
    def state(self) -> str:
        return str(self.flow["state_type"])

    @property
    def message(self) -> str:
        return str(self.flow["state"]["message"])

    def walk(self) -> Iterator[Record]:
        yield self
        for subflow in self.subflows:
            yield from subflow.walk()

    def find(self, name: str) -> Record:
        return next(record for record in self.walk() if record.name == name)

    @property
    def all_tasks(self) -> list[Mapping[str, Any]]:
        return [task for record in self.walk() for task in record.tasks]

    def task(self, name: str) -> Mapping[str, Any]:
        return next(task for task in self.all_tasks if task["name"] == name)


class Api:
    """Prefect's API of a server, as far as the tests ask it."""

    def __init__(self, server: ServerAddress) -> None:
        user, _, password = server.auth_string.partition(":")
        self._client = httpx.Client(base_url=server.api_url, auth=(user, password), timeout=30)

    def filtered(self, what: str, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while True:
            asked = {**query, "limit": 200, "offset": len(found)}
            page = self._client.post(f"/{what}/filter", json=asked).raise_for_status().json()
            found += page
            if len(page) < 200:
                return found

    def record(self, flow_run: str) -> Record:
        flow = self._client.get(f"/flow_runs/{flow_run}").raise_for_status().json()
        children: dict[str, list[dict[str, Any]]] = {}
        levels = [flow]
        tasks: dict[str, list[dict[str, Any]]] = {}
        while levels:
            ids = [one["id"] for one in levels]
            # Before the task runs: one that is made now has its stand-in already.
            below = self.filtered("flow_runs", {"flow_runs": {"parent_flow_run_id": {"any_": ids}}})
            inside = {"flow_runs": {"id": {"any_": ids}}}
            stand_ins: dict[str, str] = {}
            for task in self.filtered("task_runs", inside):
                if task["state"] and task["state"]["state_details"]["child_flow_run_id"]:
                    stand_ins[task["id"]] = task["flow_run_id"]
                tasks.setdefault(task["flow_run_id"], []).append(task)
            levels = below
            of_task = {
                task["id"]: task["flow_run_id"] for group in tasks.values() for task in group
            }
            for one in levels:
                children.setdefault(of_task[one["parent_task_run_id"]], []).append(one)
        stand_for = {one["parent_task_run_id"] for group in children.values() for one in group}

        def built(flow: dict[str, Any]) -> Record:
            own = tuple(t for t in tasks.get(flow["id"], []) if t["id"] not in stand_for)
            return Record(flow, own, tuple(built(one) for one in children.get(flow["id"], [])))

        return built(flow)

    def delete(self, flow_run: str) -> None:
        self._client.delete(f"/flow_runs/{flow_run}").raise_for_status()

    def artifacts(self, record: Record) -> list[dict[str, Any]]:
        ids = [one.flow["id"] for one in record.walk()]
        return self.filtered("artifacts", {"artifacts": {"flow_run_id": {"any_": ids}}})


def record_of(ran: Ran, server: ServerAddress) -> Record:
    """What Prefect recorded of a run, when nothing is on its way any more."""
    api = Api(server)

    def arrived() -> bool:
        tasks = api.record(ran.flow_run).all_tasks
        names = {str(task["name"]) for task in tasks}
        return not _missing(ran, names) and all(_final(task) for task in tasks)

    until(arrived)
    return api.record(ran.flow_run)


def _missing(ran: Ran, names: set[str]) -> set[str]:
    """The calls that ended and are not recorded; those of a batch share one that names a span."""
    ended = {fact["place"] for fact in (*ran.of("node_succeeded"), *ran.of("node_failed"))}
    calls = {
        fact["place"]
        for fact in ran.of("node_started")
        if fact["kind"] == "task" and not fact["origin"]  # what is used again is not told
    }
    batched = {name.rpartition("[")[0] for name in names if " .. " in name}
    wanted = {place.replace("/", " / ").replace("#", " #") for place in ended & calls}
    return {name for name in wanted - names if name.rpartition("[")[0] not in batched}


def _final(task: Mapping[str, Any]) -> bool:
    return task["state_type"] in ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")
