"""A path to the bytes of a regular file: what has no end, or no writer, is not waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

__all__ = ["content_of"]


def content_of(path: Path, most: int) -> bytes:
    """Read a file, or its first `most` bytes.

    Raises OSError where it cannot be read, also for a pipe or a device, which may never end.
    """
    # A pipe without a writer would be waited for already when it is opened.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
        return file.read(most)
