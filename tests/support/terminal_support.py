"""A command in a terminal of its own, whose user reads what it shows and types."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import select
import signal
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from run_support import PROGRAM

__all__ = ["Desktop"]

PATIENCE = 30.0  # one that hangs is to fail, and not to hang the suite
_SEQUENCE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")


class Desktop:
    """A terminal with one command in it."""

    def __init__(
        self, folder: Path, arguments: Sequence[str], program: Sequence[str] = PROGRAM
    ) -> None:
        self.raw = b""
        self._position = 0
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            os.environ["TERM"] = "xterm-256color"
            os.execv(program[0], [*program, *arguments])
        self._before = termios.tcgetattr(self._descriptor)
        self._code: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._code is None:
            with contextlib.suppress(OSError):
                os.kill(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
        with contextlib.suppress(OSError):
            os.close(self._descriptor)

    @property
    def text(self) -> str:
        """All that was shown, without what moves the cursor."""
        return _SEQUENCE.sub(b"", self.raw).decode(errors="replace")

    def read(self) -> bool:
        """Whether there was something to read, or may be later."""
        if select.select([self._descriptor], [], [], 0.1)[0]:
            try:
                self.raw += os.read(self._descriptor, 65536)
            except OSError:  # everybody has closed it
                return False
        return True

    def expect(self, text: str) -> None:
        """Wait until a text is shown that was not waited for before."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            at = self.text.find(text, self._position)
            if at >= 0:
                self._position = at + len(text)
                return
            if not self.read():
                break
        raise AssertionError(f"{text!r} is not shown: {self.text[-3000:]}")

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)

    def end(self) -> int:
        """The exit code, when all is shown."""
        end = time.monotonic() + PATIENCE
        ended = status = 0
        while not ended and time.monotonic() < end:
            self.read()
            ended, status = os.waitpid(self._pid, os.WNOHANG)
        assert ended, f"it did not end: {self.text[-3000:]}"
        self.read()
        self._code = os.waitstatus_to_exitcode(status)
        return self._code

    @property
    def is_as_before(self) -> bool:
        """Whether the cursor is shown, and what is typed is echoed, as it was."""
        shown = self.raw.rfind(b"\x1b[?25h") >= self.raw.rfind(b"\x1b[?25l")
        now: list[Any] = termios.tcgetattr(self._descriptor)
        return shown and now == self._before
