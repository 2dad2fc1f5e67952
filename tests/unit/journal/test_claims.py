"""Who drives a run: one at a time, whoever else asks is told who, and the dead hold nothing."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from radps_dag.facts import Noted, RunEnded
from radps_dag.journal import claims
from radps_dag.journal.claims import claim, driver_of
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.run_status import run_status
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import RunDirectory, Workspace
from radps_dag.problem import RadpsDagError


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "PATIENCE", 0.05)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(Workspace(tmp_path))
    yield store
    store.close()


@pytest.fixture
def directory(store: Store) -> RunDirectory:
    directory = store.workspace.new_run("cube")
    store.create(directory.id, "cube", 1.0)
    begins = Noted(time=1.0, place="", message="begins")
    store.append(directory.id, [to_row(directory.id, begins, store.workspace)])
    return directory


def test_one_at_a_time(store: Store, directory: RunDirectory) -> None:
    """Who asks while another drives is told which process it is, where, since when, and what to
    do; when that one is done, the next may."""
    first = claim(store, directory)
    with pytest.raises(RadpsDagError) as told:
        claim(store, directory)
    words = str(told.value)
    assert f"run {directory.id} is driven by process {os.getpid()} on {platform.node()}" in words
    assert f"radps-dag status {directory.id} --follow" in words
    first.release()
    claim(store, directory).release()


def test_runs_do_not_disturb_each_other(store: Store, directory: RunDirectory) -> None:
    """Two runs of a workspace are driven at once."""
    first = claim(store, directory)
    second = claim(store, store.workspace.new_run("cube"))
    first.release()
    second.release()


def test_looking_does_not_disturb(store: Store, directory: RunDirectory) -> None:
    """Who drives can be asked at any time, also before anybody has."""
    assert driver_of(directory) == ""
    claimed = claim(store, directory)
    for _ in range(100):
        assert driver_of(directory).startswith(f"process {os.getpid()} on ")
    claimed.release()
    assert driver_of(directory) == ""


@pytest.mark.parametrize("content", ["", "{}", '{"pid": 1', "\x00\xff", '{"since": "x"}'])
def test_a_lock_that_says_nothing(content: str, store: Store, directory: RunDirectory) -> None:
    """What stands in the lock is for people: without it, somebody still drives."""
    claimed = claim(store, directory)
    directory.lock.write_text(content)
    assert driver_of(directory) == "another process"
    claimed.release()


def test_the_dead_hold_nothing(store: Store, directory: RunDirectory) -> None:
    """After kill -9 the next may drive at once, and the run counts as interrupted."""
    code = (
        "import sys, time; from pathlib import Path; from radps_dag.storage import locks; "
        "lock = locks.take(Path(sys.argv[1])); print(lock is not None, flush=True); time.sleep(600)"
    )
    command = [sys.executable, "-c", code, str(directory.lock)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        head = store.heads()[0]
        assert run_status(store, head).status == "running"
        with pytest.raises(RadpsDagError, match="is driven by another process"):
            claim(store, directory)
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    assert run_status(store, head).status == "interrupted"
    claim(store, directory).release()


def test_what_was_forked_off_holds_nothing(store: Store, directory: RunDirectory) -> None:
    """A process that a workload has forked off, and that outlives the driver, drives no run."""
    claimed = claim(store, directory)
    held, holding = os.pipe()
    pid = os.fork()
    if pid == 0:  # until the test is over
        os.close(holding)
        os.read(held, 1)
        os._exit(0)
    try:
        os.close(held)
        with pytest.raises(RadpsDagError, match="is driven by process"):
            claim(store, directory)
        claimed.release()
        claim(store, directory).release()
    finally:
        os.close(holding)
        os.waitpid(pid, 0)


def test_a_run_that_ends_while_it_is_looked_at(
    store: Store, directory: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run may end between one look and the next: it has succeeded then."""
    end = RunEnded(time=2.0, place="", status="succeeded", seconds=1.0)
    claimed = claim(store, directory)
    rows = Store.rows

    def late(self: Store, *arguments: object, **named: object) -> object:
        found = list(rows(self, *arguments, **named))  # type: ignore[arg-type]
        if claimed.lock.descriptor >= 0:
            store.append(directory.id, [to_row(directory.id, end, store.workspace)])
            claimed.release()
        return iter(found)

    monkeypatch.setattr(Store, "rows", late)
    head = store.heads()[0]
    assert run_status(store, head).status in ("running", "succeeded")
    assert run_status(store, head).status == "succeeded"
