"""Data from outside by content: what no call of the workspace has made, looked at again each time.

A file whose size, time and inode are as they were has the content that it had, and is not read. So
what has been read once is remembered in the workspace, and huge directories cost a walk.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from radps_dag.executors.manifest import describe, files_in
from radps_dag.executors.publishing import SMALL
from radps_dag.problem import UsageError
from radps_dag.storage.remote import fetch, is_listed, is_local, listing, path_of

__all__ = ["GONE", "Outside", "text_of"]

GONE = "gone"
# A file may be changed again within one tick of the clock that its time is taken from.
YOUNG = 2 * 10**9
# A look is good for so many times as long as it took: at most a twentieth of the time goes there.
PATIENCE = 20
MOST_BYTES = 20 * 2**20  # of what is remembered


class Outside:
    """The contents of data from outside. Safe for use from several threads."""

    def __init__(self, record: Path, *, remember: bool = True) -> None:
        self._record = record
        self._remember = remember
        self._known: dict[str, tuple[str, str]] | None = None  # address -> its mark and content
        self._fresh: dict[str, tuple[str | None, float]] = {}

    def content(self, uri: str) -> str | None:
        """Digest of the content at an address; None if it cannot be known.

        Raises Unreachable.
        """
        now = time.monotonic()
        if uri in self._fresh and now < self._fresh[uri][1]:
            return self._fresh[uri][0]
        digest = self._local(path_of(uri)) if is_local(uri) else _elsewhere(uri)
        after = time.monotonic()
        self._fresh[uri] = digest, after + PATIENCE * (after - now)
        return digest

    def _local(self, path: Path) -> str | None:
        if not path.is_absolute():
            return None
        try:
            mark, newest = _mark(path)
            entry = self._all().get(str(path))
            if entry is not None and entry[0] == mark:
                return entry[1]
            content = text_of(describe(path))
        except FileNotFoundError:
            return GONE
        except OSError as error:
            return f"cannot be read: {error.strerror}"  # its reader will say so as well
        if newest < time.time_ns() - YOUNG:
            self._keep(str(path), mark, content)
        return content

    def _all(self) -> dict[str, tuple[str, str]]:
        if self._known is None:
            entries: dict[str, tuple[str, str]] = {}
            with contextlib.suppress(OSError, ValueError):
                for line in self._record.read_text(encoding="utf-8").splitlines():
                    with contextlib.suppress(ValueError, TypeError):  # cut short by a crash
                        path, mark, content = json.loads(line)
                        entries[str(path)] = str(mark), str(content)
            self._known = entries
        return self._known

    def _keep(self, path: str, mark: str, content: str) -> None:
        self._all()[path] = mark, content
        if not self._remember:
            return
        line = json.dumps([path, mark, content]).encode() + b"\n"
        # What cannot be remembered is read again the next time.
        with contextlib.suppress(OSError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
            file = os.open(self._record, flags, 0o600)
            try:
                if os.fstat(file).st_size > MOST_BYTES:
                    os.ftruncate(file, 0)
                os.write(file, line)
            finally:
                os.close(file)


def text_of(content: tuple[int, str]) -> str:
    """Bytes and digest as one text."""
    return f"{content[0]} {content[1]}"


def _mark(path: Path) -> tuple[str, int]:
    """Fingerprint of a file or directory that changes with every write, and its latest time."""
    digest, newest = sha256(), 0
    for file, status in _statuses(path):
        newest = max(newest, status.st_mtime_ns, status.st_ctime_ns)
        name = os.fsencode(file.relative_to(path).as_posix())
        told = f"\0{status.st_size} {status.st_mtime_ns} {status.st_ino}\n"
        digest.update(name + told.encode())
    return digest.hexdigest()[:32], newest


def _statuses(path: Path) -> Iterator[tuple[Path, os.stat_result]]:
    yield path, path.stat()
    if path.is_dir():
        for file in files_in(path):
            with contextlib.suppress(FileNotFoundError):  # a link to nowhere
                yield file, file.stat()


def _elsewhere(uri: str) -> str | None:
    if not is_listed(uri):
        return None
    try:
        entries = listing(uri)
    except FileNotFoundError:
        return GONE
    except UsageError:  # of no kind that can be reached from here
        return None
    if not entries:
        return GONE
    size = sum(entry.size for entry in entries.values())
    if all(entry.mark for entry in entries.values()) or size > SMALL:
        told = [
            f"{name}\0{entry.size}\0{entry.mark or entry.time}" for name, entry in entries.items()
        ]
        return text_of((size, sha256("\n".join(sorted(told)).encode()).hexdigest()[:32]))
    with tempfile.TemporaryDirectory(prefix="radps-dag-") as folder:
        copy = Path(folder, "copy")
        fetch(uri, copy)
        return text_of(describe(copy))
