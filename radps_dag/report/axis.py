"""Times to positions on an axis, on which only the time is seen in which a process was at work."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from radps_dag.report.chart import Axis, Segment

__all__ = ["axis", "bins"]

_STEPS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600,
    900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800,
)  # fmt: skip
_GAP = 14.0  # between two stretches
_TICKS = 9


def axis(stretches: Sequence[tuple[float, float]], width: float) -> Axis:
    """The axis of these stretches of time, which follow each other."""
    total = sum(end - start for start, end in stretches) or 1.0
    room = max(width - _GAP * max(0, len(stretches) - 1), width / 2)
    left = 0.0
    segments = []
    for start, end in stretches:
        wide = max(room * (end - start) / total, 2.0)
        segments.append(Segment(start, max(end, start), left, left + wide))
        left += wide + _GAP
    unmarked = Axis(tuple(segments), max((segment.right for segment in segments), default=width))
    return Axis(unmarked.segments, unmarked.width, tuple(_ticks(unmarked, total)))


def _ticks(axis: Axis, total: float) -> Iterator[tuple[float, str]]:
    """The seconds since the run began, without those in which nobody drove it."""
    step = next((step for step in _STEPS if total / step <= _TICKS), _STEPS[-1])
    before = 0.0
    for segment in axis.segments:
        first = -(-before // step)
        number = int(first)
        while (at := number * step - before) <= segment.end - segment.start:
            yield axis.at(segment.start + at), _label(number * step, step)
            number += 1
            if number - first > 4 * _TICKS:
                break
        before += segment.end - segment.start


def _label(seconds: float, step: float) -> str:
    """A time of the axis, as precise as its steps.

    >>> _label(0.25, 0.05), _label(90, 30), _label(5400, 1800)
    ('0.25 s', '1:30 min', '1:30 h')
    """
    if step < 1:
        return f"{seconds:.3g} s"
    rounded = round(seconds)
    if rounded < 60 and step < 60:
        return f"{rounded} s"
    if step < 60 or rounded < 3600:
        return f"{rounded // 60}:{rounded % 60:02} min"
    return f"{rounded // 3600}:{rounded % 3600 // 60:02} h"


def bins(spans: Iterable[tuple[float, float]], left: float, right: float, count: int) -> list[int]:
    """The largest number of spans at once, at each of `count` places between two positions.

    >>> bins([(0, 10), (5, 10)], 0, 10, 2)
    [1, 2]
    """
    wide = max((right - left) / count, 1e-9)
    changes = [0] * (count + 1)
    for begin, end in spans:
        first = min(max(int((begin - left) / wide), 0), count - 1)
        last = min(max(int((end - left - 1e-9) / wide), first), count - 1)
        changes[first] += 1
        changes[last + 1] -= 1
    counts, current = [], 0
    for change in changes[:count]:
        current += change
        counts.append(current)
    return counts
