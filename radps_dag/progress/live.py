"""A live tree of what runs, for a terminal."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from radps_dag.facts import Fact, Noted, QuestionAnswered, RunEnded
from radps_dag.journal.occupancy import read
from radps_dag.progress.asking import answer_text
from radps_dag.progress.frame import Frame
from radps_dag.progress.look import clean, console_on, symbols_for
from radps_dag.progress.screen import Painted, Screen
from radps_dag.progress.state import RunState
from radps_dag.progress.summary import summary
from radps_dag.visible import unwrapped

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Live"]

_MOST_WARNINGS = 20
_SELDOM = 0.5  # seconds between two looks at the occupancy, which changes once a second


class Live:
    """Listens; a thread of its own folds the facts and shows the state while `showing`."""

    def __init__(
        self,
        stream: TextIO,
        expected: Iterable[str] = (),
        percents: Path | None = None,
        occupancy: Path | None = None,
    ) -> None:
        self._percents = percents
        self._occupancy = occupancy
        self._looked = 0.0  # at the occupancy, by the monotonic clock
        self.state = RunState()
        self._error: Exception | None = None  # of closing it
        self.state.expect(expected)
        self._stream = stream
        self._console = console_on(stream, markup=False)
        self._symbols = symbols_for(stream)
        self._shape = Frame(self._symbols)
        self._facts: deque[Fact] = deque()
        self._screen = Screen(unwrapped(stream), self._paint)

    def __call__(self, fact: Fact) -> None:
        """Keep the fact for the thread that shows."""
        self._facts.append(fact)

    @property
    def error(self) -> Exception | None:
        """The error that broke the display."""
        return self._screen.error or self._error

    def suspended(self) -> AbstractContextManager[None]:
        """Pause the live display for a while, to ask a person something."""
        return self._screen.suspended()

    @contextlib.contextmanager
    def showing(self) -> Iterator[Live]:
        """Show the tree until the context ends, then the summary in its place."""
        try:
            self.state.root.started = time.time()  # until the engine says when it begins
            self._screen.open()
            yield self
        finally:
            self._close()

    def _close(self) -> None:
        ended = self.state.end or any(isinstance(fact, RunEnded) for fact in self._facts)
        try:
            self._screen.close(self._summary if ended else None)
        except Exception as error:  # noqa: BLE001  # the result is worth more than a terminal
            self._error = error

    def _catch_up(self) -> None:
        # Here and not when a fact arrives: the engine waits neither for this nor for the terminal.
        while self._facts:
            fact = self._facts.popleft()
            self.state.apply(fact)
            if isinstance(fact, Noted):
                self._note(fact)
            elif isinstance(fact, QuestionAnswered):
                self._tell(fact)

    def _tell(self, fact: QuestionAnswered) -> None:
        """Print above the tree who has answered what, and how."""
        from rich.text import Text

        text = Text(f"{self._symbols.asked} {clean(fact.place)}  {answer_text(fact)}", "magenta")
        self._screen.above(self._coloured(text))

    def _note(self, fact: Noted) -> None:
        """Print a note above the tree; of many warnings the summary tells the rest."""
        from rich.text import Text

        warning = fact.level == "warning"
        if warning and self.state.warned > _MOST_WARNINGS:
            return
        mark = f"{self._symbols.status['tolerated']} " if warning else ""
        place = f"{clean(fact.place)}  " if fact.place else ""
        text = Text(f"{mark}{place}{clean(fact.message)}", "yellow" if warning else "dim")
        self._screen.above(self._coloured(text))

    def _paint(self, width: int, height: int) -> Painted:
        self._catch_up()
        self.state.note_percents(self._percents)
        if self._occupancy is not None and time.monotonic() - self._looked > _SELDOM:
            self._looked = time.monotonic()
            self.state.note_occupancy(read(self._occupancy))
        lines = self._shape.lines(self.state, time.time(), width, height)
        return [(self._coloured(line), line.cell_len) for line in lines]

    def _summary(self, width: int) -> list[str]:
        self._catch_up()
        lines = summary(self.state, width - 1, self._symbols, wrap=width - 1)
        return [self._coloured(line) for line in lines]

    def _coloured(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", soft_wrap=True)
        return capture.get()
