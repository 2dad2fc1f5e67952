"""Text to text that is safe to show: what a terminal would obey, or hide, becomes readable.

The one place for all commands. `Shown` stands in for the standard streams, and rich's consoles draw
what `visible` makes of their texts. So a name in a file can neither move the cursor nor turn the
reading direction, whichever way it comes to be printed. Colours of our own are made by `style`,
behind a mark that nobody else can know.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = [
    "Shown",
    "hide_in_streams",
    "one_line",
    "shortened",
    "shown_streams",
    "style",
    "unwrapped",
    "visible",
]

# Control characters but tab and newline; marks, embeddings and isolates of direction; line ends and
# marks that cannot be seen; halves of characters; tags.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff"
    "\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_MARK = f"\x1b{os.urandom(12).hex()}"
_LONGEST = 1000
# Names of files are shorter, mostly.
_LONGEST_QUOTED = 300
_QUOTED = re.compile(r"""'[^'\n]{300,}'|"[^"\n]{300,}\"""")
_STYLE = re.compile(rf"{_MARK}\[[0-9;]*m")


def visible(text: str) -> str:
    r"""The text with what is hidden in it as JSON would escape it, so that JSON stays what it is.

    >>> visible("a\x1b[2J\u202eb\tc")
    'a\\u001b[2J\\u202eb\tc'
    """
    return _HIDDEN.sub(_escaped, text)


def shortened(text: str, most: int) -> str:
    """A text without its middle, where it is long.

    >>> shortened("a" * 1000 + "z" * 1000, 20)
    'aaaaaaaaaaaa ... zzz'
    """
    return text if len(text) <= most else f"{text[: most - 8]} ... {text[-3:]}"


def one_line(text: str) -> str:
    r"""The same on one line, without the middle of what nobody would read: first of what stands in
    quotes, so that the end of a message, which says what to do, is there.

    >>> one_line("a\nb"), len(one_line("x" * 1_000_000))
    ('a\\nb', 1000)
    >>> one_line(f"no such file: {'x' * 5000!r}; write a name")[-23:]
    " ... xxx'; write a name"
    """
    text = _QUOTED.sub(lambda match: shortened(match[0][:-1], _LONGEST_QUOTED) + match[0][0], text)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 305]} ... {text[-300:]}"
    return visible(text.replace("\n", "\\n"))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def style(text: str, **how: Any) -> str:
    """A text as `click.style` has it, for a `Shown` stream: others would show the mark."""
    import click

    return click.style(visible(text), **how).replace("\x1b", _MARK)


class Shown:
    """Stands in for a stream of text: what is written is made visible first, and what `hide` takes
    out of it is not written."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.hide: Callable[[str], str] | None = None

    def __getattr__(self, name: str) -> Any:
        if name == "buffer" and not self._carries("é"):
            # click would write UTF-8 past us to what says it knows ASCII alone.
            raise AttributeError(name)
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write the text, made visible."""
        length = len(text)
        if self.hide is not None:
            text = self.hide(text)
        if not self.stream.isatty():
            text = _STYLE.sub("", text)
        safe = "\x1b".join(map(visible, text.replace("\r\n", "\n").split(_MARK)))
        if not self._carries(safe):
            encoding = self.stream.encoding
            safe = safe.encode(encoding, "backslashreplace").decode(encoding)
        self.stream.write(safe)
        return length

    def writelines(self, lines: Iterable[str]) -> None:
        """Write the lines, made visible."""
        for line in lines:
            self.write(line)

    def _carries(self, text: str) -> bool:
        if text.isascii():
            return True
        try:
            text.encode(self.stream.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True


def unwrapped(stream: Any) -> Any:
    """The stream itself, for whoever moves a cursor and has made its texts visible."""
    return stream.stream if isinstance(stream, Shown) else stream


def hide_in_streams(hide: Callable[[str], str]) -> None:
    """Pass all further output to the standard streams through `hide`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, Shown):
            stream.hide = hide


@contextmanager
def shown_streams() -> Iterator[None]:
    """Both standard streams show what is hidden, whoever writes to them."""
    before = sys.stdout, sys.stderr
    wrapped: list[Any] = [None if stream is None else Shown(stream) for stream in before]
    sys.stdout, sys.stderr = wrapped
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
