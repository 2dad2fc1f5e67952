"""A node's quality, assessed when it is done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from radps_dag.engine.outcome import NodeError
from radps_dag.engine.run import Here
from radps_dag.expression import ExpressionError
from radps_dag.facts import Scored
from radps_dag.model import Node, Qa
from radps_dag.qa import Score, Thresholds, score, thresholds, verdict

__all__ = ["assess"]


def assess(node: Node, here: Here, outputs: Mapping[str, Any]) -> None:
    """Score the node's metrics. Raises NodeError if one alerts and the node fails on that."""
    if node.qa is None:
        return
    names = here.scope.with_outputs(outputs).names()
    try:
        limits = thresholds(node.qa, names)
    except ExpressionError as error:
        raise NodeError(
            here.place.name, "ExpressionError", f"{error.message} (at {error.at})"
        ) from error
    scored = [_metric(metric.name, node.qa, here, names, limits) for metric in node.qa.metrics]
    alerts = [fact for fact in scored if fact.verdict == "alert"]
    if alerts and node.qa.on_alert != "continue":
        raise NodeError(here.place.name, "QaFailed", _reason(node.qa, alerts, limits))


def _metric(name: str, qa: Qa, here: Here, names: Mapping[str, Any], limits: Thresholds) -> Scored:
    run, place = here.run, here.place.name
    metric = next(metric for metric in qa.metrics if metric.name == name)
    found = score(metric, names, run.faults.score(place, name, run.seed))
    fact = _fact(place, found, limits)
    here.scores.append(fact)
    run.say(fact)
    return fact


def _fact(place: str, found: Score, limits: Thresholds) -> Scored:
    return Scored(
        time=time.time(),
        place=place,
        metric=found.metric,
        score=found.score,
        verdict=verdict(found.score, limits),
        value=found.value,
        units=found.units,
        reason=found.reason,
        applies_to=found.applies_to,
    )


def _reason(qa: Qa, alerts: list[Scored], limits: Thresholds) -> str:
    worst = min(alerts, key=lambda fact: fact.score or 0.0)
    message = f"QA metric {worst.metric!r} scored {worst.score:.2f}, below {limits.alert:g}"
    if worst.reason:
        message += f" ({worst.reason})"
    if qa.on_alert == "pause":
        message += "; this version cannot ask a person, so it fails"
    return message
