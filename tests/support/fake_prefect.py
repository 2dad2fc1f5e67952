"""Prefect's server, as far as a tracker asks it, in this process: no socket, no database."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
from prefect.settings import temporary_settings

from radps_dag.prefect import bounds, events
from radps_dag.prefect.contact import Contact

__all__ = ["FakePrefect", "fake_prefect"]

# As our own server has them, and no log lines over a socket.
SETTINGS: dict[Any, Any] = {
    "api.url": "http://127.0.0.1:9/api",
    "client.csrf_support_enabled": False,
    "client.server_version_check_enabled": False,
    "client.max_retries": 0,
    "logging.to_api.enabled": False,
}
Json = dict[str, Any]


@dataclass
class FakePrefect:
    """Knows flow runs by their ids; what was asked, in order; and the states of task runs.

    `before` is awaited with each request, and may raise or wait.
    """

    asked: list[str] = field(default_factory=list)
    flow_runs: dict[str, Json] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)  # last states, by name
    tasks: list[tuple[str, str]] = field(default_factory=list)  # states, by name
    before: Callable[[httpx.Request, str], Awaitable[None]] | None = None

    async def send(self, client: object, request: httpx.Request, **named: Any) -> httpx.Response:
        del client, named
        said: Any = json.loads(request.content or b"{}")
        path = request.url.path.removeprefix("/api")
        if self.before is not None:
            await self.before(request, path)
        status, answer = self._answer(request.method, path.strip("/").split("/"), said)
        return httpx.Response(status, json=answer, request=request)

    def _answer(self, method: str, parts: list[str], said: Any) -> tuple[int, Json]:
        match method, parts:
            case "POST", ["flows"]:
                self.asked.append(f"flow {said['name']}")
                return 201, {"id": str(uuid4()), "name": said["name"]}
            case "POST", ["task_runs"]:
                self.asked.append(f"stand-in {said['name']}")
                return 201, {**said, "id": str(uuid4()), "state": _state("PENDING")}
            case "POST", ["flow_runs"]:
                self.asked.append(f"begin {said['name']}")
                run = {**said, "id": str(uuid4()), "state": _state("RUNNING")}
                self.flow_runs[run["id"]] = run
                return 201, run
            case "POST", ["events"]:
                for event in said:
                    resource = {name[8:]: word for name, word in event["resource"].items()}
                    self.tasks.append((resource["resource.name"], resource["state-name"]))
                return 204, {}
            case "GET", ["flow_runs", id]:
                self.asked.append(f"look {self.flow_runs[id]['name']}")
                return 200, self.flow_runs[id]
            case "POST", ["flow_runs", id, "set_state"]:
                run = self.flow_runs[id]
                run["state"] = _state(said["state"]["type"], said["state"].get("message"))
                self.asked.append(f"tell {run['name']}")
                self.told.append((run["name"], said["state"]["type"]))
                return 201, {"state": run["state"], "status": "ACCEPT", "details": {}}
        return 404, {}

    def names(self) -> list[str]:
        """The names of its flow runs."""
        return [run["name"] for run in self.flow_runs.values()]


@contextmanager
def fake_prefect(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePrefect]:
    """Have Prefect's clients of this process ask a server that is none."""
    fake = FakePrefect()

    async def send(client: object, request: httpx.Request, **named: Any) -> httpx.Response:
        return await fake.send(client, request, **named)

    monkeypatch.setattr(bounds, "_send", send)
    monkeypatch.setattr(events, "emit_event", lambda **what: None)
    with temporary_settings(updates=SETTINGS):
        yield fake
    monkeypatch.undo()
    Contact()  # no bounds of this test for those that follow


def _state(kind: str, message: str | None = None) -> Json:
    return {"type": kind, "name": kind.capitalize(), "message": message, "id": str(uuid4())}
