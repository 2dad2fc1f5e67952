"""Text that workloads and files bring along, as Markdown in which nothing of it is Markdown."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["block", "code", "image", "link_to", "plain", "value"]

LONGEST = 4000

# What Markdown, or HTML inside of it, gives a meaning: anywhere, in an address that it would make a
# link of by itself, and where a line begins. Prefect's page does not know entities.
_MARKS = re.compile(
    r"[\\`*_\[\]<>&~|!#@{}$]|:(?=//)|(?<=www)\.|^[-+=]|^\d+(?P<dot>[.)])", re.IGNORECASE
)


def plain(text: str) -> str:
    r"""A text in a line, with everything escaped that could be a mark, a link, an image or HTML.

    >>> print(plain("spw 3: <b>[x](http://a)</b>"))
    spw 3: \<b\>\[x\](http\://a)\</b\>
    """
    line = " ".join(_readable(text[:LONGEST]).split())
    return _MARKS.sub(_escaped, line)


def block(text: str) -> str:
    """Lines as they are, in a fence that nothing in them can close."""
    shown = _readable(text[:LONGEST])
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{shown}\n{fence}"


def code(text: str) -> str:
    """A text in a line, as it is."""
    line = " ".join(_readable(text[:LONGEST]).split())
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    edge = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{edge}{line}{edge}{fence}"


def link_to(text: str, address: str) -> str:
    """A link. Text and address are our own: nothing in them needs to be escaped."""
    return f"[{text}]({address})"


def image(source: str) -> str:
    """A picture from an address of our own. Prefect's page makes no link of one."""
    return f"![picture]({source})"


def value(content: Any) -> str:
    """A value in a line: a text as it is, anything else as JSON."""
    return (
        content
        if isinstance(content, str)
        else json.dumps(content, ensure_ascii=False, default=str)
    )


def _escaped(match: re.Match[str]) -> str:
    mark = match.group()
    return f"{mark[:-1]}\\{mark[-1]}"


def _readable(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text)
