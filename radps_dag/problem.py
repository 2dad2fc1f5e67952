"""Problems and their places, and the tree of errors a user can cause."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

__all__ = [
    "Interrupted",
    "InvalidPipeline",
    "Location",
    "Problem",
    "RadpsDagError",
    "Source",
    "UsageError",
    "allowed",
    "did_you_mean",
    "there_are",
]


@dataclass(frozen=True)
class Source:
    """A text that was read: its name as the user gave it, and its content."""

    name: str
    text: str = field(repr=False)

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Lines of the text, without their ends."""
        # Not `splitlines`: YAML's lines end at \n, \r\n and \r alone, so that numbers agree.
        return tuple(self.text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


class Location(NamedTuple):
    """A place in a source. Line and column count from 1, as editors do."""

    # A tuple, as other values of which there are many: a frozen dataclass takes twice as long.
    source: Source
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"

    @property
    def text(self) -> str:
        """The line itself, or nothing where the place lies past the end."""
        lines = self.source.lines
        return lines[self.line - 1] if 0 < self.line <= len(lines) else ""

    def shifted(self, columns: int) -> Location:
        """The place some columns to the right on the same line."""
        return Location(self.source, self.line, self.column + columns)


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: its place, the rule it breaks, and what is wrong with what to do instead.

    A warning is about what can run, and surely does not do what was meant.
    """

    at: Location
    rule: str
    message: str
    severity: Literal["error", "warning"] = "error"

    @property
    def sort_key(self) -> tuple[str, int, int, str, str]:
        """Key that sorts problems by their place."""
        return (self.at.source.name, self.at.line, self.at.column, self.rule, self.message)

    @property
    def words(self) -> str:
        """The message, which says so if it is a warning."""
        return self.message if self.severity == "error" else f"warning: {self.message}"

    def __str__(self) -> str:
        return f"{self.at}: {self.words} [{self.rule}]"


class RadpsDagError(Exception):
    """An error a user can cause. Its text is one line with place, cause and fix."""

    exit_code: int = 1


class UsageError(RadpsDagError):
    """The command asks for something that does not exist or does not fit together."""

    exit_code = 2


class InvalidPipeline(RadpsDagError):
    """A pipeline file (or a parameter given to it) is not valid; carries every problem found."""

    exit_code = 2

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems), key=lambda problem: problem.sort_key))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Interrupted(RadpsDagError):
    """A run was ended by a signal; the exit code is 128 plus the signal's number."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number
        self.exit_code = 128 + signal_number
        super().__init__(f"interrupted by {signal.Signals(signal_number).name}")


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """The likely fix for a misspelt word, ready to append to a message.

    >>> did_you_mean("attemps", ["attempts", "delay"])
    "; did you mean 'attempts'?"
    >>> did_you_mean("zebra", ["attempts", "delay"])
    ''
    """
    candidates = list(words)
    if len(candidates) > 500:  # the comparison is slow, and a misspelt name mostly begins alike
        candidates = [candidate for candidate in candidates if candidate[:1] == word[:1]][:500]
    from difflib import get_close_matches  # which few commands come to need

    matches = get_close_matches(word[:100], candidates, n=1, cutoff=0.6)
    return f"; did you mean {matches[0]!r}?" if matches else ""


def allowed(words: Iterable[str], most: int = 12) -> str:
    """The allowed words in a message, shortened where there are many.

    >>> allowed(["last", "best"])
    'last, best'
    """
    options = list(words)
    more = f", ... ({len(options) - most} more)" if len(options) > most else ""
    return ", ".join(options[:most]) + more


def there_are(words: Iterable[str], most: int = 12) -> str:
    """List the available words, as a clause of a message.

    >>> there_are(["last", "best"]), there_are(["last"])
    ('there are last, best', 'there is last')
    """
    available = list(words)
    return f"there {'is' if len(available) == 1 else 'are'} {allowed(available, most)}"
