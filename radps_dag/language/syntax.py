"""YAML's own complaints in our words: what is wrong with the text, and the likely fix."""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from radps_dag.problem import Location, Problem, Source

__all__ = ["control_character", "explain", "indenting_tab"]

# What YAML 1.2 calls not printable, and line ends that only some programs count as such.
_CONTROL = (
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_TAB = re.compile(r"^ *\t[ \t]*(?=[^ \t\r\n#])", re.MULTILINE)

Found = tuple[int, str, str]  # position in the text, rule, message


def control_character(text: str) -> Iterator[Found]:
    """The first character that a text file should not have."""
    # The large class takes milliseconds to compile, and most files need only its beginning.
    if match := re.search("[^\t\n\r\x20-\x7e]" if text.isascii() else _CONTROL, text):
        message = f"control character U+{ord(match[0]):04X}; remove it, or write it as an escape"
        yield match.start(), "character", message


def indenting_tab(text: str) -> Iterator[Found]:
    """The first tab that indents a line."""
    if match := _TAB.search(text):
        position = match.start() + match[0].index("\t")
        yield position, "tab", "a tab indents this line; YAML is indented by spaces"


def explain(error: yaml.YAMLError, source: Source) -> Problem:
    """The problem that stopped the YAML parser."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        message = f"not YAML: {' '.join(str(error).split())[:200]}"
        return Problem(Location(source, 1, 1), "syntax", message)
    what: str = getattr(error, "problem", None) or "not YAML"
    opened = getattr(error, "context_mark", None)
    at = Location(source, mark.line + 1, mark.column + 1)
    start = at if opened is None else Location(source, opened.line + 1, opened.column + 1)
    place, message = _in_our_words(what, at, start)
    return Problem(place, "syntax", message)


def _in_our_words(what: str, at: Location, start: Location) -> tuple[Location, str]:
    if "expected ',' or" in what:
        return _unclosed(what[-2], at, start)
    if "end of stream" in what:
        return start, "the quote that opens here is never closed"
    if "mapping values are not allowed" in what:
        fix = "put a text that has ': ' in quotes, or check the indentation"
        return at, f"a second ':' where no key can stand; {fix}"
    if "cannot start any token" in what:
        character = at.text[at.column - 1 : at.column]
        if character == "\t":
            return at, "a tab where YAML wants spaces"
        return at, f"a text cannot start with {character!r}; put it in quotes"
    if "did not find expected key" in what or "expected '-' indicator" in what:
        missing = "a key" if "key" in what else "'-'"
        fix = "check the indentation, and quotes that close too early"
        return at, f"expected {missing} as in the lines from line {start.line} on; {fix}"
    if "could not find expected ':'" in what:
        return start, "expected ':' and a space after this key"
    if "unknown escape" in what:
        return start, "a backslash in double quotes starts an escape; use single quotes"
    if "block sequence entries" in what:
        return at, "a list starts with '- ' on a line of its own"
    return at, what


def _unclosed(bracket: str, at: Location, start: Location) -> tuple[Location, str]:
    lines = start.source.lines[start.line - 1 : at.line]
    if re.search(r"(?<![\"'])\$\{\{", "\n".join(lines[:50])[:10_000]):
        place = at.text.rfind("${{", 0, at.column + 2)
        there = at if place < 0 else Location(at.source, at.line, place + 1)
        return there, 'an expression inside { } or [ ] needs quotes: "${{ ... }}"'
    opening = {"}": "{", "]": "["}.get(bracket, bracket)
    return at, f"expected ',' or '{bracket}' for the '{opening}' of line {start.line}"
