"""Problems for people, for programs, and for the annotations of a code-hosting site."""

from __future__ import annotations

import json
import os
import sys
import unicodedata
from collections.abc import Iterable
from typing import TextIO

from radps_dag.problem import Location, Problem
from radps_dag.visible import one_line, style

__all__ = ["as_github", "as_json", "as_text", "wants_colour"]

_WIDEST = 120


def as_text(problem: Problem, colour: bool = False) -> str:
    """One problem: place, message and rule, the line, and a caret under the place."""
    place, rule = one_line(str(problem.at)), f"[{problem.rule}]"
    if colour:
        place, rule = style(place, bold=True), style(rule, dim=True)
    head = f"{place}: {one_line(problem.words)} {rule}"
    excerpt = _excerpt(problem.at, colour)
    return f"{head}\n{excerpt}" if excerpt else head


def as_json(problems: Iterable[Problem], errors: Iterable[str] = ()) -> str:
    """All problems as one JSON object; `errors` are those that have no place in a file."""
    listed = [
        {
            "file": problem.at.source.name,
            "line": problem.at.line,
            "column": problem.at.column,
            "rule": problem.rule,
            "severity": problem.severity,
            "message": one_line(problem.message),
        }
        for problem in problems
    ]
    unreadable = list(map(one_line, errors))
    valid = not unreadable and all(problem["severity"] == "warning" for problem in listed)
    result = {"valid": valid, "problems": listed, "errors": unreadable}
    return json.dumps(result, indent=2, ensure_ascii=False)


def as_github(problem: Problem) -> str:
    """One problem as a workflow command that GitHub shows at the line."""
    at = problem.at
    place = f"file={_property(at.source.name)},line={at.line},col={at.column}"
    command = f"{problem.severity} {place},title={_property(problem.rule)}"
    return f"::{command}::{_data(problem.message[:1000])}"


def wants_colour(stream: TextIO | None = None) -> bool:
    """Whether a terminal reads the stream, and nobody has said NO_COLOR."""
    return (stream or sys.stdout).isatty() and not os.environ.get("NO_COLOR")


def _excerpt(at: Location, colour: bool) -> str:
    line = at.text
    if not line.strip():
        return ""
    # A window around the place, so that a line of 10 MB stays readable.
    start = max(0, at.column - 1 - _WIDEST * 2 // 3) if len(line) > _WIDEST else 0
    shown = _visible(line[start : start + _WIDEST])
    before, after = "... " if start else "", " ..." if start + _WIDEST < len(line) else ""
    padding = " " * (len(before) + _width(shown[: at.column - 1 - start]))
    number = str(at.line)
    caret = style("^", fg="red", bold=True) if colour else "^"
    margin = " " * len(number)
    return f"  {number} | {before}{shown.rstrip()}{after}\n  {margin} | {padding}{caret}"


def _visible(text: str) -> str:
    """The text without what moves a cursor or changes a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def _width(text: str) -> int:
    """The number of terminal columns that a text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
