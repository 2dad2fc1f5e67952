"""A program of a call: started, what it prints handed on as it comes, ended with all it started."""

from __future__ import annotations

import contextlib
import fcntl
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Protocol

from radps_dag.workloads.tools.reaping import has_ended, peak_so_far, reap

__all__ = ["Ended", "Host", "Listener", "hosting", "run"]

_PIECE = 2**16
# Seconds that output is waited for after a program has ended: what it left behind may hold a pipe.
_AFTER = 1.0


class Ended(Exception):
    """The call is given up; nothing of it is to begin."""


class Listener(Protocol):
    """Hears what a program prints."""

    def hear(self, stream: str, piece: bytes) -> None:
        """Some bytes of a stream."""
        ...


class Host:
    """Surroundings of a call's programs: what they print goes to the file descriptor `output`.

    With `apart` each leads a process group of its own, so that it can be ended by another thread.
    In a worker process it stays in the worker's group, which ends as a whole.
    """

    def __init__(self, output: int = 1, *, apart: bool = False) -> None:
        self.output = output
        self.apart = apart
        self._lock = threading.Lock()
        self._groups: set[int] = set()
        self._given_up = False

    def start(
        self,
        words: Sequence[bytes],
        folder: Path,
        environment: Mapping[bytes, bytes],
        lifeline: socket.socket,
    ) -> subprocess.Popen[bytes]:
        """Start a program. Raises OSError, and Ended if the call has been given up."""
        with self._lock:
            if self._given_up:
                raise Ended
            process = subprocess.Popen(  # noqa: S603  # a list of words, and no shell
                list(words),
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=0 if self.apart else None,
                pass_fds=(lifeline.fileno(),) if self.apart else (),
            )
            if self.apart:
                self._groups.add(process.pid)
                _end_with(lifeline, process.pid)
        return process

    def done(self, process: subprocess.Popen[bytes]) -> None:
        """End what a program has left behind, now that it has ended itself."""
        with self._lock:
            if process.pid in self._groups:
                self._groups.remove(process.pid)
                _signal(process.pid, signal.SIGKILL)

    @property
    def busy(self) -> bool:
        """Whether a program runs."""
        return bool(self._groups)

    def end(self, grace: float) -> None:
        """End all programs, and start no other: SIGTERM and, after `grace` seconds, SIGKILL."""
        with self._lock:
            self._given_up = True
            for group in self._groups:
                _signal(group, signal.SIGTERM)
        until = time.monotonic() + grace
        while self._groups:
            if time.monotonic() >= until:
                with self._lock:
                    for group in self._groups:
                        _signal(group, signal.SIGKILL)
                return
            time.sleep(0.02)


_HOST: ContextVar[Host | None] = ContextVar("radps_dag_host", default=None)


@contextlib.contextmanager
def hosting(host: Host) -> Iterator[None]:
    """Run the programs of calls that are made meanwhile in this host."""
    before = _HOST.set(host)
    try:
        yield
    finally:
        _HOST.reset(before)


def run(
    words: Sequence[bytes], folder: Path, environment: Mapping[bytes, bytes], listener: Listener
) -> int:
    """Run a program to its end; its exit code, or minus the signal that ended it.

    What it prints goes to the output of the host and to the listener, however much it is.
    Raises OSError where it cannot be started.
    """
    host = _HOST.get() or Host()
    # The kernel ends the group when this end closes, even if the driver is killed.
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = host.start(words, folder, environment, theirs)
            # Not before: this process may have grown while it started the program.
            inherited = peak_so_far()
        try:
            assert process.stdout is not None and process.stderr is not None
            with process.stdout, process.stderr:
                streams = {process.stdout: "stdout", process.stderr: "stderr"}
                _hand_on(process, streams, host, listener)
            return reap(process, inherited)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            host.done(process)


def _hand_on(
    process: subprocess.Popen[bytes],
    streams: Mapping[IO[bytes], str],
    host: Host,
    listener: Listener,
) -> None:
    until = float("inf")
    with selectors.DefaultSelector() as selector:
        for file, stream in streams.items():
            selector.register(file, selectors.EVENT_READ, stream)
        while selector.get_map():
            for key, _ in selector.select(0.2):
                piece = os.read(key.fd, _PIECE)
                if not piece:
                    selector.unregister(key.fileobj)
                    continue
                # A full disk must not make a program fail that does its work.
                with contextlib.suppress(OSError):
                    _write(host.output, piece)
                listener.hear(key.data, piece)
            if has_ended(process):
                until = min(until, time.monotonic() + _AFTER)
                if time.monotonic() >= until:
                    return


def _write(descriptor: int, piece: bytes) -> None:
    remaining = memoryview(piece)
    while remaining:
        remaining = remaining[os.write(descriptor, remaining) :]


def _end_with(lifeline: socket.socket, group: int) -> None:
    """Have the system kill a group when the other end of its lifeline closes."""
    if sys.platform == "linux":
        descriptor = lifeline.fileno()
        fcntl.fcntl(descriptor, fcntl.F_SETOWN, -group)
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(descriptor, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
