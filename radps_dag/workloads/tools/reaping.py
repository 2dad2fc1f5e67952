"""A program that has ended to what it used: read before the kernel forgets it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from radps_dag.workloads.contract.programs import EndedProgram, note_program

__all__ = ["has_ended", "peak_so_far", "reap"]

_LINUX = sys.platform == "linux"


def peak_so_far() -> int:
    """The most memory of this process until now, as its programs inherit it in their records."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a program has ended. It stays to be reaped."""
    if not _LINUX:
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def reap(process: subprocess.Popen[bytes], inherited: int) -> int:
    """Wait for a program and note what it used; its exit code, or minus the signal that ended it.

    The kernel's record of a program's memory begins with that of the process that started it, so a
    peak that is not above the `inherited` one is not the program's.
    """
    if not _LINUX:
        return process.wait()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    io = _io(process.pid)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = used.ru_maxrss * 1024 if used.ru_maxrss > inherited else None
    cpu = used.ru_utime + used.ru_stime
    note_program(EndedProgram(process.returncode, cpu, peak, io))
    return process.returncode


def _io(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/io").read_text(encoding="ascii").splitlines()
    except OSError:  # of another user, for one
        return {}
    return {name: int(value) for name, _, value in (line.partition(": ") for line in lines)}
