"""Ctrl-C while calls compute on a cluster of this machine."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cluster_support import WORKLOADS
from processes_support import alive, read_soon, wait_for

PROFILE = """
[executors.dask]
workers = 1
[executors.parsl]
[[executors.parsl.blocks]]
name = "here"
"""
PIPELINE = """
version: 1
name: waiting
stages:
  a: {{run: busy, with: {{how: child, pids: "{pids}"}}}}
"""


@pytest.mark.parametrize("executor", ["dask", "parsl"])
def test_an_interrupt_leaves_nothing(executor: str, tmp_path: Path) -> None:
    """A Ctrl-C, which a terminal sends to all processes, ends the run with code 130 and one line
    for it; nothing that was started for it goes on."""
    pids = tmp_path / "pids"
    (tmp_path / "radps-dag.toml").write_text(PROFILE, encoding="utf-8")
    (tmp_path / "p.yaml").write_text(PIPELINE.format(pids=pids), encoding="utf-8")
    words = ("run", "p.yaml", "--no-prefect", "--quiet", "--executor", executor)
    run = subprocess.Popen(
        [sys.executable, "-m", "radps_dag", *words, "--workloads", str(WORKLOADS)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        found = asyncio.run(read_soon(pids))
        os.killpg(run.pid, signal.SIGINT)
        told, _ = run.communicate(timeout=60)
    finally:
        if run.poll() is None:
            run.kill()
    assert run.returncode == 130
    assert "Traceback" not in told and told.strip().endswith("radps-dag: interrupted by SIGINT")
    wait_for(lambda: not any(map(alive, found)))
    wait_for(lambda: not in_session(run.pid))


def in_session(session: int) -> list[int]:
    """The processes of a session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] not in "ZX":
            found.append(int(entry.name))
    return found
