"""Lines that stay at the foot of a terminal and change in place, while other output scrolls above.

A thread paints at most eight times a second, each time in a single write. Nobody who changes what
is shown, or prints, ever waits for the terminal. The painter counts the rows it left behind at the
terminal's present width, so that a resize leaves no debris.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TextIO

from radps_dag.progress.look import write
from radps_dag.visible import visible

__all__ = ["Painted", "Screen"]

Painted = Sequence[tuple[str, int]]  # a line with its colours, and how many columns it takes

_INTERVAL = 0.125
_SHARE = 20  # a paint is followed by a rest at least so many times longer
_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"  # terminals that know it show a paint as a whole
_CLEAR_LINE, _CLEAR_BELOW = "\x1b[K", "\x1b[J"


class Screen:
    """The foot of a terminal. `frame(width, height)` gives its lines, whenever it is painted."""

    def __init__(self, stream: TextIO, frame: Callable[[int, int], Painted]) -> None:
        self._stream = stream
        self._frame = frame
        self._above: deque[str] = deque()
        self._widths: list[int] = []  # of the lines that stand there
        self._width = 0  # of the terminal at that time
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="radps-dag progress", daemon=True)
        self._replaced: dict[str, tuple[TextIO, _Above]] = {}
        self.error: Exception | None = None

    def open(self) -> None:
        """Begin to paint; what is printed to this terminal from now on appears above."""
        self._replace_streams()
        write(self._stream, _HIDE)
        self._thread.start()

    def close(self, last: Callable[[int], Sequence[str]] | None = None) -> None:
        """End, with `last(width)` in place of the painted lines; the terminal is as it was."""
        self._stop.set()
        try:
            if self._thread.ident is not None:
                self._thread.join(timeout=2.0)
            for _, above in self._replaced.values():
                above.finish()
            width, _ = self._size()
            if last is None and self.error is None:
                self._paint()
            else:
                lines = last(width) if last else ()
                self._put([(line, 0) for line in lines], width)
        finally:
            self._restore_streams()
            write(self._stream, _SHOW)

    def above(self, line: str) -> None:
        """Print a line above the painted ones, soon."""
        self._above.append(line)

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """The terminal as it is without the painted lines, to ask a person something."""
        with self._lock:
            self._restore_streams()
            self._put((), self._size()[0])
            write(self._stream, _SHOW)
            try:
                yield
            finally:
                write(self._stream, _HIDE)
                self._replace_streams()

    def _run(self) -> None:
        rest = 0.0
        while not self._stop.wait(rest):
            begun = time.thread_time()
            try:
                with self._lock:
                    self._paint()
            except Exception as error:  # noqa: BLE001  # the run is worth more than its picture
                self.error = error
                self._restore_streams()
                return
            rest = max(_INTERVAL, _SHARE * (time.thread_time() - begun))

    def _paint(self) -> None:
        width, height = self._size()
        # The last row is the cursor's, the last column would make some terminals wrap.
        self._put(self._frame(max(width - 1, 1), max(height - 1, 0)), width)

    def _put(self, lines: Painted, width: int) -> None:
        rows = sum(max(1, -(-taken // width)) for taken in self._widths)
        up = f"\x1b[{rows}A" if rows else ""
        if width != self._width:
            up += _CLEAR_BELOW  # or the terminal remembers which rows it had wrapped
        self._width = width
        above = [self._above.popleft() for _ in range(len(self._above))]
        text = "".join(f"{line}{_CLEAR_LINE}\n" for line in (*above, *(line for line, _ in lines)))
        self._widths = [taken for _, taken in lines]
        write(self._stream, f"{_BEGIN}\r{up}{text}{_CLEAR_BELOW}{_END}")

    def _size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return 80, 24
        return size.columns or 80, size.lines or 24

    def _replace_streams(self) -> None:
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and stream.isatty():
                above = _Above(stream, self.above)
                self._replaced[name] = stream, above
                setattr(sys, name, above)

    def _restore_streams(self) -> None:
        for name, (stream, above) in self._replaced.items():
            if getattr(sys, name) is above:
                setattr(sys, name, stream)
        self._replaced.clear()


class _Above(io.TextIOBase):
    """Stands in for a standard stream: what is written appears above the painted lines."""

    def __init__(self, stream: TextIO, above: Callable[[str], None]) -> None:
        self._stream = stream
        self._print = above
        self._partial = ""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # read-only, as a real stream's is
        return self._stream.encoding

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            # What a progress bar overwrites is not worth a line.
            self._print(visible(line.removesuffix("\r").rpartition("\r")[2]))
        return len(text)

    def finish(self) -> None:
        """Print what has no end of line yet."""
        if self._partial:
            self.write("\n")
