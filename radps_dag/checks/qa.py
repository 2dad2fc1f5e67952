"""A node's thresholds are in order: an alert is worse than a warning."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.expression import Literal, Value
from radps_dag.problem import Problem

__all__ = ["check"]

RULE = "thresholds"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of quality thresholds."""
    for seat in view.seats:
        qa = seat.node.qa
        if qa is None:
            continue
        warn, alert = _constant(qa.warn_below), _constant(qa.alert_below)
        if warn is not None and alert is not None and qa.alert_below and warn < alert:
            message = f"alert_below ({alert}) is above warn_below ({warn}): no score is a warning"
            yield Problem(qa.alert_below.at, RULE, message)
        if qa.on_alert != "continue" and qa.alert_below is None:
            message = f"'on_alert: {qa.on_alert}' never acts: there is no 'alert_below'"
            yield Problem(qa.at, RULE, message)


def _constant(value: Value | None) -> float | None:
    if not isinstance(value, Literal) or isinstance(value.value, bool):
        return None
    return value.value if isinstance(value.value, int | float) else None
