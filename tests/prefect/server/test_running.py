"""The local Prefect server, running: one for this module's questions, shared by the session."""

from __future__ import annotations

import asyncio
import base64
import http.client
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from radps_dag.prefect import server
from radps_dag.prefect.server import ServerAddress

FLOW = """
import asyncio
from prefect import flow, task
from prefect.events import emit_event

@task
async def double(number):
    return 2 * number

@task(retries=1)
async def fail():
    raise ValueError("no")

@flow
async def part(number):
    return await double(number)

@flow(name="recorded")
async def whole():
    async with asyncio.TaskGroup() as group:
        for number in range(300):
            group.create_task(double(number))
        for number in range(10):
            group.create_task(part(number))
    await fail(return_state=True)
    emit_event("radps.qa.alert", resource={"prefect.resource.id": "radps.test"})
    return 7

assert asyncio.run(whole()) == 7
"""

STARTS_WITHOUT_PREFECT = """
import sys
from radps_dag.prefect import server
address = server.ensure_server()
server.client_environment(address)
print(address.pid, *[name for name in ("prefect", "asyncio", "sqlalchemy") if name in sys.modules])
"""


def headers(address: ServerAddress) -> dict[str, str]:
    code = base64.b64encode(address.auth_string.encode()).decode()
    return {"Authorization": f"Basic {code}"}


def test_a_client_needs_no_prefect_and_shares_the_server(prefect_server: ServerAddress) -> None:
    """Another process gets the same server, without importing Prefect or what it needs."""
    found = subprocess.run(
        [sys.executable, "-c", STARTS_WITHOUT_PREFECT], check=True, capture_output=True, text=True
    )
    assert found.stdout.split() == [str(prefect_server.pid)]


def test_password_is_asked_for(prefect_server: ServerAddress) -> None:
    """Without it the API answers 401, with it 200, also when its health is asked."""
    url = prefect_server.api_url
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"{url}/health").status_code == 401
        assert client.get(f"{url}/health", headers=headers(prefect_server)).status_code == 200
        assert client.post(f"{url}/flow_runs/filter", json={}).status_code == 401
        known = client.post(f"{url}/flow_runs/filter", json={}, headers=headers(prefect_server))
        assert known.status_code == 200


def test_other_sites_may_not_read(prefect_server: ServerAddress) -> None:
    """No leave for a page of another origin; none at all under another name of this machine."""
    with httpx.Client(trust_env=False) as client:
        foreign = {"Origin": "https://evil.example", **headers(prefect_server)}
        answer = client.get(f"{prefect_server.api_url}/admin/version", headers=foreign)
        assert "access-control-allow-origin" not in answer.headers
    port = int(prefect_server.ui_url.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/api/health", headers={"Host": f"evil.example:{port}"})
    assert connection.getresponse().status == 421
    connection.close()


def test_page_is_served_with_its_login(prefect_server: ServerAddress) -> None:
    """The page is there, asks for the password, promotes nothing, and login leads to it."""
    with httpx.Client(trust_env=False, base_url=prefect_server.ui_url) as client:
        page = client.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
        assert "Prefect Server" in page.text
        assert client.get("/ui-settings").json()["auth"] == "BASIC"
        known = client.get("/api/admin/settings", headers=headers(prefect_server)).json()
        assert known["server"]["analytics_enabled"] is False
        login, _, fragment = prefect_server.login_url.partition("#")
        assert client.get(login).status_code == 200
        assert fragment == prefect_server.auth_string


def test_everything_is_private(prefect_server: ServerAddress, server_home: Path) -> None:
    """No file of a running server can be read by others."""
    ours = [path for path in server_home.rglob("*") if "pages" not in path.parts]
    assert len(ours) > 5
    assert [path for path in ours if path.stat().st_mode & 0o077] == []


def test_many_writers_at_once_are_all_served(prefect_server: ServerAddress) -> None:
    """A hundred flow runs created at once: no 503, after which a client would sleep."""

    async def create() -> list[int]:
        async with httpx.AsyncClient(
            trust_env=False,
            base_url=prefect_server.api_url,
            headers=headers(prefect_server),
            timeout=None,
            limits=httpx.Limits(max_connections=30),
        ) as client:
            flow = (await client.post("/flows/", json={"name": "writers"})).json()["id"]

            async def one(number: int) -> list[int]:
                made = await client.post(
                    "/flow_runs/", json={"flow_id": flow, "state": {"type": "PENDING"}}
                )
                state = {"state": {"type": "RUNNING"}, "force": True}
                run = made.json()["id"]
                went = await client.post(f"/flow_runs/{run}/set_state", json=state)
                return [made.status_code, went.status_code]

            return [code for codes in await asyncio.gather(*map(one, range(100))) for code in codes]

    assert set(asyncio.run(create())) == {201}


@pytest.fixture(scope="module")
def recorded(prefect_server: ServerAddress) -> dict[str, Any]:
    """What the server's database holds of a flow, after the server was told to end in order."""
    environment = {**os.environ, **server.client_environment(prefect_server)}
    done = subprocess.run(
        [sys.executable, "-c", FLOW], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {"output": done.stderr, "database": prefect_server.prefect_home / "prefect.db"}


def _eventually(database: Path, query: str, enough: int) -> list[tuple[Any, ...]]:
    """The rows of a query, as soon as there are enough of them: the server writes in batches."""
    import time

    rows: list[tuple[Any, ...]] = []
    for _ in range(600):
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            rows = connection.execute(query).fetchall()
        if len(rows) >= enough:
            break
        time.sleep(0.1)
    return rows


def test_every_task_run_is_recorded(recorded: dict[str, Any]) -> None:
    """Each task run once with its last state, each of its states once, retries too."""
    query = (
        "SELECT t.state_type, t.run_count, count(s.id) FROM task_run t "
        "JOIN task_run_state s ON s.task_run_id = t.id WHERE t.task_key LIKE '{}%' GROUP BY t.id "
        "HAVING count(s.id) >= {}"
    )
    doubled = _eventually(recorded["database"], query.format("double", 3), 310)
    assert doubled == [("COMPLETED", 1, 3)] * 310
    # Pending, Running, Retrying, Failed
    assert _eventually(recorded["database"], query.format("fail", 4), 1) == [("FAILED", 2, 4)]


def test_subflows_are_recorded(recorded: dict[str, Any]) -> None:
    """Ten subflows at once and their parent, all completed."""
    query = (
        "SELECT r.id FROM flow_run r JOIN flow f ON f.id = r.flow_id "
        "WHERE f.name IN ('part', 'recorded') AND r.state_type = 'COMPLETED'"
    )
    assert len(_eventually(recorded["database"], query, 11)) == 11


def test_feed_has_what_is_not_said_elsewhere(recorded: dict[str, Any]) -> None:
    """The pipelines' own events and those of flow runs; task runs have tables of their own."""
    query = (
        "SELECT DISTINCT event FROM events "
        "WHERE event IN ('radps.qa.alert', 'prefect.flow-run.Completed')"
    )
    assert len(_eventually(recorded["database"], query, 2)) == 2
    tasks = "SELECT event FROM events WHERE event LIKE 'prefect.task-run.%'"
    assert _eventually(recorded["database"], tasks, 0) == []


def test_nothing_is_sent_anywhere(
    recorded: dict[str, Any], prefect_server: ServerAddress, server_audit: Path
) -> None:
    """The server looks up no name, and connects to nothing but this machine."""
    lines = server_audit.read_text().splitlines() if server_audit.exists() else []
    own = [line for line in lines if line.startswith(f"{prefect_server.pid} ")]
    assert [line for line in own if "127.0.0.1" not in line] == []


def test_server_complained_about_nothing(
    recorded: dict[str, Any], prefect_server: ServerAddress
) -> None:
    """Its log is empty: no warning, no traceback."""
    assert (prefect_server.prefect_home.parent / "server.log").read_text() == ""
