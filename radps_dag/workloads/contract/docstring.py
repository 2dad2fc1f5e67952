"""A docstring to its parts: the summary, the text, and the descriptions of names."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Docstring", "parse_docstring"]

_ENTRY = re.compile(r"(?P<indent> +)(?P<name>\w+)(?: *\([^)]*\))?: *(?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Docstring:
    """`entries` are the names of one section; `description` is all the text but that section."""

    summary: str
    description: str
    entries: Mapping[str, str]


def parse_docstring(text: str | None, section: str) -> Docstring:
    r"""Split a docstring with a section of `name: description` lines, as `Args:` is one.

    >>> parse_docstring("Flag.\n\nArgs:\n    ms: the data,\n        flagged before", "Args")
    Docstring(summary='Flag.', description='Flag.', entries={'ms': 'the data, flagged before'})
    """
    kept: list[str] = []
    entries: dict[str, str] = {}
    indent = 0
    name = ""
    inside = False
    for line in inspect.cleandoc(text or "").splitlines():
        if line.rstrip() == f"{section}:":
            inside = True
        elif inside and (not line.strip() or line.startswith(" ")):
            match = _ENTRY.fullmatch(line)
            # The first entry's indentation tells entries from their continuation lines.
            if match and (not entries or len(match["indent"]) == indent):
                indent, name = len(match["indent"]), match["name"]
                entries[name] = match["text"].strip()
            elif name and line.strip():
                entries[name] = f"{entries[name]} {line.strip()}"
        else:
            inside = False
            kept.append(line)
    description = "\n".join(kept).strip()
    return Docstring(description.split("\n\n")[0].replace("\n", " "), description, entries)
