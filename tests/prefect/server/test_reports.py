"""Reports on the local server's own path: made when asked for, and nothing else is shown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from radps_dag.facts import RunEnded, RunStarted
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.workspace import Workspace
from radps_dag.prefect.server.links import REPORTS_PATH, Table
from radps_dag.prefect.server.reports import Reports
from radps_dag.prefect.server.visitors import Visitors

AUTH = "radps:secret"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The directory of a run, in a workspace whose journal has it."""
    workspace = Workspace(tmp_path / "a workspace" / ".radps")
    store = open_store(workspace)
    store.create("r1", "p", 1.0)
    start = RunStarted(
        time=1.0,
        place="",
        run="r1",
        pipeline="p",
        file="p.yaml",
        params={},
        library="placeholder",
        executor="threads",
        seed=0,
    )
    store.append("r1", [to_row("r1", start, workspace)])
    store.close()
    folder = workspace.run("r1").path
    folder.mkdir(parents=True)
    (folder / "workers.log").write_text("private")
    return folder


def table(run: Path) -> Table:
    return Table(run.parents[3] / "table", AUTH, "reports")


def ask(run: Path, address: str, auth: str = AUTH, method: str = "GET") -> httpx.Response:
    """What is answered to somebody who logs in with this password ("" for none)."""
    app: Any = Reports(Visitors(AUTH), table(run), run.parents[3] / "made")
    user, _, password = auth.partition(":")

    async def answer() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
            login = httpx.BasicAuth(user, password) if auth else None
            url = httpx.URL("http://a").copy_with(raw_path=address.encode())
            return await client.request(method, url, auth=login)

    return asyncio.run(answer())


def test_made_when_it_is_asked_for(run: Path) -> None:
    """The report is made of the journal, and again once the run has gone on; nothing is written
    into the workspace."""
    address = f"{REPORTS_PATH}{table(run).enter(run)}/index.html"
    before = sorted(run.rglob("*"))
    page = ask(run, address)
    assert page.status_code == 200
    assert "p: run r1" in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "http" not in policy
    store = open_store(Workspace(run.parents[1]))
    end = RunEnded(time=2.0, place="", status="succeeded", seconds=1.0)
    store.append("r1", [to_row("r1", end, store.workspace)])
    store.close()
    later = ask(run, address).text
    assert later != page.text
    assert ask(run, address).text == later
    assert ask(run, address.replace("index", "stages")).status_code == 200
    assert ask(run, address.removesuffix("index.html")).status_code == 307
    assert sorted(run.rglob("*")) == before


def test_as_it_was_written(run: Path) -> None:
    """Where the journal is elsewhere, the report that the run has written is shown."""
    run.parents[1].joinpath("journal.db").unlink()
    address = f"{REPORTS_PATH}{table(run).enter(run)}/index.html"
    assert ask(run, address).status_code == 404
    (run / "report").mkdir()
    (run / "report/index.html").write_text("<p>as it was")
    assert ask(run, address).text == "<p>as it was"


@pytest.mark.parametrize(
    "way",
    [
        *("r1/index.html", "../index.html", "%2e%2e/index.html", "x" * 16 + "/index.html"),
        *("TOKEN/../workers.log", "TOKEN/%2e%2e/workers.log", "TOKEN/..%2fworkers.log"),
        *("TOKEN//index.html", "TOKEN/link.html", "TOKEN/folder/workers.log", "TOKEN/a%00b"),
        *("TOKEN/pipe.html", "TOKEN/folder", "TOKEN/none.html", ""),
    ],
)
def test_no_way_out(way: str, run: Path) -> None:
    """Whatever is asked for, nothing outside of a report is shown: no other file, no link."""
    import os

    run.parents[1].joinpath("journal.db").unlink()
    report = run / "report"
    report.mkdir()
    (report / "index.html").write_text("page")
    (report / "link.html").symlink_to(run / "workers.log")
    (report / "folder").symlink_to(run)
    os.mkfifo(report / "pipe.html")
    answer = ask(run, f"{REPORTS_PATH}{way.replace('TOKEN', table(run).enter(run))}")
    assert answer.status_code == 404
    assert "private" not in answer.text
    assert "page" not in answer.text.replace("such page", "")


def test_a_report_that_is_a_link(run: Path, tmp_path: Path) -> None:
    """A folder of a report that leads elsewhere is not followed."""
    run.parents[1].joinpath("journal.db").unlink()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/index.html").write_text("private")
    (run / "report").symlink_to(tmp_path / "other")
    address = f"{REPORTS_PATH}{table(run).enter(run)}/index.html"
    assert ask(run, address).status_code == 404


def test_who_has_not_logged_in(run: Path) -> None:
    """Without the password nothing is shown, nor made; with it, nothing can be changed."""
    address = f"{REPORTS_PATH}{table(run).enter(run)}/index.html"
    for auth in ("", "radps:other"):
        answer = ask(run, address, auth)
        assert answer.status_code == 401
        assert "r1" not in answer.text
    assert not (run.parents[3] / "made").exists()
    assert ask(run, address, method="POST").status_code == 405


def test_tokens_of_products_open_no_report(run: Path) -> None:
    """An address of products is none of a report, though it be of the same folder."""
    products = Table(run.parents[3] / "table", AUTH)
    token = products.enter(run)
    assert ask(run, f"{REPORTS_PATH}{token}/index.html").status_code == 404
