"""A node's quality, assessed when it is done."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from radps_dag.engine.pauses import Wording, ask, can_ask
from radps_dag.engine.run import NodeContext
from radps_dag.facts import Scored
from radps_dag.language.expression import ExpressionError
from radps_dag.language.model import Metric, Node
from radps_dag.outcome import Decided, NodeError
from radps_dag.qa import Score, Thresholds, score, thresholds, verdict
from radps_dag.questions.evidence import pictures_in

__all__ = ["assess"]


# What a person can say to a low score.
DECISION = {
    "action": {
        "enum": ["go on", "fail"],
        "default": "go on",
        "description": "whether the run goes on with this result",
    }
}


async def assess(node: Node, here: NodeContext, outputs: Mapping[str, Any]) -> None:
    """Score the node's metrics. Raises NodeError if one alerts and the node, or the person who is
    asked, fails on that."""
    if node.qa is None:
        return
    names = here.scope.with_outputs(outputs).names()
    try:
        limits = thresholds(node.qa, names)
    except ExpressionError as error:
        raise NodeError(
            here.place.name, "ExpressionError", f"{error.message} (at {error.at})"
        ) from error
    scored = [_metric(metric, here, names, limits) for metric in node.qa.metrics]
    alerts = [fact for fact in scored if fact.verdict == "alert"]
    if not alerts or node.qa.on_alert == "continue":
        return
    reason = _reason(alerts, here, limits)
    if node.qa.on_alert == "pause" and can_ask(here):
        shown = tuple(_shown(fact) for fact in scored)
        drawn = pictures_in(outputs)
        wording = Wording(f"{reason}; go on?", DECISION, shown)
        said = await ask(here, wording, about="alert", pictures=drawn)
        if said["action"] == "go on":
            return
        reason += "; a person decided that it fails"
    raise Decided(here.place.name, "QaFailed", reason)


def _shown(fact: Scored) -> dict[str, Any]:
    """A score as evidence."""
    shown = {
        "metric": fact.metric,
        "score": fact.score,
        "value": fact.value,
        "units": fact.units,
        "applies_to": fact.applies_to,
        "reason": fact.reason,
    }
    return {name: value for name, value in shown.items() if value not in (None, "")}


def _metric(
    metric: Metric, here: NodeContext, names: Mapping[str, Any], limits: Thresholds
) -> Scored:
    run, place = here.run, here.place.name
    result = score(metric, names, run.job.faults.score(place, metric.name, run.job.settings.seed))
    fact = _fact(place, result, run.limits.over(limits, place, metric.name))
    here.scores.append(fact)
    run.say(fact)
    return fact


def _fact(place: str, result: Score, limits: Thresholds) -> Scored:
    return Scored(
        time=time.time(),
        place=place,
        metric=result.metric,
        score=result.score,
        verdict=verdict(result.score, limits),
        value=result.value,
        units=result.units,
        reason=result.reason,
        applies_to=result.applies_to,
    )


def _reason(alerts: list[Scored], here: NodeContext, limits: Thresholds) -> str:
    worst = min(alerts, key=lambda fact: fact.score or 0.0)
    limit = here.run.limits.over(limits, worst.place, worst.metric).alert
    message = f"QA metric {worst.metric!r} scored {worst.score:.2f}, below {limit:g}"
    if worst.reason:
        message += f" ({worst.reason})"
    return message
