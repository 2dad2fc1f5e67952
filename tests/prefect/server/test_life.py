"""How the local server begins and ends: one per home, whoever asks, whatever happened before."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from radps_dag.prefect import server
from radps_dag.prefect.server import starting
from radps_dag.prefect.server.files import ServerFiles
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.storage import locks

ENSURE = """
import sys
from pathlib import Path
from radps_dag.prefect import server
address = server.ensure_server(Path(sys.argv[1]), lambda line: print(line, file=sys.stderr))
print(address.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of this module's own; its server is ended and begun again and again."""
    home = tmp_path_factory.mktemp("life")
    yield home
    server.stop(home, force=True)


def until(true: Callable[[], bool]) -> None:
    for _ in range(1200):
        if true():
            return
        time.sleep(0.05)
    raise AssertionError("it never came true")


def run(home: Path) -> subprocess.Popen[str]:
    """A process that uses the server until its input ends, as a run does."""
    return subprocess.Popen(
        [sys.executable, "-c", ENSURE, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_two_at_once_on_an_empty_home_share_one_server(home: Path) -> None:
    """Both get the same server; it outlives the Ctrl-C of both, and knows when it is in use."""
    assert server.status(home).status == "stopped"
    runs = [run(home), run(home)]
    pids = set()
    for one in runs:
        assert one.stdout is not None
        pids.add(int(one.stdout.readline()))
    assert len(pids) == 1
    assert server.status(home).in_use
    with pytest.raises(UsageError, match="in use"):
        server.stop(home)
    for one in runs:
        os.killpg(one.pid, signal.SIGINT)
        one.communicate()
    until(lambda: not server.status(home).in_use)
    found = server.status(home)
    assert (found.status, {found.pid}) == ("running", pids)


def test_a_killed_server_is_replaced(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a server said that `kill -9` ended is not believed, also if its number is used again;
    one that is frozen is ended."""
    first = server.ensure_server(home)
    first.release()
    os.kill(first.pid, signal.SIGKILL)
    place = ServerFiles.of(home)
    until(lambda: not locks.is_held(place.lock))
    assert server.status(home).status == "stopped"
    assert server.stop(home) is False
    state = place.read_state()
    assert state["status"] == "ready"
    place.write_state({**state, "pid": os.getpid()})
    second = server.ensure_server(home)
    assert second.pid not in {first.pid, os.getpid()}
    assert second.auth_string == first.auth_string
    second.release()
    # One that is there but answers nobody, frozen, is in the way of nobody either.
    monkeypatch.setattr(starting, "FROZEN", 1.0)
    os.kill(second.pid, signal.SIGSTOP)
    third = server.ensure_server(home)
    assert third.pid != second.pid
    third.release()


FROZEN_STARTER = """
import os, signal, sys
from pathlib import Path
from radps_dag.prefect.server.files import ServerFiles
from radps_dag.storage import locks
place = ServerFiles.of(Path(sys.argv[1]))
place.make()
lock = locks.take(place.lock)
pid = os.getpid()
place.write_state({"status": "starting", "pid": pid, "birth": locks.birth_of(pid)})
os.kill(pid, signal.SIGSTOP)
"""


def test_a_server_that_is_frozen_while_it_starts_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not waited for without end: a line says so, and another one is started."""

    def launch(self: starting.Starting) -> None:
        raise RadpsDagError("another one is started")

    monkeypatch.setattr(starting, "STUCK", 0.5)
    frozen = subprocess.Popen([sys.executable, "-c", FROZEN_STARTER, str(tmp_path)])
    until(lambda: ServerFiles.of(tmp_path).read_state().get("status") == "starting")
    monkeypatch.setattr(starting.Starting, "launch", launch)
    lines: list[str] = []
    with pytest.raises(RadpsDagError, match="another one is started"):
        server.ensure_server(tmp_path, lines.append)
    assert frozen.wait(30) == -signal.SIGKILL
    assert "ending the local Prefect server, which is frozen while it starts" in lines


def test_a_server_of_another_version_is_replaced_when_nobody_uses_it(home: Path) -> None:
    """While a run uses it, it stays and serves; afterwards the next run replaces it."""
    user = server.ensure_server(home)
    place = ServerFiles.of(home)
    place.write_state({**place.read_state(), "fingerprint": "of another version"})
    other = server.ensure_server(home)
    assert other.pid == user.pid
    other.release()
    user.release()
    lines: list[str] = []
    fresh = server.ensure_server(home, lines.append)
    assert fresh.pid != user.pid
    assert "replacing" in lines[0]
    fresh.release()


def test_an_incompatible_server_in_use_is_an_error(home: Path) -> None:
    """Another Prefect's server that somebody uses: one line with the way out."""
    user = server.ensure_server(home)
    place = ServerFiles.of(home)
    state = place.read_state()
    place.write_state({**state, "fingerprint": "other", "prefect": "3.0.0"})
    with pytest.raises(RadpsDagError, match=r"Prefect 3\.0\.0 for somebody else.*RADPS_DAG_HOME"):
        server.ensure_server(home)
    place.write_state(state)
    user.release()


def test_it_stays_while_it_is_used_and_goes_when_idle(home: Path) -> None:
    """The idle time-out counts from the end of the last use; the end leaves no process."""
    address = server.ensure_server(home, idle_timeout=1.0)
    place = ServerFiles.of(home)
    time.sleep(2.5)
    assert server.status(home).status == "running"
    address.release()
    until(lambda: not locks.is_held(place.lock))
    assert place.read_state()["status"] == "stopped"
    until(lambda: locks.birth_of(address.pid) == "")


def test_a_server_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    """The last lines of its log, and where the log is."""
    place = ServerFiles.of(tmp_path)
    place.make()
    place.database.mkdir()
    with pytest.raises(RadpsDagError, match=r"ended while it started: .*server\.log") as raised:
        server.ensure_server(tmp_path)
    assert "unable to open database file" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """No space for the database: an error, no hang, and no half database left to trip over."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(RadpsDagError, match=r"disk|File too large"):
            server.ensure_server(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not ServerFiles.of(tmp_path).database.exists()


def test_the_address_is_known_before_the_server_answers(tmp_path: Path) -> None:
    """A run sets its environment and imports Prefect in the meantime; the address stays."""
    starting = server.begin(tmp_path)
    soon = starting.soon()
    assert starting.wait() == soon
    assert server.begin(tmp_path).soon() == soon
    server.stop(tmp_path, force=True)
