"""Nodes with their attempts to rows on a time axis: stages as boxes, their nodes inside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from radps_dag.progress.look import duration
from radps_dag.progress.node import NodeState
from radps_dag.report.axis import bins
from radps_dag.report.chart import Axis, Bar, Row, Timeline
from radps_dag.report.model import Question
from radps_dag.report.nodes import Node
from radps_dag.report.units import Unit
from radps_dag.report.values import node_path

__all__ = ["WIDTH", "timeline"]

WIDTH = 900.0
_MOST_BARS = 60  # of a row, one by one
_MOST_LANES = 4
_BINS = 120
_MOMENT = 2.0  # the least width of what is to be seen
_SEEN = 1.0  # the least width of what may be left out


def timeline(
    axis: Axis,
    nodes: Sequence[Node],
    units: Mapping[str, Sequence[Unit]],
    questions: Sequence[Question],
    critical: frozenset[str],
    until: float,
) -> Timeline:
    """The rows of all nodes that began. `critical` are the places of the critical path."""
    rows = []
    for node in nodes:
        asked = [question for question in questions if node_path(question.place) == node.path]
        bars = list(_bars(axis, units.get(node.path, ()), critical, until))
        bars += [_asked(axis, question, until) for question in asked]
        if bars:
            rows.append(_row(node, bars))
    return Timeline(axis, tuple(rows))


def _bars(
    axis: Axis, units: Sequence[Unit], critical: frozenset[str], until: float
) -> Iterator[Bar]:
    """A bar for each attempt, with those of its waiting and publishing at its ends; a moment for
    each result that was used again."""
    for unit in units:
        place, state, again = unit.state.place, unit.state, bool(unit.view.origin)
        for attempt in unit.view.attempts:
            if attempt.started is None:
                continue
            last = attempt is unit.view.attempts[-1] and not again
            status = _status(state, attempt.status) if last else attempt.status
            begin, end = attempt.started, until if attempt.ended is None else attempt.ended
            usage = attempt.usage
            if usage is not None and usage.ready is not None:
                begin, end = usage.began, usage.computed
                yield from _part(axis, "publishing", place, end, usage.published)
            if attempt.ready is not None:
                yield from _part(axis, "waiting", place, attempt.ready, begin)
            left, right = axis.at(begin), axis.at(end)
            took = duration(attempt.seconds) if attempt.seconds is not None else "not ended"
            which = f", attempt {attempt.number}" if attempt.number > 1 else ""
            title = f"{place}{which}: {status}, {took}"
            right = max(right, left + _MOMENT)
            yield Bar(left, right, status, title, critical=last and place in critical)
        if again and state.started is not None:
            left = axis.at(state.started)
            title = f"{place}: reused"
            yield Bar(left, left + _MOMENT, "reused", title, critical=place in critical)


def _part(axis: Axis, status: str, place: str, begin: float, end: float) -> Iterator[Bar]:
    """A part of an attempt in which it does not compute, if it can be seen."""
    left, right = axis.at(begin), axis.at(end)
    if right - left >= _SEEN:
        yield Bar(left, right, status, f"{place}: {status}, {duration(end - begin)}")


def _status(state: NodeState, status: str) -> str:
    if state.is_reused:
        return "reused"
    return "tolerated" if state.status == "tolerated" else status


def _asked(axis: Axis, question: Question, until: float) -> Bar:
    left = axis.at(question.asked)
    right = axis.at(question.answer.time if question.answer is not None else until)
    title = f"{question.place}: {question.message}"
    return Bar(left, max(right, left + _MOMENT), "asked", title)


def _row(node: Node, bars: list[Bar]) -> Row:
    left, right = min(bar.left for bar in bars), max(bar.right for bar in bars)
    box = node.depth == 0
    placed, lanes = _in_lanes(bars)
    if len(bars) <= _MOST_BARS and lanes <= _MOST_LANES:
        return Row(node, left, right, tuple(placed), lanes, box=box)
    running = [(bar.left, bar.right) for bar in bars if bar.status not in ("waiting", "publishing")]
    counts = bins(running, left, right, _BINS)
    peak = max(counts)
    # What failed, and what waits for a person, is seen one by one even so.
    worse = [bar for bar in bars if bar.status in ("failed", "tolerated", "asked") or bar.critical]
    some = tuple(worse[:_MOST_BARS])
    return Row(node, left, right, some, 1, tuple(count / peak for count in counts), peak, box)


def _in_lanes(bars: list[Bar]) -> tuple[list[Bar], int]:
    """Bars that overlap stand below each other."""
    ends: list[float] = []
    placed = []
    for bar in sorted(bars, key=lambda bar: (bar.left, bar.right)):
        lane = next((n for n, end in enumerate(ends) if end <= bar.left + 0.01), len(ends))
        if lane == len(ends):
            ends.append(0.0)
        ends[lane] = bar.right
        placed.append(Bar(bar.left, bar.right, bar.status, bar.title, lane, bar.critical))
    return placed, max(1, len(ends))
