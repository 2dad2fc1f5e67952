"""File locks that the kernel frees when their holder dies, however it dies."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from radps_dag.problem import RadpsDagError

__all__ = ["ALREADY_SERVED", "Lock", "NotHere", "birth_of", "is_held", "take"]

_ELSEWHERE = (
    "choose a directory on a local disk that can be written: RADPS_DAG_HOME for the Prefect "
    "server, --workspace for runs"
)

ALREADY_SERVED = 75  # exit code of a server whose place is held by another one (EX_TEMPFAIL)


# What is no damage: of other users' files, and of file systems without locks.
_NOT_HERE = frozenset(
    {
        *(errno.EACCES, errno.EPERM, errno.EROFS),
        *(errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS),
    }
)


class NotHere(RadpsDagError):
    """This process, or no process, may lock the file; somebody else may hold it all the same."""


@dataclass(slots=True)
class Lock:
    """A lock that is held until it is released or its processes are gone.

    The descriptor is shared with forked children (not with started programs), so a server that
    forks away from its launcher keeps the launcher's lock.
    """

    path: Path
    descriptor: int = field(repr=False)

    def release(self) -> None:
        """Give the lock up."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def share(self) -> None:
        """Turn an exclusive lock into a shared one."""
        fcntl.flock(self.descriptor, fcntl.LOCK_SH)


def take(path: Path, *, shared: bool = False, patience: float = 0.0) -> Lock | None:
    """The lock, or nothing where somebody else holds it for longer than `patience` seconds."""
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    descriptor = _opened(path, shared)
    give_up = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up:
                os.close(descriptor)
                return None
            time.sleep(0.01)
        except OSError as error:
            os.close(descriptor)
            what = f"this file system cannot lock files ({error.strerror})"
            raise _failed(path, what, error) from error
        else:
            return Lock(path, descriptor)


def is_held(path: Path) -> bool:
    """Whether somebody holds the lock exclusively."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise _failed(path, f"cannot open the lock ({error.strerror})", error) from error
    # A shared lock for an instant: it disturbs nobody who asks patiently.
    lock = take(path, shared=True)
    if lock is None:
        return True
    lock.release()
    return False


def birth_of(pid: int) -> str:
    """The start time of a process, in the kernel's ticks; "" if it has ended.

    It tells apart two processes with the same number.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _opened(path: Path, shared: bool) -> int:
    descriptor = _descriptor(path, shared)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise RadpsDagError(f"{path} is not a file, so nothing can be locked with it; remove it")
    return descriptor


def _descriptor(path: Path, shared: bool) -> int:
    # Of a pipe nobody is waited for, who opens the other end.
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if shared and error.errno in _NOT_HERE:
            # Whoever may only read may look all the same.
            with contextlib.suppress(OSError):
                return os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        raise _failed(path, f"cannot open the lock ({error.strerror})", error) from error


def _failed(path: Path, what: str, error: OSError) -> RadpsDagError:
    kind = NotHere if error.errno in _NOT_HERE else RadpsDagError
    return kind(f"{path}: {what}; {_ELSEWHERE}")
