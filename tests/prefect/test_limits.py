"""Limits of Prefect's that go with a tag: they hold for calls of all runs."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

from asking_support import Page, going
from run_support import Api, until, write

from radps_dag import run, workload
from radps_dag.prefect.server import ServerAddress

TEXT = """\
version: 1
name: limited
stages:
  fetch:
    for_each: {item: "${{ range(4) }}"}
    run: fetch
    tags: [archive]
"""


def test_a_limit_of_a_tag(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """Of calls whose tag has a limit no more run at once, whatever else is free."""
    limit = {"name": "tag:archive", "limit": 1, "active": True}
    Page(prefect_server).post("/v2/concurrency_limits/", limit)
    (tmp_path / "limited.yaml").write_text(TEXT, encoding="utf-8")
    alone = threading.Semaphore(1)
    met: list[bool] = []

    @workload
    def fetch() -> None:
        """Find out whether another one is here."""
        met.append(not alone.acquire(blocking=False))
        threading.Event().wait(0.2)
        alone.release()

    result = run(tmp_path / "limited.yaml", workloads=[fetch], workspace=tmp_path / ".radps")
    assert result.status == "succeeded" and met == [False] * 4


def test_calls_that_wait_are_interrupted(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """A call that waits for the limit of its tag is shown as pending; Ctrl-C ends it there, too. A
    tag that is named twice takes one place."""
    limit = {"name": "tag:telescope", "limit": 1, "active": True}
    Page(prefect_server).post("/v2/concurrency_limits/", limit)
    api = Api(prefect_server)

    def states() -> list[str]:
        return sorted(str(task["state_type"]) for task in api.record(run.flow_run).all_tasks)

    nap = "{run: nap, with: {seconds: 300}, tags: [telescope, telescope]}"
    file = write(tmp_path / "waits_for_a_limit.yaml", f"stages: {{one: {nap}, other: {nap}}}")
    with going("run", str(file), folder=tmp_path) as run:
        assert until(lambda: states() == ["PENDING", "RUNNING"]), states()
        run.process.send_signal(signal.SIGINT)
        assert run.end()["status"] == "interrupted"
        assert until(lambda: states() == ["CRASHED", "CRASHED"]), states()


def test_a_limit_of_nothing(prefect_server: ServerAddress, tmp_path: Path) -> None:
    """A limit of 0 lets nobody in: the call fails, in Prefect's words."""
    limit = {"name": "tag:closed", "limit": 0, "active": True}
    Page(prefect_server).post("/v2/concurrency_limits/", limit)
    file = write(tmp_path / "closed.yaml", "stages: {one: {run: give, tags: [closed]}}")
    with going("run", str(file), folder=tmp_path) as run:
        ended = run.end()
    assert ended["status"] == "failed" and "greater than the limit" in ended["message"]
