"""A file that is to be written: its content as data, what could not be said, and its text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from radps_dag.problem import Location, Problem

__all__ = ["Draft", "identifier"]

_PLAIN = re.compile(r"-{0,2}[A-Za-z_]([A-Za-z0-9_./= -]*[A-Za-z0-9_./=-])?")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
_WIDTH = 110


@dataclass(slots=True)
class Draft:
    """A tool file or a pipeline, `content` by key. `rule` is the name of its warnings."""

    name: str
    rule: str
    at: Location
    content: dict[str, Any] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)

    def warn(self, at: Location, message: str) -> None:
        """Note what could not be said."""
        self.warnings.append(Problem(at, self.rule, message, severity="warning"))

    def text(self, origin: str) -> str:
        """The file as YAML."""
        lines = [f"# Imported from {origin} by radps-dag."]
        lines += [f"# not said here: {' '.join(note.message.split())}" for note in self.warnings]
        for key, value in self.content.items():
            if value not in ({}, [], ""):
                lines += _block(key, value, 0)
        return "\n".join(lines) + "\n"


def identifier(name: str) -> str:
    """A name as our files may have it."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    return word if word and not word[0].isdigit() else f"_{word}"


def _block(key: str, value: Any, depth: int) -> Iterator[str]:
    """Lines of a key, with its members below it where they do not fit beside it."""
    indent = "  " * depth
    line = f"{indent}{_flow(key)}: {_flow(value)}"
    if isinstance(value, Mapping) and value and (depth < 1 or len(line) > _WIDTH):
        yield f"{indent}{_flow(key)}:"
        for name, member in value.items():
            yield from _block(name, member, depth + 1)
    elif isinstance(value, list) and value and isinstance(value[0], Mapping):
        yield f"{indent}{_flow(key)}:"
        yield from (f"{indent}  - {_flow(item)}" for item in value)
    else:
        yield line


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)
