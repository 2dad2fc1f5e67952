"""The terminal and the pipe for us, another place for what workloads print; and what was lost.

A workload in a thread, and what it starts, write to the very descriptors that we show progress on.
Python's own streams can be replaced; programs and C code know nothing of that. So the descriptors
themselves lead elsewhere while a run is shown.

What cannot be written (a full disk, a reader that has gone, a stream that was closed before we
began) is remembered, so that no program takes for the whole output what is a part of it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from radps_dag.visible import Shown, unwrapped

__all__ = ["PIPE_CLOSED", "Descriptor", "make_safe", "output_kept_in", "output_to_stderr"]

PIPE_CLOSED = 141  # what a shell says of a program that SIGPIPE ended


class Descriptor(io.FileIO):
    """A descriptor to write to. The first failure is kept as `lost`; what comes after it is written
    nowhere, so that neither Python nor a library complains once more while it ends."""

    lost: OSError | None = None
    silent = False  # whether the first failure is raised, too

    def write(self, data: Any) -> int:
        """Write data, or drop them after the first failure."""
        if self.lost is None:
            try:
                return super().write(data) or 0
            except OSError as error:
                self.lost = error
                if not self.silent:
                    raise
        return len(data)

    @property
    def code(self) -> int:
        """The exit code that says that something is missing; 0 where nothing is."""
        if self.lost is None:
            return 0
        return PIPE_CLOSED if self.lost.errno == errno.EPIPE else 1

    @property
    def why(self) -> str:
        """The reason why output was lost; "" if its reader (`| head`) has had enough."""
        if self.lost is None or self.lost.errno == errno.EPIPE:
            return ""
        closed = self.lost.errno == errno.EBADF
        why = "it is closed" if closed else self.lost.strerror
        return f"the standard output cannot be written ({why}); what was to be said there is lost"


def make_safe() -> Descriptor:
    """Replace the standard streams of this program by safe ones; the standard output's descriptor.

    What the standard error does not take is not worth the command. Descriptors that were closed are
    taken, or the next file that is opened, a database, would be written to by whoever prints.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Not to be written: what is printed on a standard output that was closed is lost.
            mode = os.O_WRONLY if name == "stderr" else os.O_RDONLY
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)
            stream = open(number, "r" if name == "stdin" else "w", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
    sys.stderr = _safe(sys.stderr, 2, silent=True)
    sys.stdout = _safe(sys.stdout, 1)
    return descriptor_of(sys.stdout) or Descriptor(1, "w", closefd=False)


def descriptor_of(stream: object) -> Descriptor | None:
    raw = getattr(getattr(unwrapped(stream), "buffer", None), "raw", None)
    return raw if isinstance(raw, Descriptor) else None


def _safe(stream: TextIO, number: int, silent: bool = False, closefd: bool = False) -> TextIO:
    """A stream to the descriptor that writes as this one does."""
    raw = Descriptor(number, "w", closefd=closefd)
    raw.silent = silent
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=closefd or silent or stream.isatty(),
        write_through=getattr(stream, "write_through", False),
    )


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
    ours = _safe(stream, os.dup(stream.fileno()), closefd=True)
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
        kept_by, shared = descriptor_of(ours), descriptor_of(stream)
        if kept_by is not None and shared is not None:
            shared.lost = shared.lost or kept_by.lost


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
