"""Summary of a run that has ended: the cause first, then every stage."""

from __future__ import annotations

import contextlib
import shlex
import textwrap
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from radps_dag.facts import CONDITION_IS_FALSE, cancelled_text
from radps_dag.facts.places import parts
from radps_dag.progress.asking import answer_command, answer_text, resume_command, until_text
from radps_dag.progress.failures import alike, failures, pattern
from radps_dag.progress.frame import Frame
from radps_dag.progress.look import (
    Symbols,
    calls_text,
    clean,
    duration,
    error_text,
    quality_style,
    score_text,
    short,
)
from radps_dag.progress.node import NodeState, Quality
from radps_dag.progress.rows import Row
from radps_dag.progress.state import RunState

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["brief", "result_line", "summary"]

_MOST = 12  # lines of a section
_LONGEST = 400  # characters of a message

Entry = tuple[str, str, str]  # symbol, text, style


def summary(state: RunState, width: int, symbols: Symbols, wrap: int | None = None) -> list[Text]:
    """Lines: the result, a row for each stage, then what failed, was skipped, scored low, came out.

    Rows of stages are at most `width` columns. Messages are whole: each is one line, or as many of
    `wrap` columns as it takes.
    """
    frame = Frame(symbols)
    ended = state.end.time if state.end else 0.0
    stages = list(state.root.children.values())
    frame.fit([Row(0, node) for node in stages], width)
    lines = [_text(""), *_result(state, symbols, wrap)]
    lines += [_text(f"   {line}", "red") for line in _wrapped(_cause(state), wrap)]
    lines.append(_text(""))
    lines += [frame.titles(width)] if stages else []
    lines += [frame.line(Row(0, node), ended, width) for node in stages]
    for title, entries in _sections(state, symbols):
        lines += _section(title, list(entries), wrap)
    return [*lines, _text("")]


def brief(state: RunState, symbols: Symbols) -> list[Text]:
    """The result and what failed, without the rest."""
    lines = [result_line(state, symbols)]
    cancelled = state.end is not None and state.end.status == "cancelled"
    if (cancelled or not failures(state).causes) and (cause := _cause(state)):
        lines.append(_text(f"   {cause}"))
    for title, entries in islice(_sections(state, symbols), 4):
        lines += _section(title, list(entries))
    return lines


def _result(state: RunState, symbols: Symbols, wrap: int | None) -> list[Text]:
    """The line about the end of a run, with the counts on a second line if they do not fit."""
    line, counts = result_line(state, symbols), calls_text(state.root)
    if wrap is None or line.cell_len <= wrap or not counts:
        return [line]
    return [result_line(state, symbols, counts=False), _text(f"   {counts}", "dim")]


def result_line(state: RunState, symbols: Symbols, *, counts: bool = True) -> Text:
    """Say how a run ended, and how many of its calls were reused."""
    end = state.end
    name = clean(state.run.pipeline) if state.run else "the run"
    if end is None:
        return _text(f" {symbols.status['failed']} {name} did not end", "bold red")
    took = duration(state.root.seconds)
    if state.root.waited >= 1:
        took += f", without the {duration(state.root.waited)} that it waited for answers"
    if end.status == "succeeded":
        line = _text(f" {symbols.status['succeeded']} {name} succeeded", "bold green")
        line.append(f" in {took}", "")
    elif end.status == "paused":
        what = "waits for an answer" if state.questions else "has its answers, and can go on"
        line = _text(f" {symbols.asked} {name} {what}", "bold magenta")
        line.append(f", paused after {took}", "")
    else:
        verb = {"interrupted": "was interrupted", "cancelled": "was cancelled"}.get(
            end.status, "failed"
        )
        line = _text(f" {symbols.status['failed']} {name} {verb}", "bold red")
        line.append(f" after {took}", "")
    if counts and (text := calls_text(state.root)):
        line.append(f"  {symbols.dot} {text}", "dim")
    if state.run:
        label = state.run.settings.get("name")
        named = f" {clean(str(label))}," if label else ""
        line.append(f"  {symbols.dot} run{named} {clean(state.run.run)}", "dim")
    return line


def _cause(state: RunState) -> str:
    """The cause of a failure, on one line: where it began, or what the engine says; or who ended
    the run.
    """
    if state.end is None or state.end.status in ("succeeded", "paused"):
        return ""
    if state.end.status == "cancelled":
        return cancelled_text(state.end)[:_LONGEST]
    causes = failures(state).causes
    cause = f"{_place(causes[0])}: {error_text(causes[0])}" if causes else clean(state.end.message)
    return cause[:_LONGEST]


def _sections(state: RunState, symbols: Symbols) -> Iterator[tuple[str, Iterator[Entry]]]:
    failed = failures(state)
    yield "Questions", _questions(state, symbols)
    yield "Failed", _failed(failed.causes, symbols.status["failed"], "red")
    yield "Failed, tolerated", _failed(failed.tolerated, symbols.status["tolerated"], "yellow")
    yield "What next", _next(state)
    yield "Skipped", _skipped(state, symbols)
    yield "QA", _low(state, symbols)
    yield "Warnings", _warnings(state, symbols)
    yield "Answers", _answers(state, symbols)
    yield "Outputs", _outputs(state)
    yield "To look at", _pictures(state)


def _section(title: str, entries: list[Entry], wrap: int | None = None) -> list[Text]:
    lines = [_text(""), _text(title, "bold")]
    for mark, text, style in entries:
        first, *rest = _wrapped(text, wrap) or [""]
        lines.append(_text(f" {mark} ", style).append(first, ""))
        lines += [_text(f"     {more}") for more in rest]
    return lines if entries else []


def _wrapped(text: str, wrap: int | None) -> list[str]:
    """The lines of a text, with room for what stands before them."""
    if wrap is None or wrap < 20:
        return [text] if text else []
    return textwrap.wrap(text, wrap - 5)


def _failed(nodes: tuple[NodeState, ...], mark: str, style: str) -> Iterator[Entry]:
    groups = alike(nodes, lambda node: (pattern(node.place), node.error))
    for group in groups[:_MOST]:
        first = group[0]
        tries = f" (after {first.attempt} attempts)" if first.attempt > 1 else ""
        text = f"{_place(first)}  {error_text(first)[:_LONGEST]}{tries}"
        yield mark, text + _others([_which(node.place) for node in group[1:]]), style
    yield from _rest(len(groups))


def _questions(state: RunState, symbols: Symbols) -> Iterator[Entry]:
    """List the questions without an answer, and how to go on."""
    run = state.run.run if state.run else "RUN"
    for place, asked in islice(state.questions.items(), _MOST):
        until = until_text(asked)
        yield symbols.asked, f"{clean(place)}  {clean(asked.message)[:_LONGEST]}", "magenta"
        yield " ", f"  {answer_command(run, place)}{f'  ({until})' * bool(until)}", ""
    yield from _rest(len(state.questions))
    if state.questions:
        yield " ", f"then go on: {resume_command(run)}", ""


def _answers(state: RunState, symbols: Symbols) -> Iterator[Entry]:
    for asked, fact in state.answers[-_MOST:]:
        yield symbols.asked, f"{clean(asked.place)}  {answer_text(fact)}", "dim"


def _skipped(state: RunState, symbols: Symbols) -> Iterator[Entry]:
    # Stages have their row; what a condition leaves out inside them is as the file wishes.
    nodes = [node for stage in state.root.children.values() for node in stage.walk()]
    skipped = [
        node for node in nodes if node.status == "skipped" and node.reason != CONDITION_IS_FALSE
    ]
    groups = alike(skipped, lambda node: (pattern(node.place), node.reason))
    for group in groups[:_MOST]:
        many = len(group) > 1
        place = clean(pattern(group[0].place)) if many else _place(group[0])
        times = f" ({len(group):,} times)" if many else ""
        yield symbols.status["skipped"], f"{place}  {clean(group[0].reason)}{times}", "dim"
    yield from _rest(len(groups))


def _low(state: RunState, symbols: Symbols) -> Iterator[Entry]:
    scored = [fact for node in (state.root, *state.root.walk()) for fact in node.low]
    scored.sort(key=lambda fact: 0.0 if fact.score is None else fact.score)
    groups = alike(scored, lambda fact: (pattern(fact.place), fact.metric))
    for group in groups[:_MOST]:
        worst = group[0]
        style = quality_style(Quality(worst.score, worst.verdict))
        others = _others([_which(fact.place) or fact.applies_to for fact in group[1:]])
        yield (
            symbols.status["tolerated"],
            f"{clean(worst.place)}  {score_text(worst)}{others}",
            style,
        )
    yield from _rest(len(groups))


def _warnings(state: RunState, symbols: Symbols) -> Iterator[Entry]:
    groups = alike(state.warnings, lambda fact: (pattern(fact.place), fact.message))
    for group in groups[:_MOST]:
        first = group[0]
        text = f"{clean(first.place)}  " * bool(first.place) + clean(first.message)[:_LONGEST]
        times = f" ({len(group)} times)" if len(group) > 1 else ""
        yield symbols.status["tolerated"], text + times, "yellow"
    yield from _rest(len(groups))


def _outputs(state: RunState) -> Iterator[Entry]:
    outputs = dict(state.end.outputs) if state.end else {}
    widest = min(max(map(len, outputs), default=0), 24)
    for name, value in list(outputs.items())[:_MOST]:
        # One address stays whole, to be copied; of a list of them the beginning is enough.
        width = 100 if isinstance(value, list) else 400
        yield " ", f"{clean(name):{widest}}  {short(value, width)}", ""
    yield from _rest(len(outputs))


def _next(state: RunState) -> Iterator[Entry]:
    """Suggest the next step for a run that did not complete but can be resumed."""
    status = state.end.status if state.end is not None else ""
    if state.run is not None and status in ("failed", "interrupted"):
        first = "fix what failed, then go on" if status == "failed" else "go on"
        yield " ", f"{first} where it stopped: {resume_command(state.run.run)}", ""


def _pictures(state: RunState) -> Iterator[Entry]:
    """The newest pictures and images, by paths where they are on this machine."""
    for uri in state.pictures:
        yield " ", clean(_path(uri)), ""
    more = len(state.pictured) - len(state.pictures)
    if more and state.run is not None:
        command = f"radps-dag context {shlex.quote(clean(state.run.run))} --products"
        yield " ", f"and {more:,} more: {command}", "dim"


def _path(uri: str) -> str:
    """The path of what is on this machine, from here if it is below; else the address."""
    url = urlsplit(uri)
    if url.scheme != "file" or url.netloc:
        return uri
    path = Path(unquote(url.path))
    with contextlib.suppress(OSError, ValueError):  # nowhere, or not below
        return str(path.relative_to(Path.cwd()))
    return str(path)


def _rest(count: int) -> Iterator[Entry]:
    if count > _MOST:
        yield " ", f"and {count - _MOST} more", "dim"


def _others(which: list[str]) -> str:
    """` and 7 more like it: spw=3, spw=5, ...`, after the first of its kind."""
    if not which:
        return ""
    named = [name for name in which[:4] if name]
    more = ", ..." if len(which) > len(named) else ""
    listed = f": {', '.join(named)}{more}" if named else ""
    return f" (and {len(which):,} more like it{listed})"


def _which(place: str) -> str:
    """The instances and iterations in a place: `spw=2 #3`."""
    keys = [part.strip("[]") for part in parts(place) if part[0] in "[#"]
    return clean(" ".join(keys))


def _place(node: NodeState) -> str:
    return clean(node.place) or "the run"


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    # The style is that of the first part alone, not of what is appended.
    return Text.assemble((text, style))
