"""Questions in the terminal that runs the pipeline, one after another."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import select
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import click

from radps_dag.language.shape import describe, from_schema
from radps_dag.problem import RadpsDagError
from radps_dag.progress.asking import until_text
from radps_dag.progress.look import clean
from radps_dag.questions import Question
from radps_dag.questions.evidence import lines
from radps_dag.questions.question import WrongAnswer
from radps_dag.visible import style

__all__ = ["Terminal", "user"]

_MOMENT = 0.2  # seconds between looks whether the question is still open

Suspend = Callable[[], contextlib.AbstractContextManager[None]]


class Terminal:
    """A channel of the prompts: asks here, and stops asking once somebody else has answered."""

    def __init__(self, stream: TextIO, suspended: Suspend) -> None:
        self._stream = stream
        self._suspended = suspended
        self._turn = asyncio.Lock()
        self._typed = b""  # and not read as an answer yet
        self._open = 0

    async def show(self, question: Question, offer: Any) -> None:
        """Ask a question, until it is answered here or elsewhere."""
        self._open += 1
        try:
            await self._show(question, offer)
        finally:
            self._open -= 1

    async def _show(self, question: Question, offer: Any) -> None:
        async with self._turn:
            while True:
                over = threading.Event()
                try:
                    values = await asyncio.to_thread(self._ask, question, over)
                except asyncio.CancelledError:
                    over.set()
                    raise
                if values is None:
                    return  # nobody types any more; others can still be asked
                try:
                    await offer(values, user(), "terminal")
                except RadpsDagError as error:
                    with self._suspended():  # or the tree is painted over it
                        click.echo(f"{error}", file=self._stream)
                    if not isinstance(error, WrongAnswer):
                        return
                else:
                    return

    def _ask(self, question: Question, over: threading.Event) -> dict[str, Any] | None:
        while not _in_foreground():  # whoever reads from behind is stopped, with the whole run
            if over.wait(_MOMENT):
                return None
        with self._suspended(), contextlib.suppress(_Over):
            self._forget_typed()
            for line in _shown(question, self._columns, self._open - 1):
                click.echo(line, file=self._stream)
            return {
                name: self._input(question, name, over) for name in question.inputs
            } or self._enter(over)
        return None

    def _enter(self, over: threading.Event) -> dict[str, Any]:
        self._line("  press Enter to go on: ", over)
        return {}

    def _input(self, question: Question, name: str, over: threading.Event) -> Any:
        schema = question.inputs[name]
        takes = describe(from_schema(schema))
        about = f" ({schema['description']})" if schema.get("description") else ""
        default = f" [{_exact(schema['default'])}]" if "default" in schema else ""
        while True:
            text = self._line(f"  {name}, {takes}{about}{default}: ", over)
            if not text and "default" in schema:
                return schema["default"]
            try:
                return question.typed(name, text)
            except WrongAnswer as error:
                click.echo(f"  {error}", file=self._stream)

    def _line(self, prompt: str, over: threading.Event) -> str:
        """A line that is typed. Raises _Over when nobody needs it, or types any more."""
        shown = _wrapped(prompt, self._columns, "    ")
        self._stream.write("\n".join(shown) + " ")
        self._stream.flush()
        while b"\n" not in self._typed:
            if over.is_set():
                click.echo("\n  not asked here any more", file=self._stream)
                raise _Over
            if not _in_foreground() or not select.select([sys.stdin], [], [], _MOMENT)[0]:
                over.wait(_MOMENT if not _in_foreground() else 0)
                continue
            piece = os.read(sys.stdin.fileno(), 4096)
            if not piece:
                click.echo("\n  not answered here; it can be from elsewhere", file=self._stream)
                raise _Over
            self._typed += piece
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace").strip()

    @property
    def _columns(self) -> int:
        return max(_width(self._stream), 20)

    def _forget_typed(self) -> None:
        """Drop what was typed before a question was seen: it is not an answer to it."""
        if not sys.stdin.isatty():
            return
        import termios

        self._typed = b""
        termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _in_foreground() -> bool:
    """Whether this program may read from its terminal, if it reads from one at all."""
    try:
        return not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # the terminal has gone
        return True


class _Over(Exception):
    """The question is not to be asked any more."""


def _shown(question: Question, width: int, more: int) -> Iterator[str]:
    yield ""
    first, *rest = _wrapped(f"? {clean(question.place)}  {clean(question.message)}", width, "  ")
    mark = len(f"? {clean(question.place)}")
    yield style(first[:mark], bold=True) + first[mark:]
    yield from rest
    for line in lines(question.show):
        # An address stays whole, on one line, so that it can be clicked on.
        yield from ([f"    {line}"] if "://" in line else _wrapped(f"    {line}", width, "      "))
    if question.deadline is not None:
        yield f"  {until_text(question.fact(question.asked))}"
    if more:
        yield f"  {more} more {'question waits' if more == 1 else 'questions wait'} after this one"


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    """Lines that end between words."""
    return textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def _width(stream: TextIO) -> int:
    with contextlib.suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns or 80
    return 1000  # no terminal: whoever reads it has lines of any length


def _exact(value: Any) -> str:
    """A default as it can be typed."""
    return value if isinstance(value, str) else json.dumps(value)


def user() -> str:
    """The login name of the user, or "" if it cannot be found."""
    with contextlib.suppress(OSError, KeyError):
        return getpass.getuser()
    return ""
