"""QA metrics to scores and verdicts. Scores are 0 to 1; what cannot be scored is None or -0.1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from radps_dag.facts import Verdict
from radps_dag.faults import levels, matches
from radps_dag.language.expression import ExpressionError, Value, evaluate
from radps_dag.language.model import Metric, Qa

__all__ = ["BROKEN", "Overrides", "Score", "Thresholds", "score", "thresholds", "verdict"]

# The score of a metric whose formula broke: the ALMA pipeline's convention.
BROKEN = -0.1


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores below `warn` are worth a look, below `alert` they need somebody."""

    warn: float | None
    alert: float | None


@dataclass(frozen=True, slots=True)
class Score:
    """One metric's result: score, the value behind it with its units, and a reason in words."""

    metric: str
    score: float | None
    value: Any = None
    units: str = ""
    reason: str = ""
    applies_to: str = ""


@dataclass(frozen=True, slots=True)
class Overrides:
    """Thresholds that a project sets instead of the file's; later rules go before earlier ones, and
    those of a metric before those of all."""

    rules: tuple[tuple[tuple[str, ...], str, Mapping[str, float]], ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Overrides:
        """Thresholds of a profile: by pattern of places, then by metric ("" is any)."""
        rules = [
            (tuple(levels(pattern.strip("/"))), metric, limits)
            for pattern, by_metric in given.items()
            for metric, limits in by_metric.items()
        ]
        return cls(tuple(sorted(rules, key=lambda rule: rule[1] != "")))

    def over(self, limits: Thresholds, place: str, metric: str) -> Thresholds:
        """The thresholds that count for a metric at a place."""
        for pattern, of, given in self.rules:
            if of in ("", metric) and matches(pattern, place):
                limits = Thresholds(
                    given.get("warn_below", limits.warn), given.get("alert_below", limits.alert)
                )
        return limits


def thresholds(qa: Qa, names: Mapping[str, Any]) -> Thresholds:
    """The thresholds of a node. Raises ExpressionError where one is not a number from 0 to 1."""
    return Thresholds(_threshold(qa.warn_below, names), _threshold(qa.alert_below, names))


def _threshold(value: Value | None, names: Mapping[str, Any]) -> float | None:
    if value is None:
        return None
    result = evaluate(value, names)
    if not _is_number(result) or not 0 <= result <= 1:
        raise ExpressionError(value.at, f"a threshold must be a number from 0 to 1, not {result!r}")
    return float(result)


def score(metric: Metric, names: Mapping[str, Any], forced: float | None = None) -> Score:
    """The score of one metric. A formula that breaks scores -0.1 with its error as the reason.

    `forced` takes the place of the formula's result, for drills.
    """
    try:
        applies_to = _text(metric.applies_to, names)
        value = None if metric.value is None else evaluate(metric.value, names)
        reason = _text(metric.reason, names)
        result = evaluate(metric.score, names) if forced is None else forced
    except ExpressionError as error:
        return Score(metric.name, BROKEN, units=metric.units or "", reason=error.message)
    if result is None:
        return Score(metric.name, None, value, metric.units or "", reason or "n/a", applies_to)
    if not _is_number(result):
        return Score(metric.name, BROKEN, value, reason=f"the score is not a number: {result!r}")
    bounded = min(1.0, max(0.0, float(result)))
    if forced is not None:
        reason = "forced by an injected fault"
    return Score(metric.name, bounded, value, metric.units or "", reason, applies_to)


def verdict(score: float | None, limits: Thresholds) -> Verdict:
    """Judge a score by a node's thresholds.

    >>> verdict(0.5, Thresholds(warn=0.9, alert=0.67))
    'alert'
    >>> verdict(None, Thresholds(warn=0.9, alert=0.67))
    'none'
    """
    if score is None:
        return "none"
    if score < 0:
        return "error"
    if limits.alert is not None and score < limits.alert:
        return "alert"
    if limits.warn is not None and score < limits.warn:
        return "warn"
    return "good"


def _text(value: Value | None, names: Mapping[str, Any]) -> str:
    if value is None:
        return ""
    result = evaluate(value, names)
    return result if isinstance(result, str) else str(result)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
