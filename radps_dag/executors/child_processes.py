"""Programs that workloads in threads have started: found, and ended with the run.

A terminal's Ctrl-C reaches most of them, but neither those that a shell put in the background nor
those that mind no signal, and a SIGTERM reaches the driver alone. A program with a session of its
own is meant to stay. Where there is no /proc, nothing is found.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from radps_dag.workloads.tools.argv import DRIVER

__all__ = ["ChildProcesses"]

LAST = 1.0  # seconds that SIGKILL is repeated

_PROC = Path("/proc")


class _Mark:
    """The mark in the environment, as long as somebody in this process needs it: inherited by
    whatever is started, also by what its parent has left behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before: str | None = None

    def take(self) -> None:
        with self._lock:
            if self._users == 0:
                self._before = os.environ.get(DRIVER)
                os.environ[DRIVER] = str(os.getpid())
            self._users += 1

    def release(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                del os.environ[DRIVER]
                if self._before is not None:
                    os.environ[DRIVER] = self._before


_mark = _Mark()


class ChildProcesses:
    """The programs of this process that have been started since this was made."""

    def __init__(self) -> None:
        _mark.take()
        self._before = _running()

    def release(self) -> None:
        """Leave the environment as it was; once, when nothing more is going to be started."""
        _mark.release()

    async def end(self, grace: float) -> None:
        """SIGTERM to all of them, and SIGKILL to those that still run after `grace` seconds."""
        clock = asyncio.get_running_loop()
        until = clock.time() + grace
        asked: set[int] = set()
        while remaining := self._remaining():
            late = clock.time() >= until
            # Those that appeared since are asked like the others.
            _send(
                remaining if late else remaining - asked, signal.SIGKILL if late else signal.SIGTERM
            )
            asked |= remaining
            if clock.time() >= until + LAST:
                return
            # Again even then: a shell whose program was killed a moment before it starts the next.
            await asyncio.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL to all of them; again, for a shell whose program was killed starts the next."""
        for _ in range(10):
            remaining = self._remaining()
            if not remaining:
                return
            _send(remaining, signal.SIGKILL)
            time.sleep(0.02)

    def _remaining(self) -> set[int]:
        return _running() - self._before


def _running() -> set[int]:
    """The processes of our session that descend from this one, or carry its mark."""
    parents = dict(_session())
    mark = f"{DRIVER}={os.getpid()}".encode()
    ours: set[int] = set()
    while more := {
        pid
        for pid in sorted(parents.keys() - ours - {os.getpid()})
        if parents[pid] in {os.getpid(), *ours} or mark in _environment(pid)
    }:
        ours |= more
    return ours


def _session() -> Iterator[tuple[int, int]]:
    """Each process of our session that has not ended, with its parent."""
    session = os.getsid(0)
    for place in _PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            # After the name in brackets, in which anything may stand.
            state, parent, _, own, *_ = place.read_text().rpartition(")")[2].split()
            if int(own) == session and state != "Z":
                yield int(place.parent.name), int(parent)


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:  # it has ended, or is somebody else's
        return []


def _send(pids: AbstractSet[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
