"""Look of a run in a terminal: symbols, colours, and values as a person reads them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from radps_dag.facts import Scored
from radps_dag.progress.node import NodeState, Quality, Status
from radps_dag.visible import unwrapped, visible

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "ASCII",
    "STYLES",
    "UNICODE",
    "Symbols",
    "calls_text",
    "clean",
    "console_on",
    "duration",
    "error_text",
    "number",
    "quality_style",
    "quality_text",
    "score_text",
    "short",
    "symbols_for",
    "trend",
    "write",
]

# Control characters and those that turn the writing direction: a message is data, not a program.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")

STYLES: dict[Status, str] = {
    "waiting": "dim",
    "running": "cyan",
    "retrying": "yellow",
    "succeeded": "green",
    "failed": "bold red",
    "tolerated": "yellow",
    "skipped": "dim",
    "stopped": "yellow",
}


@dataclass(frozen=True, slots=True)
class Symbols:
    """The symbols that a terminal can show."""

    status: Mapping[Status, str]
    reused: str
    asked: str
    spinner: str
    full: str
    tip: str
    rest: str
    trend: str
    dot: str
    more: str


UNICODE = Symbols(
    status={
        "waiting": "·",
        "running": "▸",
        "retrying": "↻",
        "succeeded": "✓",
        "failed": "✗",
        "tolerated": "!",
        "skipped": "○",
        "stopped": "■",
    },
    reused="≡",
    asked="?",
    spinner="⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏",
    full="━",
    tip="╸",
    rest="─",
    trend="▁▂▃▄▅▆▇█",
    dot="·",
    more="…",
)
ASCII = Symbols(
    status={
        "waiting": ".",
        "running": ">",
        "retrying": "~",
        "succeeded": "+",
        "failed": "x",
        "tolerated": "!",
        "skipped": "-",
        "stopped": "#",
    },
    reused="=",
    asked="?",
    spinner="|/-\\",
    full="#",
    tip="#",
    rest="-",
    trend="",
    dot="-",
    more="...",
)


def symbols_for(stream: TextIO) -> Symbols:
    """The symbols that a stream's encoding can carry."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        "✓⠋━╸▁…".encode(encoding)
    except (UnicodeError, LookupError):
        return ASCII
    return UNICODE


def write(stream: TextIO, text: str) -> None:
    """Write and flush; what the encoding lacks becomes a question mark."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.write(text.encode(encoding, "replace").decode(encoding))
    stream.flush()


def console_on(stream: TextIO, **how: Any) -> Console:
    """rich's console on a stream, in whose texts nothing is hidden and nothing is an emoji."""
    from rich.console import Console
    from rich.segment import Segment

    class Visible(Console):
        """Draws what `visible` makes of every text: the escapes in between are rich's own."""

        def render(self, *arguments: Any, **options: Any) -> Iterator[Segment]:
            for text, style, control in super().render(*arguments, **options):
                yield Segment(text if control else visible(text), style, control)

    return Visible(file=unwrapped(stream), **{"highlight": False, "emoji": False, **how})


def clean(text: str) -> str:
    r"""A text on one line, without anything a terminal would obey.

    >>> clean("no answer\n\x1b[2J")
    'no answer [2J'
    """
    return " ".join(_CONTROL.sub(" ", text).split())


def duration(seconds: float | None) -> str:
    """Seconds as a person reads them.

    >>> [duration(seconds) for seconds in (0.042, 12.34, 125, 3725, 100000)]
    ['42ms', '12.3s', '2m 05s', '1h 02m', '1d 03h']
    """
    if seconds is None:
        return ""
    if seconds < 0.0995:
        return f"{max(seconds, 0.0) * 1000:.0f}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    rounded = round(seconds)
    if rounded < 3600:
        return f"{rounded // 60}m {rounded % 60:02}s"
    if rounded < 86400:
        return f"{rounded // 3600}h {rounded % 3600 // 60:02}m"
    return f"{rounded // 86400}d {rounded % 86400 // 3600:02}h"


def number(value: float) -> str:
    """Three digits that matter.

    >>> [number(value) for value in (0.8312, 1432.4, 0.0000123, 3)]
    ['0.831', '1,432', '1.23e-05', '3']
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.3g}"


def trend(scores: Sequence[float], symbols: Symbols) -> str:
    """The course of a loop's scores as small bars.

    >>> trend([155, 592, 795, 885, 883, 1432], UNICODE)
    '▁▃▅▅▅█'
    """
    finite = [score for score in scores if abs(score) < float("inf")]
    if len(finite) < 2 or not symbols.trend:
        return ""
    low, high = min(finite), max(finite)
    steps = len(symbols.trend) - 1
    scale = steps / (high - low) if high > low else 0.0
    return "".join(symbols.trend[round((score - low) * scale)] for score in finite)


def quality_text(quality: Quality) -> str:
    """A score with a word, so that it reads without colour.

    >>> quality_text(Quality(0.95, "good")), quality_text(Quality(0.55, "alert"))
    ('0.95 good', '0.55 alert')
    """
    if quality.verdict == "error":
        return "error"
    if quality.score is None:
        return ""
    word = quality.verdict if quality.verdict in ("warn", "alert") else _band(quality.score)[1]
    return f"{quality.score:.2f} {word}"


def quality_style(quality: Quality) -> str:
    """The colour that pipelines' QA pages give a score."""
    if quality.verdict == "error":
        return "bold red"
    return "" if quality.score is None else _band(quality.score)[0]


def _band(score: float) -> tuple[str, str]:
    if score <= 0.33:
        return "red", "bad"
    if score <= 0.66:
        return "yellow", "low"
    return ("blue", "fair") if score <= 0.90 else ("green", "good")


def score_text(fact: Scored) -> str:
    """A QA score in words: `snr of spw 2: 0.55 alert (3.1 dB): too little signal`."""
    what = f"{fact.metric} of {fact.applies_to}" if fact.applies_to else fact.metric
    text = quality_text(Quality(fact.score, fact.verdict)) or "not applicable"
    if fact.value is not None:
        value = number(fact.value) if isinstance(fact.value, float) else short(fact.value, 40)
        text += f" ({value}{' ' if fact.units else ''}{fact.units})"
    return clean(f"{what}: {text}" + (f": {fact.reason}" if fact.reason else ""))


def calls_text(node: NodeState) -> str:
    """Count the calls that used earlier results, if there are any: `28 reused, 3 ran`."""
    if not node.reused:
        return ""
    return f"{node.reused:,} reused, {node.ran:,} ran" if node.ran else f"{node.reused:,} reused"


def error_text(node: NodeState) -> str:
    """The error of a node, on one line."""
    message = clean(node.message)
    return f"{node.error}: {message}" if message else node.error


def short(value: Any, width: int) -> str:
    """A value on one line of at most so many characters; a product is its URI.

    >>> short({"a": [1, 2, 3], "b": "x"}, 14)
    '{a: [1, 2, ...'
    """
    text = ""
    for piece in _pieces(value):  # as much as shows, not all of a huge value
        text += piece[: width + 1]
        if len(text) > 2 * width:
            break
    text = clean(text)
    return text if len(text) <= width else text[: max(width - 3, 0)] + "..."


def _pieces(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case float():
            yield number(value)
        case Mapping() if isinstance(value.get("uri"), str):
            yield value["uri"]
        case Mapping():
            for n, (key, item) in enumerate(value.items()):
                yield f"{', ' if n else '{'}{key}: "
                yield from _pieces(item)
            yield "}" if value else "{}"
        case list() | tuple():
            for n, item in enumerate(value):
                yield ", " if n else "["
                yield from _pieces(item)
            yield "]" if value else "[]"
        case None | bool() | int():
            yield json.dumps(value)
        case _:
            yield str(value)
