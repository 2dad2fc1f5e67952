"""Progress of a run: listeners for people, logs and machines.

People read the standard error, machines the standard output: `radps-dag run --json | jq` works and
the progress of a run never ends up in a file with its results.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, TextIO

from radps_dag.facts import Fact, Listener

__all__ = ["Display", "Mode", "listener", "shown_as"]

Mode = Literal["auto", "live", "plain", "json", "quiet"]


class Display:
    """Takes facts; keeps the mistakes and broken pipes of what shows them away from the engine."""

    def __init__(self, inner: Listener) -> None:
        self.inner = inner
        self._error: Exception | None = None

    def __call__(self, fact: Fact) -> None:
        """Show a fact, unless showing has failed before."""
        if self._error is not None:
            return
        try:
            self.inner(fact)
        except Exception as error:  # noqa: BLE001  # the run is worth more than its picture
            self._error = error

    @property
    def broken(self) -> bool:
        """Whether what shows the facts shows no more: its reader has gone, for one."""
        return self._error is not None or getattr(self.inner, "error", None) is not None

    def suspended(self) -> contextlib.AbstractContextManager[None]:
        """The terminal as it is without us, to ask a person something."""
        suspend: Callable[[], contextlib.AbstractContextManager[None]]
        suspend = getattr(self.inner, "suspended", contextlib.nullcontext)
        return suspend()

    def tell(self, stream: TextIO) -> None:
        """Say that the display broke, unless its reader simply went away (`| head`)."""
        error = self._error or getattr(self.inner, "error", None)
        if error is None or isinstance(error, BrokenPipeError):
            return
        with contextlib.suppress(Exception):
            kind = type(error).__name__
            print(f"radps-dag: the progress display broke ({kind}: {error})", file=stream)


def shown_as(mode: Mode, stream: TextIO) -> Mode:
    """Resolve "auto": a live tree if the stream's terminal can move its cursor, else plain
    lines.
    """
    if mode != "auto":
        return mode
    return "live" if _can_move(stream) else "plain"


@contextlib.contextmanager
def listener(
    mode: Mode = "auto",
    stream: TextIO | None = None,
    expected: Iterable[str] = (),
    percents: Path | None = None,
    occupancy: Path | None = None,
) -> Iterator[Display]:
    """A listener to hand to the engine; the terminal is as before when the context ends.

    "auto" is "live" on a terminal that can move its cursor, else "plain". The stream is the
    standard error or, for "json", the standard output. `expected` are the ids of the stages that
    are going to run, for the live display to show what is to come, `percents` the folder in which
    calls say how far they are, `occupancy` the file that says what calls wait for. The listener
    never raises: when the display breaks, a line says so and the run goes on without it.
    """
    chosen = stream or (sys.stdout if mode == "json" else sys.stderr)
    mode = shown_as(mode, chosen)
    with contextlib.ExitStack() as closing:
        # Told last, when the terminal is as before.
        broken = closing.enter_context(contextlib.ExitStack())
        display = Display(_make(mode, chosen, expected, percents, occupancy, closing))
        broken.callback(display.tell, sys.stderr)
        yield display


def _make(
    mode: Mode,
    stream: TextIO,
    expected: Iterable[str],
    percents: Path | None,
    occupancy: Path | None,
    stack: contextlib.ExitStack,
) -> Listener:
    # Only the one that is asked for is imported: `--json` needs nothing of a terminal.
    match mode:
        case "json":
            from radps_dag.progress.json_lines import JsonLines

            return JsonLines(stream)
        case "quiet":
            from radps_dag.progress.plain import Quiet

            return Quiet(stream)
        case "live":
            from radps_dag.progress.live import Live

            return stack.enter_context(Live(stream, expected, percents, occupancy).showing())
        case _:
            from radps_dag.progress.plain import Plain

            return Plain(stream)


def _can_move(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown")
