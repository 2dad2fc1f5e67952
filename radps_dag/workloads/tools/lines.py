"""Output of a program to the matches that its tool looks for, in constant memory."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from radps_dag.workloads.contract.percents import report_percent
from radps_dag.workloads.tools.patterns import LINE, literal_of
from radps_dag.workloads.tools.tool import STREAMS, FromStream, Tool, Trigger

__all__ = ["Watch"]

_END = re.compile(rb"[\r\n]+")
_TAIL = 8192  # bytes of the end of the output that are kept
_MOST_BYTES = 4 * LINE  # of a line: characters have up to four
LAST_LINES = 12


@dataclass(frozen=True, slots=True)
class _Check:
    """A pattern to look for in the lines of a stream, and the use of its match."""

    literal: bytes
    pattern: re.Pattern[str]
    take: Callable[[re.Match[str]], None]


class Watch:
    """Hears a program, and knows which lines matched what."""

    def __init__(self, tool: Tool) -> None:
        self.matched: dict[str, str] = {}  # output -> what its group matched last
        self.failures: dict[Trigger, str] = {}  # -> the first line
        self.warnings: dict[Trigger, tuple[str, int]] = {}  # -> the first line, how many
        self._tail = b""
        self._open: dict[str, bytes] = {}  # the beginning of a line that has not ended
        self._checks: dict[str, list[_Check]] = {}
        for output in tool.outputs:
            if isinstance(source := output.source, FromStream):
                self._add(source, partial(self._value, output.name, source.group))
        for trigger in tool.fail_on:
            self._add(trigger, partial(self._failure, trigger))
        for trigger in tool.warn_on:
            self._add(trigger, partial(self._warning, trigger))
        if tool.progress is not None:
            for stream in STREAMS:
                self._add(Trigger(stream, tool.progress), _report)

    def hear(self, stream: str, piece: bytes) -> None:
        """Some bytes of a stream."""
        self._tail = (self._tail + piece)[-_TAIL:]
        if stream in self._checks:
            text = self._open.get(stream, b"") + piece
            end = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
            self._look(stream, text[:end])
            # Of a longer line no more is looked at.
            self._open[stream] = text[end:][:_MOST_BYTES]

    def close(self) -> None:
        """The program has ended: so has the last line."""
        for stream, line in self._open.items():
            self._look(stream, line)
        self._open.clear()

    def last_lines(self) -> list[str]:
        """The last lines of all that it printed, without empty ones."""
        lines = (line.strip() for line in _END.split(self._tail))
        return [line.decode("utf-8", "replace") for line in lines if line][-LAST_LINES:]

    def _add(self, source: FromStream | Trigger, take: Callable[[re.Match[str]], None]) -> None:
        check = _Check(literal_of(source.pattern), source.pattern, take)
        self._checks.setdefault(source.stream, []).append(check)

    def _look(self, stream: str, text: bytes) -> None:
        checks = [check for check in self._checks[stream] if check.literal in text]
        for line in _END.split(text) if checks else ():
            for check in checks:
                if check.literal in line:
                    cut = line[:_MOST_BYTES].decode("utf-8", "replace")[:LINE]
                    if cut and (match := check.pattern.search(cut)):
                        check.take(match)

    def _value(self, name: str, group: str, match: re.Match[str]) -> None:
        self.matched[name] = match[group] or ""

    def _failure(self, trigger: Trigger, match: re.Match[str]) -> None:
        self.failures.setdefault(trigger, match.string.strip())

    def _warning(self, trigger: Trigger, match: re.Match[str]) -> None:
        first, count = self.warnings.get(trigger, (match.string.strip(), 0))
        self.warnings[trigger] = first, count + 1


def _report(match: re.Match[str]) -> None:
    """Hand on how far the program says that it is."""
    told = match.groupdict()
    with suppress(ValueError, ZeroDivisionError, TypeError):
        if "percent" in told:
            report_percent(float(told["percent"]))
        else:
            report_percent(100 * float(told["done"]) / float(told["of"]))
