"""The live display on a pseudo-terminal: what a person sees, and what is left behind."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from typing import TextIO

import pytest
from facts_demo import STAGES, demo, wide
from repository import ROOT, SUPPORT

from radps_dag.facts import Noted
from radps_dag.progress import listener
from radps_dag.progress.plain import Plain
from radps_dag.progress.screen import Painted, Screen

_TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|([^\x1b])", re.DOTALL)


class Emulator:
    """As much of a terminal as the display uses, with what scrolled off the top."""

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.rows = [""]
        self.row = self.column = 0
        self.cursor_shown = True

    def feed(self, text: str) -> None:
        for arguments, command, character in _TOKEN.findall(text):
            if command:
                self._command(arguments, command)
            elif character == "\n":
                self.row += 1
                if self.row == len(self.rows):
                    self.rows.append("")
            elif character == "\r":
                self.column = 0
            else:
                self._put(character)

    def _put(self, character: str) -> None:
        assert self.column < self.columns, f"wraps: {self.rows[self.row]}"
        row = self.rows[self.row].ljust(self.column)
        self.rows[self.row] = row[: self.column] + character + row[self.column + 1 :]
        self.column += 1

    def _command(self, arguments: str, command: str) -> None:
        match command:
            case "A":
                self.row = max(self.row - int(arguments), 0)
            case "K":
                self.rows[self.row] = self.rows[self.row][: self.column]
            case "J":
                self.rows[self.row] = self.rows[self.row][: self.column]
                del self.rows[self.row + 1 :]
            case "h" | "l" if arguments == "?25":
                self.cursor_shown = command == "h"
            case "m" | "h" | "l":
                pass
            case _:
                raise AssertionError(f"unknown: {arguments}{command}")


class Terminal:
    """A pseudo-terminal whose other end is read all the time."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self._master, slave = pty.openpty()
        self.resize(columns, rows)
        self.stream: TextIO = os.fdopen(slave, "w", encoding="utf-8")
        self._read: list[bytes] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 65536):
                self._read.append(data)

    def text(self) -> str:
        """All that was written; the terminal is closed by this."""
        self.stream.close()
        self._thread.join(timeout=30)
        os.close(self._master)
        return b"".join(self._read).decode()


@pytest.fixture
def xterm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("xterm")
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40), (60, 6), (200, 3)])
def test_final_state_is_left_in_the_scrollback(columns: int, rows: int) -> None:
    """When a run ends the summary stands where the tree was, once, and the cursor is back."""
    terminal = Terminal(columns, rows)
    with listener("auto", terminal.stream, STAGES) as listen:
        for fact in demo():
            listen(fact)
    text = terminal.text()
    emulator = Emulator(10_000)
    emulator.feed(text)
    screen = "\n".join(emulator.rows)
    assert screen.count("full_cube succeeded in 1m 31s") == 1
    assert screen.count("image_continuum_per_spw") == 1
    assert emulator.cursor_shown and "\x1b[?25l" in text


@pytest.mark.usefixtures("xterm")
def test_terminal_is_sane_after_an_interrupt() -> None:
    """Ctrl-C in the engine passes through; the tree stays as it was and the cursor is shown."""
    terminal = Terminal()
    with (
        pytest.raises(KeyboardInterrupt),
        listener("live", terminal.stream, STAGES) as listen,
    ):
        for fact in demo()[:300]:
            listen(fact)
        raise KeyboardInterrupt
    emulator = Emulator(80)
    emulator.feed(terminal.text())
    assert emulator.cursor_shown
    tree = [row for row in emulator.rows if row.startswith("full_cube")]
    assert len(tree) == 1 and emulator.rows[-1] == ""


@pytest.mark.usefixtures("xterm")
def test_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR leaves the tree and takes its colours."""
    colours = re.compile(r"\x1b\[[0-9;]*3[0-7][0-9;]*m")
    texts = []
    for given in ("", "1"):
        monkeypatch.setenv("NO_COLOR", given)
        terminal = Terminal()
        with listener("auto", terminal.stream) as listen:
            for fact in demo():
                listen(fact)
        texts.append(terminal.text())
    assert colours.search(texts[0]) and not colours.search(texts[1])
    assert "✓" in texts[1]


@pytest.mark.usefixtures("xterm")
def test_notes_stand_above_the_tree() -> None:
    """What the engine notes is a line above the tree, once; of many warnings only the first."""
    terminal = Terminal()
    with listener("live", terminal.stream) as listen:
        listen(Noted(time=0.0, place="", message="see http://127.0.0.1:4200/"))
        for n in range(100):
            listen(Noted(time=0.0, place="a", message=f"hot antenna {n}", level="warning"))
    emulator = Emulator(80)
    emulator.feed(terminal.text())
    assert emulator.rows[:2] == ["see http://127.0.0.1:4200/", "! a  hot antenna 0"]
    assert len(emulator.rows) == 1 + 20 + 1 + 1


@pytest.mark.parametrize("term", ["dumb", "", "unknown"])
def test_dumb_terminal_gets_plain_lines(term: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that cannot move its cursor is treated as a log."""
    monkeypatch.setenv("TERM", term)
    terminal = Terminal()
    with listener("auto", terminal.stream) as listen:
        assert isinstance(getattr(listen, "inner", None), Plain)
        for fact in demo():
            listen(fact)
    assert "\x1b" not in terminal.text()


def _screen(terminal: Terminal, frames: list[Painted]) -> Screen:
    return Screen(terminal.stream, lambda width, height: frames.pop(0))


def test_paint_replaces_what_it_painted() -> None:
    """A frame takes the place of the one before, be it longer or shorter; prints stay above."""
    terminal = Terminal()
    frames: list[Painted] = [
        [("one", 3), ("two", 3), ("three", 5)],
        [("ONE", 3)],
        [("one", 3), ("two", 3)],
    ]
    screen = _screen(terminal, frames)
    emulator = Emulator(80)
    screen._paint()
    screen.above("printed")
    screen._paint()
    screen.above("printed more")
    screen._paint()
    emulator.feed(terminal.text())
    assert emulator.rows == ["printed", "printed more", "one", "two", ""]


def test_a_narrowed_terminal_keeps_no_debris() -> None:
    """Lines that a resize wrapped are counted with the rows they take now."""
    terminal = Terminal(80)
    screen = _screen(terminal, [[("x" * 70, 70), ("y", 1)], [("z", 1)]])
    screen._paint()
    terminal.resize(30, 24)
    screen._paint()
    assert "\x1b[4A\x1b[J" in terminal.text()


def test_what_is_printed_goes_above(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prints to the same terminal appear above the tree, whole, and the streams come back."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal.stream)
    screen = Screen(terminal.stream, lambda width, height: [("tree", 4)])
    screen.open()
    assert sys.stdout is not terminal.stream and sys.stdout.isatty()
    print("a line")
    print(" 10%\r 20%\r100%")
    print("no end", end="")
    screen.close()
    assert sys.stdout is terminal.stream
    emulator = Emulator(80)
    emulator.feed(terminal.text())
    assert emulator.rows == ["a line", "100%", "no end", "tree", ""]


def test_redirected_output_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A standard output that is a file stays one while the tree is shown on the terminal."""
    terminal, file = Terminal(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    screen = Screen(terminal.stream, lambda width, height: [])
    screen.open()
    print("result")
    screen.close()
    terminal.text()
    assert file.getvalue() == "result\n"


def test_suspended_terminal_is_as_without_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """To ask a person something the tree goes away and the cursor comes back."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal.stream)
    screen = Screen(terminal.stream, lambda width, height: [("tree", 4)])
    screen.open()
    with screen.suspended():
        print("niter? 100", flush=True)
        assert sys.stdout is terminal.stream
    screen.close()
    emulator = Emulator(80)
    emulator.feed(terminal.text())
    assert emulator.rows == ["niter? 100", "tree", ""] and emulator.cursor_shown


def test_broken_frame_ends_the_display_alone() -> None:
    """A mistake in the painting is kept, not raised, and the cursor is shown."""
    terminal = Terminal()

    def broken(width: int, height: int) -> Painted:
        raise RuntimeError("oops")

    screen = Screen(terminal.stream, broken)
    screen.open()
    screen._thread.join(timeout=30)
    screen.close(lambda width: ["summary"])
    emulator = Emulator(80)
    emulator.feed(terminal.text())
    assert isinstance(screen.error, RuntimeError)
    assert emulator.rows == ["summary", ""] and emulator.cursor_shown


@pytest.mark.usefixtures("xterm")
def test_terminal_that_goes_away(capsys: pytest.CaptureFixture[str]) -> None:
    """A terminal that is closed in the middle of a run stops the display, not the run."""
    terminal = Terminal()
    with listener("live", terminal.stream) as listen:
        for fact in demo()[:100]:
            listen(fact)
        terminal.stream.close()
        for fact in demo()[100:]:
            listen(fact)
    assert capsys.readouterr().err.count("display broke (ValueError") == 1


def test_a_wide_fan_out_live() -> None:
    """Thousands of facts at once all count, though few of them were ever painted."""
    terminal = Terminal()
    with listener("live", terminal.stream) as listen:
        for fact in wide(2000, width=32):
            listen(fact)
    text = terminal.text()
    assert "wide succeeded" in text and "failed, tolerated" in text


def test_a_real_interrupt_leaves_the_cursor_shown() -> None:
    """SIGINT to a process that shows the tree on its terminal: the cursor is back at its end."""
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "facts_demo", "--mode", "auto", "--speed", "1"]
    environment = {**os.environ, "TERM": "xterm", "PYTHONPATH": str(SUPPORT)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    text = ""
    with contextlib.suppress(OSError):  # the end of a pseudo-terminal is an error on Linux
        while data := os.read(master, 65536):
            text += data.decode()
            if process.poll() is None and "import_calibrators" in text and "^sent" not in text:
                process.send_signal(signal.SIGINT)
                text += "^sent"
    os.close(master)
    assert process.wait(timeout=30) != 0
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
