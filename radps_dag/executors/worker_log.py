"""Log of worker processes: all that one call printed stands together.

A worker's streams lead to a file of its own. When a call ends, what it has printed goes to the end
of the log, below a line with its place, the time and the number of bytes. So calls that run at the
same time are not mixed up, and what a killed one had printed is in the worker's file still.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import itertools
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from radps_dag.sealed import NO_SECRETS, HidingStream, Secrets

__all__ = [
    "CallOutput",
    "OutputCapture",
    "PrintedOutput",
    "begin_block",
    "collect",
    "collect_file",
    "growing",
    "printed_at",
    "program_output",
]

_HEAD = re.compile(rb'==> ("(?:[^"\\\n]|\\.)*") at (\S+), (\d+) bytes\n')
_ENDLESS = 999_999_999_999  # bytes of a call that has not ended
_PIECE = 2**20


@dataclass(frozen=True, slots=True)
class CallOutput:
    """Output of a call, from the first byte on or, if there is much, the end of it."""

    place: str
    at: str  # when the call began
    text: str


class OutputCapture:
    """The streams of this process, led to a file beside the log."""

    def __init__(self, log: Path, secrets: Secrets = NO_SECRETS) -> None:
        self._log = log
        self._secrets = secrets
        self._part = _part_of(log, os.getpid())
        self._file = self._part.open("a+b", buffering=0)
        for number in (1, 2):
            os.dup2(self._file.fileno(), number)
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(line_buffering=True)  # `show` reads what a call prints at once
        if secrets.contents:
            sys.stdout, sys.stderr = (
                cast(TextIO, HidingStream(stream, secrets)) for stream in (sys.stdout, sys.stderr)
            )

    @contextlib.contextmanager
    def of(self, place: str) -> Iterator[None]:
        """Attribute to this call what is printed meanwhile."""
        self._move()
        with contextlib.suppress(OSError):
            self._file.write(_head(place, _now(), _ENDLESS))
        try:
            yield
        finally:
            self._move()

    def _move(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        # A full disk must not make a call fail that has done its work.
        with contextlib.suppress(OSError):
            _append(self._file, self._log, self._secrets)
            self._file.truncate(0)


@contextlib.contextmanager
def program_output(log: Path, place: str, secrets: Secrets = NO_SECRETS) -> Iterator[int]:
    """A file descriptor for what programs of a call print that computes in this process."""
    part = log.with_name(f"{log.stem}-{os.getpid()}.{next(_numbers)}{log.suffix}")
    try:
        file = part.open("a+b", buffering=0)
    except OSError:  # a disk that is full, for one: the call goes on without its output
        with Path(os.devnull).open("wb") as nowhere:
            yield nowhere.fileno()
        return
    with file:
        with contextlib.suppress(OSError):
            file.write(_head(place, _now(), _ENDLESS))
        try:
            yield file.fileno()
        finally:
            with contextlib.suppress(OSError):
                _append(file, log, secrets)
                part.unlink()


_numbers = itertools.count(1)


def collect(log: Path, worker: int, secrets: Secrets = NO_SECRETS) -> None:
    """Append the remaining output of a worker that is gone to the log."""
    collect_file(_part_of(log, worker), log, secrets)


def growing(log: Path, place: str, offset: int, most: int) -> bytes:
    """Read the output of a call that has not ended, from an offset on."""
    for part in log.parent.glob(f"{log.stem}-*{log.suffix}"):
        with contextlib.suppress(OSError), part.open("rb") as file:
            match = _HEAD.fullmatch(file.readline())
            if match and int(match[3]) == _ENDLESS and json.loads(match[1]) == place:
                file.seek(offset, os.SEEK_CUR)
                return file.read(most)
    return b""


def begin_block(part: Path, place: str, content: bytes) -> None:
    """Append output of a call that has not ended to a file of its own, which begins with it."""
    with part.open("ab", buffering=0) as file:
        if not file.tell():
            file.write(_head(place, _now(), _ENDLESS))
        file.write(content)


def collect_file(part: Path, log: Path, secrets: Secrets = NO_SECRETS) -> None:
    """Move what a file beside the log holds to its end."""
    with contextlib.suppress(OSError):
        with part.open("rb") as file:
            _append(file, log, secrets)
        part.unlink()


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of a file that one call has printed."""

    path: Path
    at: str
    start: int
    stop: int


class PrintedOutput:
    """Output of the calls of a run, found by place: the log is read through once, and then only
    what is asked for.

    The files of workers that are at work, or were killed with their driver, count too.
    """

    def __init__(self, log: Path) -> None:
        self._blocks: dict[str, list[_Block]] = {}
        for path in (log, *sorted(log.parent.glob(f"{log.stem}-*{log.suffix}"))):
            with contextlib.suppress(OSError), path.open("rb") as file:
                for place, block in _blocks(path, file):
                    self._blocks.setdefault(place, []).append(block)

    def at(self, place: str, most: int = 100_000) -> list[CallOutput]:
        """Output of the calls at a place, in their order; of each the last `most` bytes."""
        blocks = sorted(self._blocks.get(place, ()), key=lambda block: block.at)
        return [CallOutput(place, block.at, _text(block, most)) for block in blocks]

    def last(self, place: str, most: int) -> str:
        """Output of the latest call at a place, its last `most` bytes; "" if there is none."""
        blocks = sorted(self._blocks.get(place, ()), key=lambda block: block.at)
        return _text(blocks[-1], most) if blocks else ""


def printed_at(log: Path, place: str, most: int = 100_000) -> list[CallOutput]:
    """Read what the calls at one place have printed, in their order; of each the last bytes."""
    return PrintedOutput(log).at(place, most)


def _blocks(path: Path, file: BinaryIO) -> Iterator[tuple[str, _Block]]:
    """The places and blocks of a file, without those in which nothing was printed."""
    end = os.fstat(file.fileno()).st_size
    while line := file.readline():
        match = _HEAD.fullmatch(line)
        if match is None:  # what was printed by nobody's call
            continue
        start = file.tell()
        stop = min(start + int(match[3]), end)
        if stop > start:
            yield json.loads(match[1]), _Block(path, match[2].decode(), start, stop)
        file.seek(stop)


def _text(block: _Block, most: int) -> str:
    start = max(block.start, block.stop - most)
    try:
        with block.path.open("rb") as file:
            file.seek(start)
            return file.read(block.stop - start).decode(errors="replace")
    except OSError:  # the file of a worker that has just ended
        return ""


def _append(part: BinaryIO, log: Path, secrets: Secrets) -> None:
    """Move what a worker's file holds to the end of the log, with the number of its bytes."""
    part.seek(0)
    head = part.readline()
    size = os.fstat(part.fileno()).st_size - len(head)
    match = _HEAD.fullmatch(head)
    if not head or (match is not None and size <= 0):
        return
    if secrets.contents:  # of what did not pass Python's streams
        part = io.BytesIO(secrets.hide_bytes(part.read(size)))
        size = len(part.getbuffer())
        head = secrets.hide_bytes(head)
    if match is not None:
        head = _head(json.loads(match[1]), match[2].decode(), size)
    with log.open("ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # of workers that end a call at the same time
        file.write(head)
        while size > 0 and (piece := part.read(min(size, _PIECE))):
            file.write(piece)
            size -= len(piece)


def _head(place: str, at: str, size: int) -> bytes:
    return f"==> {json.dumps(place)} at {at}, {size} bytes\n".encode()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S")


def _part_of(log: Path, worker: int) -> Path:
    return log.with_name(f"{log.stem}-{worker}{log.suffix}")
