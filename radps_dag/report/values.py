"""Facts to texts as a report shows them: values, scores, questions; the same wherever it is read.

Times are UTC, and addresses in the workspace begin at the workspace, so that a report does not
depend on who writes it where.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

from radps_dag.facts import QuestionAnswered, QuestionAsked, Scored
from radps_dag.facts.places import node_path
from radps_dag.progress.asking import said
from radps_dag.progress.look import number, short
from radps_dag.report.model import Answer, Question
from radps_dag.report.nodes import Score, ScoreFold, Spread
from radps_dag.storage.addresses import redacted

__all__ = ["Shown", "folded", "moment", "node_path", "question", "score", "spread"]

_LONGEST = 300
_HOW = {
    "terminal": "in the terminal of the run",
    "command": "by radps-dag answer",
    "prefect": "on Prefect's page",
    "file": "by a file",
    "timeout": "by nobody in time: the defaults",
}


class Shown:
    """Values as texts, with addresses that begin at the workspace."""

    def __init__(self, workspace_uri: str, workspace_path: str) -> None:
        self._here = (f"{workspace_uri}/", f"{workspace_path}/")

    def __call__(self, value: Any, most: int = _LONGEST) -> str:
        """A value on one line."""
        return short(self.text(short(value, 2 * most + 2000)), most)

    def text(self, text: str) -> str:
        """A text without the workspace's place and without passwords."""
        for here in self._here:
            text = text.replace(here, "")
        return redacted(text)

    def pairs(self, values: Mapping[str, Any], most: int = 40) -> tuple[tuple[str, str], ...]:
        """Names with their values."""
        pairs = [(name, self(value)) for name, value in list(values.items())[:most]]
        if len(values) > most:
            pairs.append(("...", f"and {len(values) - most:,} more"))
        return tuple(pairs)


def moment(seconds: float | None) -> str:
    """A time in UTC.

    >>> moment(1_760_000_000)
    '2025-10-09 08:53:20'
    """
    if seconds is None:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        return f"{seconds:.6g} s"


def score(fact: Scored) -> Score:
    """A score as it is shown."""
    value = ""
    if fact.value is not None:
        value = number(fact.value) if isinstance(fact.value, float) else short(fact.value, 60)
        value = f"{value} {fact.units}".strip()
    return Score(
        fact.place, fact.metric, fact.score, fact.verdict, value, fact.applies_to, fact.reason
    )


def folded(scores: Iterable[Score], most: int) -> tuple[tuple[Score, ...], tuple[ScoreFold, ...]]:
    """The scores, lowest first; of more than `most` of one metric of a node, that many and what the
    others are like."""
    alike: dict[tuple[str, str], list[Score]] = {}
    for score in scores:
        alike.setdefault((node_path(score.place), score.metric), []).append(score)
    kept: list[Score] = []
    folds: list[ScoreFold] = []
    for (node, metric), some in alike.items():
        some.sort(key=lambda score: score.order)
        kept += some[:most]
        numbers = [score.score for score in some if score.score is not None]
        if len(some) > most and numbers:
            folds.append(
                ScoreFold(node, metric, len(some), numbers[0], median(numbers), numbers[-1], most)
            )
    return tuple(sorted(kept, key=lambda score: score.order)), tuple(folds)


def spread(seconds: Sequence[float]) -> Spread | None:
    """Distribution of the seconds of calls."""
    if not seconds:
        return None
    return Spread(len(seconds), min(seconds), median(seconds), max(seconds), sum(seconds))


def question(asked: QuestionAsked, answer: QuestionAnswered | None, closed: bool) -> Question:
    """A question and what came of it."""
    given = None
    if answer is not None:
        given = Answer(said(answer), answer.by, _HOW.get(answer.via, answer.via), answer.time)
    return Question(
        asked.place,
        asked.message,
        asked.about,
        asked.time,
        asked.deadline,
        given,
        closed and given is None,
    )
