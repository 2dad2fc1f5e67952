"""A call while it computes, measured: processor time, memory, bytes.

In a process of its own, all that the process and the programs it has waited for use is the call's.
In a thread, the thread's own processor time and bytes are, and those of the program of a tool;
memory belongs to all threads. Where there is no /proc, bytes and memory are not measured.
"""

from __future__ import annotations

import os
import platform
import resource
import threading
import time
from functools import cache
from typing import NamedTuple

from radps_dag.facts import Usage
from radps_dag.workloads.contract.programs import EndedProgram

__all__ = ["Meter"]

_BYTES = {f"{name}:".encode(): name for name in ("rchar", "wchar", "read_bytes", "write_bytes")}
_RESET_PEAK = b"5"


class _Reading(NamedTuple):
    """Readings at one moment; `io` is the file of the kernel that has the bytes."""

    clock: float
    cpu: float
    io: bytes


class Meter:
    """Measures from when it is made until it is stopped; `programs` are those that the call ran."""

    def __init__(self, *, own_process: bool) -> None:
        self.programs: list[EndedProgram] = []
        self._own = own_process and _forget_peak()
        self._process = own_process
        self._stopped: _Reading | None = None
        self._peak: int | None = None
        self._begun = self._read()

    def stop(self) -> None:
        """The workload has ended; the rest of the time is publishing."""
        if self._stopped is None:
            self._stopped = self._read()
            self._peak = _peak() if self._own else None

    def usage(self) -> Usage:
        """The usage of the call, which ends now. Times that the driver knows are not in it."""
        self.stop()
        begun, stopped = self._begun, self._stopped
        assert stopped is not None
        cpu = stopped.cpu - begun.cpu
        io = _counted(begun.io, stopped.io)
        peaks = [self._peak, *(program.peak_rss for program in self.programs)]
        for program in () if self._process else self.programs:
            cpu += program.cpu
            io = {name: value + program.io.get(name, 0) for name, value in io.items()}
        return Usage(
            computing=round(stopped.clock - begun.clock, 6),
            publishing=round(time.monotonic() - stopped.clock, 6),
            host=_host(),
            worker="" if self._process else threading.current_thread().name,
            pid=os.getpid(),
            cpu=round(cpu, 6),
            peak_rss=max((peak for peak in peaks if peak is not None), default=None),
            exit=self.programs[-1].exit if self.programs else None,
            **io,
        )

    def _read(self) -> _Reading:
        if not self._process:
            return _Reading(time.monotonic(), time.thread_time(), _own_io())
        some = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(_CHILDREN))
        cpu = sum(used.ru_utime + used.ru_stime for used in some)
        return _Reading(time.monotonic(), cpu, _content("/proc/self/io"))


_CHILDREN = resource.RUSAGE_CHILDREN
_host = cache(platform.node)
_of_thread = threading.local()


class _Open:
    """A file of the kernel that is read again and again: to open it takes five times as long."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDONLY)

    def __del__(self) -> None:
        os.close(self.descriptor)


def _own_io() -> bytes:
    """Read the counts that the kernel keeps of this thread; nothing where it keeps none."""
    try:
        if not hasattr(_of_thread, "io"):
            _of_thread.io = _Open(f"/proc/self/task/{threading.get_native_id()}/io")
        return os.pread(_of_thread.io.descriptor, 1 << 14, 0)
    except OSError:
        return b""


def _counted(before: bytes, after: bytes) -> dict[str, int]:
    """The bytes that the kernel has counted meanwhile, as far as it counts them."""
    counts = _counts(before), _counts(after)
    return {
        name: counts[1][key] - counts[0][key]
        for key, name in _BYTES.items()
        if key in counts[0] and key in counts[1]
    }


def _counts(content: bytes) -> dict[bytes, int]:
    words = content.split()
    return dict(zip(words[::2], map(int, words[1::2]), strict=False))


def _peak() -> int | None:
    """The most memory of this process since the peak was forgotten."""
    for line in _content("/proc/self/status").splitlines():
        if line.startswith(b"VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def _forget_peak() -> bool:
    """Let the kernel forget the peak of this process's memory; whether it does."""
    try:
        descriptor = os.open("/proc/self/clear_refs", os.O_WRONLY)
    except OSError:
        return False
    try:
        os.write(descriptor, _RESET_PEAK)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def _content(path: str) -> bytes:
    """Content of a file of the kernel; nothing where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 1 << 14)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
