"""Who drives a run: one process, which may die while its workers live, and is followed by one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crash_pipelines import IN_PLACE, SHORT, WAITING
from crash_support import Parent, Site

from radps_dag.journal.opening import open_store
from radps_dag.journal.run_status import run_status
from radps_dag.journal.workspace import Workspace

PATIENCE = 60.0


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    parent = Parent(tmp_path_factory.mktemp("parent"))
    yield parent
    parent.close()


def until(true: Callable[[], bool]) -> None:
    """Wait for what is bound to happen."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def status(site: Site) -> str:
    """How the last run is shown."""
    store = open_store(Workspace(site.workspace.resolve()), reading=True)
    try:
        return run_status(store, store.heads()[0]).status
    finally:
        store.close()


def still_there(site: Site) -> list[int]:
    """The processes that still work for a site."""
    mark = f"CRASH_LOG={site.log}".encode()
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (place / "environ").read_bytes().split(b"\0"):
                found.append(int(place.name))
        except OSError:
            continue
    return found


@pytest.fixture
def held(parent: Parent, tmp_path: Path) -> Iterator[Site]:
    """A run that was killed while it waited."""
    site = Site.make(parent, tmp_path / "site", WAITING)
    pid = site.begin_run()
    until(lambda: site.executions()["hold"] == 1)
    assert status(site) == "running"
    os.kill(pid, signal.SIGKILL)
    assert site.parent.end(pid).killed
    yield site
    (site.folder / "go").touch()


def test_an_interrupted_run_is_shown_as_interrupted(held: Site) -> None:
    """A run whose process is gone says so, whatever it said last; resumed, it runs and succeeds."""
    assert status(held) == "interrupted"
    pid = held.begin_resume()
    until(lambda: held.executions()["hold"] == 2)
    assert status(held) == "running"
    (held.folder / "go").touch()
    assert held.parent.end(pid).code == 0
    assert status(held) == "succeeded"


def test_two_resume_at_once(held: Site) -> None:
    """Exactly one drives; the other is told who does, and has changed nothing."""
    pids = [held.begin_resume() for _ in range(3)]
    until(lambda: held.executions()["hold"] == 2)
    (driver,) = [pid for pid in pids if held.executions() and drives(held, pid)]
    for pid in pids:
        if pid != driver:
            ended = held.parent.end(pid)
            assert ended.code == 1, ended
            assert f"process {driver} on " in ended.line
    (held.folder / "go").touch()
    assert held.parent.end(driver).code == 0
    starts = [fact for fact in held.facts() if type(fact).__name__ == "RunStarted"]
    assert [fact.generation for fact in starts] == [1, 2]
    assert held.executions() == {"before": 1, "hold": 2, "after": 1}


def drives(site: Site, pid: int) -> bool:
    (lock,) = site.workspace.glob("runs/*/driver.lock")
    return f'"pid": {pid},' in lock.read_text()


@pytest.mark.parametrize("line", [1, 2, 4, 5, 7])
def test_the_driver_dies_and_its_workers_live(line: int, parent: Parent, tmp_path: Path) -> None:
    """Workers end with their driver, nothing of them reaches the journal after it, and `resume`
    is not disturbed by what they were writing."""
    site = Site.make(parent, tmp_path / "site", SHORT)
    ended = site.run("--executor=processes", "--max-parallel=2", CRASH_LINE=f"{line} parent")
    assert ended.killed, ended
    rows = len(site.facts())
    resumed = site.resume("--max-parallel=2")
    assert resumed.code == 0, resumed
    until(lambda: not still_there(site))
    facts = site.facts()
    assert type(facts[rows]).__name__ == "RunStarted", "somebody wrote after the driver's end"
    reference = Site.make(parent, tmp_path / "reference", SHORT)
    assert reference.run().code == 0
    assert site.outputs() == reference.outputs()


@pytest.mark.parametrize("line", [2, 5])
def test_a_worker_dies(line: int, parent: Parent, tmp_path: Path) -> None:
    """The node fails and says how; `resume` makes it again, and nothing else."""
    site = Site.make(parent, tmp_path / "site", SHORT)
    ended = site.run("--executor=processes", "--max-parallel=1", CRASH_LINE=f"{line} self")
    assert ended.code == 1
    assert "WorkerDied" in ended.err
    assert "SIGKILL" in ended.err
    done = site.executions("end")
    assert site.resume("--executor=threads").code == 0
    assert all(site.executions()[name] == 1 for name in done)
    until(lambda: not still_there(site))


def test_the_whole_group_is_killed(parent: Parent, tmp_path: Path) -> None:
    """A kill of the process group, as a batch system does it, is like one of the driver."""
    site = Site.make(parent, tmp_path / "site", WAITING)
    pid = site.begin_run("--executor=processes", "--max-parallel=1")
    until(lambda: site.executions()["hold"] == 1)
    os.killpg(pid, signal.SIGKILL)
    assert site.parent.end(pid).killed
    until(lambda: not still_there(site))
    (site.folder / "go").touch()
    assert site.resume("--executor=threads").code == 0
    assert site.executions() == {"before": 1, "hold": 2, "after": 1}


@pytest.mark.parametrize("whom", ["driver", "worker"])
def test_never_changed_twice_unasked(whom: str, parent: Parent, tmp_path: Path) -> None:
    """What changes data in place and was interrupted is not repeated, however often one resumes,
    until somebody says that it may be."""
    site = Site.make(parent, tmp_path / "site", IN_PLACE)
    if whom == "driver":
        assert site.run(CRASH_LINE="2 self").killed
    else:
        assert site.run("--executor=processes", CRASH_LINE="2 self").code == 1
    for _ in range(3):
        ended = site.resume("--executor=threads")
        assert ended.code == 1, ended
        assert "InterruptedInPlace" in ended.err
        assert site.executions()["change"] == 1
    ended = site.resume("--executor=threads", "--force=change")
    assert ended.code == 0, ended
    assert site.executions()["change"] == 2
