"""The state of a run to one JSON object: the run, its stages, and what is in them."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from radps_dag.facts import QuestionAnswered, QuestionAsked
from radps_dag.journal.occupancy import Occupancy, Wait
from radps_dag.progress.node import NodeState
from radps_dag.progress.state import RunState

__all__ = ["tree"]


def tree(state: RunState, status: str, driver: str) -> dict[str, Any]:
    """Times are seconds since the epoch, durations are seconds. What is empty is left out."""
    start, end = state.run, state.end
    document = {
        "run": start.run if start else "",
        "pipeline": start.pipeline if start else "",
        "file": start.file if start else "",
        "status": status,
        "driver": driver,
        "generation": start.generation if start else 0,
        "started": start.time if start else None,
        "seconds": state.root.elapsed(time.time()),
        "message": end.message if end else "",
        "outputs": dict(end.outputs) if end else {},
        "warnings": [
            {"place": warning.place, "message": warning.message} for warning in state.warnings
        ],
    }
    kept = {name: value for name, value in document.items() if value not in ("", None, {}, [])}
    if state.questions:
        kept["questions"] = [_question(question) for question in state.questions.values()]
    if state.answers:
        kept["answers"] = [_answer(asked, fact) for asked, fact in state.answers]
    if state.occupancy is not None:
        kept["occupancy"] = _occupancy(state.occupancy)
    root = state.root
    return {**kept, **_counts(root), "stages": [_node(child) for child in root.children.values()]}


def _node(node: NodeState) -> dict[str, Any]:
    quality = node.quality
    document = {
        "kind": node.kind,
        "description": node.description,
        "reused_from": node.origin,
        "started": node.started,
        "seconds": node.elapsed(time.time()) if node.started is not None else node.seconds,
        "score": quality.score,
        "verdict": quality.verdict if quality.verdict != "none" else None,
        "low_scores": [
            {"metric": score.metric, "score": score.score, "applies_to": score.applies_to}
            for score in node.low
        ],
        "percent": node.percent if node.status == "running" else None,
        "iterations": node.iteration or None,
        "total": node.total,
        "outcome": node.outcome,
        "scores": list(node.scores),
        "awaits_turn": node.awaits_turn or None,
        "waits_for": node.asked.message if node.asked is not None else "",
        "error": node.error,
        "message": node.message,
        "reason": node.reason,
    }
    kept = {name: value for name, value in document.items() if value not in ("", None, [])}
    head = {"node": node.place, "status": node.status, "attempts": node.attempt, **_counts(node)}
    inside = [_node(child) for child in node.children.values()]
    return {**head, **kept, **({"nodes": inside} if inside else {})}


def _occupancy(there: Occupancy) -> dict[str, Any]:
    """Workers, jobs, and the calls that wait, the first of them with what they wait for."""
    document = {
        **asdict(there),
        "machines": None if there.machines is None else [*map(asdict, there.machines)],
        "jobs": [asdict(jobs) for jobs in there.jobs],
        "waits": [_wait(wait) for wait in there.waits],
    }
    return {name: value for name, value in document.items() if name != "generation"}


def _wait(wait: Wait) -> dict[str, Any]:
    return {"node": wait.place, "for": wait.resource, "what": wait.words, "since": wait.since}


def _question(asked: QuestionAsked) -> dict[str, Any]:
    document = {
        "node": asked.place,
        "question": asked.question,
        "about": asked.about,
        "message": asked.message,
        "asked": asked.time,
        "deadline": asked.deadline,
    }
    return {name: value for name, value in document.items() if value is not None}


def _answer(asked: QuestionAsked, fact: QuestionAnswered) -> dict[str, Any]:
    return {
        "node": asked.place,
        "message": asked.message,
        "values": dict(fact.values),
        "by": fact.by,
        "via": fact.via,
        "answered": fact.time,
    }


def _counts(node: NodeState) -> dict[str, int | bool]:
    """Count the calls in a node that ran, and those that used an earlier result."""
    return {"reused": node.is_reused, "calls_ran": node.ran, "calls_reused": node.reused}
