"""A live tree of what runs, for a terminal."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TextIO

from radps_dag.facts import Fact
from radps_dag.progress.frame import Frame
from radps_dag.progress.look import symbols_for
from radps_dag.progress.screen import Painted, Screen
from radps_dag.progress.state import RunState
from radps_dag.progress.summary import summary

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Live"]


class Live:
    """Listens; a thread of its own shows the latest state. Open and close it with `showing`."""

    def __init__(self, stream: TextIO, expected: Iterable[str] = ()) -> None:
        from rich.console import Console

        self.state = RunState()
        self.state.expect(expected)
        self._stream = stream
        self._console = Console(file=stream, highlight=False, markup=False, emoji=False)
        self._symbols = symbols_for(stream)
        self._shape = Frame(self._symbols)
        self._lock = threading.Lock()
        self._screen = Screen(stream, self._paint)

    def __call__(self, fact: Fact) -> None:
        with self._lock:
            self.state.apply(fact)

    def suspended(self) -> AbstractContextManager[None]:
        """No live lines for a while, to ask a person something."""
        return self._screen.suspended()

    @contextlib.contextmanager
    def showing(self) -> Iterator[Live]:
        """Show the tree until the context ends, then the summary in its place."""
        try:
            self._screen.open()
            yield self
        finally:
            # A terminal that has gone is no reason to lose the result of the run.
            with contextlib.suppress(OSError, ValueError):
                self._screen.close(self._summary if self.state.end else None)

    def _paint(self, width: int, height: int) -> Painted:
        with self._lock:
            lines = self._shape.lines(self.state, time.time(), width, height)
        return [(self._coloured(line), line.cell_len) for line in lines]

    def _summary(self, width: int) -> list[str]:
        lines = summary(self.state, width - 1, self._symbols)
        return [self._coloured(line) for line in lines]

    def _coloured(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", soft_wrap=True)
        return capture.get()
