"""The terminal and the pipe for us, another place for what workloads print.

A workload in a thread, and what it starts, write to the very descriptors that we show progress on.
Python's own streams can be replaced; programs and C code know nothing of that. So the descriptors
themselves lead elsewhere while a run is shown.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, cast

from radps_dag.visible import Shown

__all__ = ["output_kept_in", "output_to_stderr"]


@contextlib.contextmanager
def output_to_stderr() -> Iterator[TextIO]:
    """The standard output, for us alone; whatever else is written there goes to standard error."""
    stream = sys.stdout
    if not _has(stream, 1) or not _has(sys.stderr, 2):
        with contextlib.redirect_stdout(sys.stderr):
            yield stream
        return
    with _aside((1,), 2, stream) as ours:
        yield ours


@contextlib.contextmanager
def output_kept_in(log: Path) -> Iterator[TextIO]:
    """The standard error, for us alone; all that anybody else writes goes to the end of a file."""
    stream = sys.stderr
    if not _has(stream, 2) or not _has(sys.stdout, 1):
        yield stream
        return
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        # What is piped to a file or a program is not in the way of a terminal.
        numbers = tuple(number for number in (1, 2) if os.isatty(number))
        with _aside(numbers, target, stream) as ours:
            yield ours
    finally:
        os.close(target)


@contextlib.contextmanager
def _aside(numbers: tuple[int, ...], target: int, stream: TextIO) -> Iterator[TextIO]:
    """A stream to where `stream` leads, while the descriptors in `numbers` lead to `target`."""
    _flush()
    before = {number: os.dup(number) for number in numbers}
    ours = os.fdopen(
        os.dup(stream.fileno()), "w", encoding=stream.encoding, errors=stream.errors, buffering=1
    )
    try:
        for number in numbers:
            os.dup2(target, number)
        yield cast(TextIO, Shown(ours))
    finally:
        _flush()
        for number, kept in before.items():
            os.dup2(kept, number)
            os.close(kept)
        with contextlib.suppress(OSError):  # its reader has gone
            ours.close()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _has(stream: TextIO, number: int) -> bool:
    """Whether it is the real one: a program that embeds us, or a test, may have replaced it."""
    try:
        return stream.fileno() == number
    except (OSError, ValueError, AttributeError):
        return False
