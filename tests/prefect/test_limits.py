"""Limits of Prefect's that go with a tag: they hold for calls of all runs."""

from __future__ import annotations

import threading
from pathlib import Path

from asking_support import Page

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
