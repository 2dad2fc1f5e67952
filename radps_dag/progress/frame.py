"""The state of a run to the lines of a live display that never outgrows its terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from radps_dag.facts import is_leaf, repetition
from radps_dag.progress.asking import answer_command
from radps_dag.progress.look import (
    STYLES,
    Symbols,
    calls_text,
    clean,
    duration,
    error_text,
    number,
    quality_style,
    quality_text,
    trend,
)
from radps_dag.progress.node import NodeState
from radps_dag.progress.rows import Row, rows_of
from radps_dag.progress.state import RunState
from radps_dag.progress.transitions import WAITS

if TYPE_CHECKING:
    from rich.text import Text

__all__ = ["Frame"]

_WIDEST = 110  # on a wider terminal the times would stand too far from the names
_BAR = 12
_INSTANCES = 8  # that ended before the time left is guessed
_QA = 11
_TIME = 7

Piece = tuple[str, str]  # text, style


class Frame:
    """Makes the lines; remembers the widest name, so that columns do not jump about."""

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self._names = 16

    def lines(self, state: RunState, now: float, width: int, height: int) -> list[Text]:
        """At most `height` lines of at most `width` columns."""
        if height < 1:
            return []
        foot = self._foot(state, width) if height >= 6 else []
        rows = list(rows_of(state.root, 0, height - 1 - len(foot)))
        self.fit(rows, width)
        body = (self.line(row, now, width) for row in rows)
        return [self._head(state, now, width), *body, *foot]

    def _foot(self, state: RunState, width: int) -> list[Text]:
        """The last lines: workers and what calls wait for; how to answer from another terminal,
        while a question is open."""
        lines = []
        if state.occupancy is not None:
            there = state.occupancy
            style = "yellow" if there.machines == () and not there.jobs else "dim"
            lines.append(_columns([(f" {clean(there.words)}", style)], [], width))
        if not state.questions or state.run is None:
            return lines
        single = len(state.questions) == 1
        count = "a question waits" if single else f"{len(state.questions)} questions wait"
        text = f" {self.symbols.asked} {count}: "
        command = "radps-dag questions"
        if single:
            answer = answer_command(state.run.run, next(iter(state.questions)))
            # A command that is cut off is no use to anybody.
            command = answer if len(text) + len(answer) <= min(width, _WIDEST) else command
        lines.append(_columns([(text, "magenta"), (command, "bold")], [], width, widest=width))
        return lines

    def fit(self, rows: Iterable[Row], width: int) -> None:
        """Make the column of names wide enough, within reason."""
        widest = max((2 * row.depth + len(row.node.name) for row in rows if row.node), default=0)
        self._names = min(max(self._names, widest), max(min(width, _WIDEST) * 2 // 5, 8))

    def _head(self, state: RunState, now: float, width: int) -> Text:
        root = state.root
        ended = sum(child.ended for child in root.children.values())
        right: list[Piece] = (
            [("QA".ljust(_QA - 2), "dim")] if root.quality.score is not None else []
        )
        right.append((duration(root.elapsed(now)).rjust(_TIME + 1), "bold"))
        room = min(width, _WIDEST) - sum(len(text) for text, _ in right)
        for brief in range(4):
            pieces = list(self._told(state, ended, brief))
            if sum(len(text) for text, _ in pieces) < room:
                break
        return _columns(pieces, right, width)

    def _told(self, state: RunState, ended: int, brief: int) -> Iterator[Piece]:
        """The parts of the first line, shorter with each level of `brief`: first without the
        pipeline, which is part of the run's name, then without calls, then without the words around
        the numbers.
        """
        root, dot = state.root, f" {self.symbols.dot} "
        if state.run is None:
            yield "starting", "bold"
        elif brief:
            yield clean(state.run.run), "bold"
        else:
            yield clean(state.run.pipeline), "bold"
            yield dot + clean(state.run.run), "dim"
        if state.planned:
            of = (
                f"{ended}/{len(root.children)}" if brief > 2 else f"{ended} of {len(root.children)}"
            )
            yield f"{dot}{of} stages", "dim"
        elif ended:
            yield f"{dot}{ended} stage{'s' * (ended > 1)} done", "dim"
        if brief < 2 and (text := calls_text(root)):
            yield dot + text, "dim"
        if many := len(state.questions):
            asked = f"{self.symbols.asked} {many}" if brief > 2 else f"{many} question"
            yield f"{dot}{asked}{'s' * (many > 1 and brief < 3)}", "magenta"
        if root.failures:
            yield f"{dot}{root.failures} failed", "yellow"

    def titles(self, width: int) -> Text:
        """The headings of the columns of a table of stages."""
        left = [("   " + "stage".ljust(self._names + 2), "dim")]
        right = [("QA".ljust(_QA - 2) + "time".rjust(_TIME + 1), "dim")]
        return _columns(left, right, width)

    def line(self, row: Row, now: float, width: int) -> Text:
        """One row."""
        indent = "  " * row.depth
        node = row.node
        if node is None:
            return _columns([(f" {indent}{row.more}", "dim")], [], width)
        style = STYLES[node.status]
        mark = self.symbols.status[node.status]
        if node.ended and node.is_reused:
            style, mark = "dim", self.symbols.reused
        elif node.asked is not None:
            style, mark = "bold magenta", self.symbols.asked
        elif node.status == "running" and (node.awaits_turn or _awaits_worker(node)):
            style, mark = STYLES["waiting"], self.symbols.status["waiting"]
        elif node.status == "running":
            mark = self.symbols.spinner[int(now * 8) % len(self.symbols.spinner)]
        details = [piece for piece in self._details(node, now) if piece[0]]
        room = max(self._names - len(indent), 4)
        name = clean(node.name)
        if details:  # without them the name has all the room
            name = self._cut(name, room)
        quiet = node.status in ("skipped", "waiting")
        left: list[Piece] = [(f" {indent}{mark} ", style)]
        left.append((name.ljust(room) + "  ", "dim" if quiet else "bold" * (not node.ended)))
        left.extend(details)
        right: list[Piece] = []
        quality = quality_text(node.quality)
        if quality:
            right.append((quality.rjust(_QA), quality_style(node.quality)))
        # What did not run took no time worth a number.
        took = "" if node.ended and node.is_reused else duration(node.elapsed(now))
        right.append((took.rjust(_TIME + 1), "" if not node.ended else "dim"))
        return _columns(left, right, width)

    def _cut(self, name: str, room: int) -> str:
        """A name that fits. What is left out is in the middle: instances differ at their ends."""
        if len(name) <= room:
            return name
        kept = room - len(self.symbols.more)
        return name[: kept - kept // 2] + self.symbols.more + name[len(name) - kept // 2 :]

    def _details(self, node: NodeState, now: float) -> Iterator[Piece]:
        match node.status:
            case "waiting" | "stopped":
                yield clean(node.reason) or _waits(node), "dim"
            case "skipped":
                yield f"skipped: {clean(node.reason)}", "dim"
            case "failed" | "tolerated":
                yield error_text(node), "red" if node.status == "failed" else "yellow"
            case "retrying":
                wait = max(0.0, (node.again_at or now) - now)
                yield f"attempt {node.attempt}/{node.attempts} in {wait:.0f} s  ", "yellow"
                yield error_text(node), "dim"
            case "running" | "succeeded":
                yield from self._progress(node, now)

    def _progress(self, node: NodeState, now: float) -> Iterator[Piece]:
        if node.asked is not None:
            since = f" ({duration(now - node.waits_since)})" if node.waits_since else ""
            yield f"{WAITS}{since}  ", "magenta"
            yield clean(node.asked.message), ""
            return
        if repetition(node.kind) != "fan_out" and not node.ended:
            if node.waits:
                yield f"{_waits(node)}  ", "dim"
            elif node.awaits_turn and not node.is_instance:
                yield "waits  ", "dim"
        if node.attempt > 1:
            of = f"/{node.attempts}" if node.attempts else ""
            text = f"after {node.attempt} attempts" if node.ended else f"attempt {node.attempt}{of}"
            yield f"{text}  ", "yellow"
        match repetition(node.kind):
            case "fan_out":
                yield from self._fan_out(node, now)
            case "loop":
                yield from self._loop(node)
                if node.ended:
                    yield from self._reused(node, "  ")
            case None if node.ended:
                yield from self._done(node)
            case None:
                if node.percent is not None:
                    yield from self._bar(round(node.percent), 100)
                    yield f" {node.percent:.0f}%  ", ""
                if node.description and not node.is_instance:
                    yield clean(node.description), "dim"

    def _reused(self, node: NodeState, gap: str = "") -> Iterator[Piece]:
        """Say that the calls in a node did not run, or how many of them."""
        if node.is_reused:
            yield f"{gap}reused  ", "dim"
        elif text := calls_text(node):
            yield f"{gap}{text}  ", "dim"

    def _done(self, node: NodeState) -> Iterator[Piece]:
        yield from self._reused(node)
        if node.waited >= 1:
            yield f"waited {duration(node.waited)} for answers  ", "dim"
        if node.iterations:
            yield f"{node.iterations:,} iteration{'s' * (node.iterations > 1)}  ", "dim"
        if node.failures:
            yield f"{node.failures:,} failed, tolerated", "yellow"

    def _fan_out(self, node: NodeState, now: float) -> Iterator[Piece]:
        done = node.good + node.failed + node.skipped
        total = max(node.total or 0, done + len(node.active))
        if not node.ended:
            yield from self._bar(done, total)
            yield " ", ""
        yield f"{done:,}/{total:,}", ""
        inside = [
            child for child in node.active.values() if child.awaits_turn or _awaits_worker(child)
        ]
        if waiting := len(inside) + len(node.waits):
            waits = [*node.waits, *(wait for child in inside for wait in child.waits)]
            words = {wait.words for wait in waits}
            what = f" for {clean(words.pop())}" if len(words) == 1 else ""
            yield f"  {waiting:,} wait{what}", "dim"
        if node.failed:
            yield f"  {node.failed:,} failed", "yellow"
        if node.skipped:
            yield f"  {node.skipped:,} skipped", "dim"
        if node.retried and not node.ended:
            yield f"  {node.retried:,} retried", "dim"
        yield from self._reused(node, "  ")
        elapsed = node.elapsed(now) or 0.0
        if not node.ended and elapsed > 5 and done > _INSTANCES:
            yield f"  {duration(elapsed * (total - done) / done)} left", "dim"

    def _bar(self, done: int, total: int) -> Iterator[Piece]:
        halves = round(2 * _BAR * done / total) if total else 0
        tip = self.symbols.tip if halves % 2 else ""
        filled = self.symbols.full * (halves // 2) + tip
        yield filled, "green"
        yield self.symbols.rest * (_BAR - len(filled)), "dim"

    def _loop(self, node: NodeState) -> Iterator[Piece]:
        if node.ended or node.outcome:
            plural = "" if node.iteration == 1 else "s"
            yield f"{node.iteration} iteration{plural}", ""
        else:
            yield f"#{node.iteration}" + (f"/{node.total}" * bool(node.total)), ""
        if node.outcome:
            yield f", {clean(node.outcome)}", "" if node.outcome == "converged" else "yellow"
        if node.scores:
            yield f"  {number(node.scores[-1])}", "bold" * (not node.ended)
            yield f" {trend(node.scores, self.symbols)}", "cyan"


def _awaits_worker(node: NodeState) -> bool:
    """Whether it is a call that has begun here, and for which there is no worker yet."""
    return bool(node.waits) and node.kind is not None and is_leaf(node.kind)


def _waits(node: NodeState) -> str:
    """Words for what calls at a node wait for: the first of them, and how many more there are."""
    if not node.waits:
        return ""
    more = f" and {len(node.waits) - 1} more" if len(node.waits) > 1 else ""
    return f"waits for {clean(node.waits[0].words)}{more}"


def _columns(left: list[Piece], right: list[Piece], width: int, widest: int = _WIDEST) -> Text:
    """Text from both edges; what does not fit is cut from the left part."""
    from rich.text import Text

    width = min(width, widest)
    tail = Text.assemble(*right)
    line = Text.assemble(*left, no_wrap=True, overflow="ellipsis")
    room = width - tail.cell_len
    if room < 12 or not tail.plain.strip():
        tail, room = Text(), width
        line.rstrip()
    if tail and not tail.plain.startswith(" "):
        line.truncate(room - 1, overflow="ellipsis")
    line.truncate(room, overflow="ellipsis", pad=bool(tail))
    return line.append_text(tail)
