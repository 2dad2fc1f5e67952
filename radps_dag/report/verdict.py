"""End, failures, scores and questions of a run to its verdict, in a sentence or two."""

from __future__ import annotations

from collections.abc import Sequence

from radps_dag.facts import RunEnded
from radps_dag.report.model import Failure, Question
from radps_dag.report.nodes import Score

__all__ = ["status_of_run", "verdict"]

_HOW = {
    "succeeded": "succeeded",
    "failed": "failed",
    "interrupted": "was interrupted",
    "paused": "has paused for an answer",
    "cancelled": "was cancelled",
    "running": "goes on",
}


def status_of_run(end: RunEnded | None, latest: RunEnded | None, driven: bool) -> str:
    """The status of a run: `end` is its end for good, `latest` that of its latest process."""
    if end is not None and end.status == "cancelled":
        return "cancelled"
    if driven:
        return "running"
    return latest.status if latest is not None else "interrupted"


def verdict(
    status: str,
    end: RunEnded | None,
    causes: Sequence[Failure],
    tolerated: Sequence[Failure],
    scores: Sequence[Score],
    questions: Sequence[Question],
) -> str:
    """The status of the run, in a sentence or two."""
    words = [f"The run {_HOW[status]}."]
    if end is not None and end.status == "cancelled":
        who = f" by {end.by}" if end.by else ""
        why = f": {end.message}" if end.message else ""
        words = [f"The run was cancelled{who}{why}."]
    for count, singular, plural in (
        (sum(each.count for each in causes), "failure ended it", "failures ended it"),
        (
            sum(each.count for each in tolerated),
            "failure was tolerated",
            "failures were tolerated",
        ),
        (
            sum(each.verdict in ("alert", "error") for each in scores),
            "score is an alert",
            "scores are alerts",
        ),
        (
            sum(each.verdict == "warn" for each in scores),
            "score is a warning",
            "scores are warnings",
        ),
        (
            sum(each.answer is None and not each.closed for each in questions),
            "question is not answered",
            "questions are not answered",
        ),
    ):
        if count:
            words.append(f"{count:,} {singular if count == 1 else plural}.")
    return " ".join(words)
