"""Questions in the terminal that runs the pipeline, one after another."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import select
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import click

from radps_dag.problem import RadpsDagError
from radps_dag.questions import Question, WrongAnswer
from radps_dag.shape import describe, from_schema

__all__ = ["Terminal", "evidence", "user"]

Suspend = Callable[[], contextlib.AbstractContextManager[None]]


class Terminal:
    """A face of the desk: asks here, and stops asking once somebody else has answered."""

    def __init__(self, stream: TextIO, suspended: Suspend) -> None:
        self._stream = stream
        self._suspended = suspended
        self._turn = asyncio.Lock()

    async def show(self, question: Question, offer: Any) -> None:
        async with self._turn:
            while True:
                over = threading.Event()
                try:
                    values = await asyncio.to_thread(self._ask, question, over)
                except asyncio.CancelledError:
                    over.set()
                    raise
                if values is None:
                    return  # the terminal has gone; others can still be asked
                try:
                    await offer(values, user(), "terminal")
                except WrongAnswer as error:
                    click.echo(f"{error}", file=self._stream)
                except RadpsDagError as error:
                    click.echo(f"{error}", file=self._stream)
                    return
                else:
                    return

    def _ask(self, question: Question, over: threading.Event) -> dict[str, Any] | None:
        with self._suspended(), contextlib.suppress(_Over):
            for line in _shown(question):
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
        default = f" [{_plain(schema['default'])}]" if "default" in schema else ""
        while True:
            text = self._line(f"  {name}, {takes}{about}{default}: ", over)
            if not text and "default" in schema:
                return schema["default"]
            try:
                return question.value(name, text)
            except WrongAnswer as error:
                click.echo(f"  {error}", file=self._stream)

    def _line(self, prompt: str, over: threading.Event) -> str:
        """A line that is typed. Raises _Over when nobody needs it any more."""
        self._stream.write(prompt)
        self._stream.flush()
        typed = b""
        while not over.is_set():
            if not select.select([sys.stdin], [], [], 0.2)[0]:
                continue
            piece = os.read(sys.stdin.fileno(), 4096)
            if not piece:
                raise _Over
            typed += piece
            if typed.endswith(b"\n"):
                return typed.decode(errors="replace").strip()
        click.echo("(answered elsewhere)", file=self._stream)
        raise _Over


class _Over(Exception):
    """The question is not to be asked any more."""


def _shown(question: Question) -> Iterator[str]:
    yield ""
    yield click.style(f"? {question.place}", bold=True) + f"  {question.message}"
    yield from (f"    {line}" for line in evidence(question))


def evidence(question: Question) -> Iterator[str]:
    """What a question shows, a line each."""
    for one in question.show:
        if isinstance(one, dict) and "uri" in one:
            yield f"{one.get('kind', 'product')}: {one['uri']}"
        elif isinstance(one, dict):
            yield ", ".join(f"{name} {_plain(value)}" for name, value in one.items())
        else:
            yield _plain(one)


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    # Nothing of what a workload says may change the terminal.
    return "".join(letter if letter.isprintable() else " " for letter in text)[:400]


def user() -> str:
    """Who sits here."""
    with contextlib.suppress(OSError, KeyError):
        return getpass.getuser()
    return ""
