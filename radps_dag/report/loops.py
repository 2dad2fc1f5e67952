"""Loops to their course: rounds, what they measured, the round that was kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite, log10
from typing import Any

from radps_dag.facts import Iterated
from radps_dag.report.model import Iteration, Loop
from radps_dag.report.units import Unit
from radps_dag.report.values import node_path

__all__ = ["loops"]

WIDE, HEIGHT = 160.0, 40.0  # of the picture of a course
_WORST = {"failed": 0, "stopped": 1, "tolerated": 2}


def loops(units: Iterable[Unit], most: int) -> tuple[tuple[Loop, ...], int]:
    """The loops that ran, in their order; of many at one node the worst. And how many are left
    out."""
    kept: list[Loop] = []
    omitted = 0
    alike: dict[str, list[Loop]] = {}
    for unit in units:
        if unit.view.iterations:
            alike.setdefault(node_path(unit.state.place), []).append(_loop(unit))
    for some in alike.values():
        if len(some) > most:
            omitted += len(some) - most
            some = sorted(some, key=_badness)[:most]
        kept += some
    return tuple(kept), omitted


def _badness(loop: Loop) -> tuple[int, int, int, str]:
    bad = _WORST.get(loop.status, 3)
    return (
        bad,
        0 if loop.outcome in ("diverged", "exhausted") else 1,
        -len(loop.rounds),
        loop.place,
    )


def _loop(unit: Unit) -> Loop:
    iterations = unit.view.iterations
    last = iterations[-1]
    kept = last.kept if last.outcome else 0
    measure, values = _course(iterations)
    rounds = tuple(
        Iteration(iteration.iteration, value, iteration.outcome, iteration.iteration == kept)
        for iteration, value in zip(iterations, values, strict=True)
    )
    points, logarithmic = _points(values)
    return Loop(
        place=unit.state.place,
        status=unit.state.status,
        cap=last.cap,
        outcome=last.outcome,
        kept=kept,
        rounds=rounds,
        measure=measure,
        points=points,
        logarithmic=logarithmic,
        seconds=unit.state.seconds,
    )


def _course(iterations: Sequence[Iterated]) -> tuple[str, list[float | None]]:
    """The measure of a loop, by its name: its score or, where it has none, the first number
    that it hands on from round to round. The last round hands on nothing."""
    scores = [iteration.score for iteration in iterations]
    if any(score is not None for score in scores):
        return "score", scores
    names = dict.fromkeys(name for iteration in iterations for name in iteration.state)
    for name in names:
        values = [_number(iteration.state.get(name)) for iteration in iterations]
        if sum(value is not None for value in values) > 1:
            return name, values
    return "", scores


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _points(course: Sequence[float | None]) -> tuple[tuple[tuple[float, float], ...], bool]:
    """The values as points, on a logarithmic axis where they span more than a factor of 30."""
    finite = [(n, value) for n, value in enumerate(course) if value is not None and isfinite(value)]
    if len(finite) < 2:
        return (), False
    values = [value for _, value in finite]
    logarithmic = min(values) > 0 and max(values) / min(values) > 30
    if logarithmic:
        values = [log10(value) for value in values]
    low, high = min(values), max(values)
    wide = max(len(course) - 1, 1)
    return tuple(
        (
            round(6 + n / wide * (WIDE - 12), 1),
            round(HEIGHT - 6 - (value - low) / ((high - low) or 1.0) * (HEIGHT - 12), 1),
        )
        for (n, _), value in zip(finite, values, strict=True)
    ), logarithmic
