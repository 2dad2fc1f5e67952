"""What calls of a run that goes on wait for, as another terminal sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forked import command
from processes_support import wait_for
from repository import SUPPORT
from run_support import PROGRAM, write

PIPELINE = """
stages:
  first:
    run: murmur
    with: {{words: a, until: "{until}", pids: "{pids}"}}
    resources: {{locks: [ms-1]}}
  second:
    run: echo
    with: {{value: 1}}
    resources: {{locks: [ms-1]}}
"""


@pytest.fixture
def going_on(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run of which one call holds a lock until it may end, and another one waits for it."""
    text = PIPELINE.format(until=tmp_path / "until", pids=tmp_path / "pids")
    write(tmp_path / "p.yaml", text)
    words = ("run", "p.yaml", "--no-prefect", "-q", "--workloads")
    run = subprocess.Popen([*PROGRAM, *words, str(SUPPORT / "executor_workloads.py")], cwd=tmp_path)
    yield run
    run.kill()
    run.wait()


def occupancy(folder: Path) -> dict[str, Any] | None:
    told = command(folder, "status", "--json")
    found: dict[str, Any] | None = json.loads(told.stdout).get("occupancy") if told.stdout else None
    return found


def file_of(folder: Path) -> Path | None:
    return next(folder.glob(".radps/runs/*/occupancy.json"), None)


def test_status_says_what_a_call_waits_for(
    going_on: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """`status` has each call that waits, and for what; when the run has ended nothing is left."""
    wait_for(lambda: file_of(tmp_path))
    found = occupancy(tmp_path)
    assert found is not None and (found["executor"], found["waiting"]) == ("threads", 1)
    (wait,) = found["waits"]
    assert (wait["node"], wait["for"]) == ("second", "lock")
    text = command(tmp_path, "status").stdout
    assert "second            waits for lock ms-1, held by first" in text
    assert "threads: 1 of " in text and "1 call waits for locks" in text
    (tmp_path / "until").touch()
    assert going_on.wait(60) == 0
    assert file_of(tmp_path) is None and occupancy(tmp_path) is None


def test_what_a_killed_run_has_left_is_not_shown(
    going_on: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Its file is there, and nobody takes it for true; the process that resumes the run removes
    it."""
    wait_for(lambda: file_of(tmp_path))
    os.kill(going_on.pid, signal.SIGKILL)
    going_on.wait()
    assert file_of(tmp_path) is not None
    assert occupancy(tmp_path) is None
    assert "waits for" not in command(tmp_path, "status").stdout
    (tmp_path / "until").touch()
    assert command(tmp_path, "resume", "--no-prefect", "-q").returncode == 0
    assert file_of(tmp_path) is None
