"""Locks that the kernel frees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from radps_dag.storage import locks

HOLD = """
import sys, time
from pathlib import Path
from radps_dag.storage import locks
assert locks.take(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    """An exclusive lock shuts out everybody until it is released; to look does not take it."""
    path = tmp_path / "lock"
    assert not locks.is_held(path)
    held = locks.take(path)
    assert held is not None
    assert locks.is_held(path)
    assert locks.take(path) is None
    assert locks.take(path, shared=True) is None
    held.release()
    assert not locks.is_held(path)


def test_many_share(tmp_path: Path) -> None:
    """Shared locks go together, and shut out an exclusive one."""
    path = tmp_path / "lock"
    first, second = locks.take(path, shared=True), locks.take(path, shared=True)
    assert first is not None
    assert second is not None
    assert locks.take(path) is None
    first.release()
    second.release()
    alone = locks.take(path)
    assert alone is not None
    alone.share()
    assert locks.take(path, shared=True) is not None


def test_a_killed_holder_holds_nothing(tmp_path: Path) -> None:
    """`kill -9` frees the lock."""
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert locks.is_held(path)
        holder.send_signal(signal.SIGKILL)
    assert not locks.is_held(path)


def test_birth_tells_processes_apart() -> None:
    """A process has one birth; one that does not exist has none."""
    assert locks.birth_of(os.getpid()) == locks.birth_of(os.getpid()) != locks.birth_of(1)
    assert locks.birth_of(2**22 + 1) == ""
