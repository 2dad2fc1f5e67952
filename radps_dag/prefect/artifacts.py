"""QA scores as Prefect artifacts: a table for each group, a summary in words beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import ArtifactCreate

from radps_dag.engine.tracker import Label
from radps_dag.facts import Scored
from radps_dag.prefect.artifact_keys import key_of
from radps_dag.prefect.markdown import code, plain

__all__ = ["publish_scores", "summary", "table"]

# A stage with thousands of instances makes one table that a person can still read.
MOST_ROWS = 500
_SYMBOLS = {"good": "✅", "warn": "⚠️", "alert": "🚨", "error": "❌", "none": "⚪"}


async def publish_scores(
    label: Label, scores: Sequence[Scored], flow_run: UUID, task_run: str
) -> None:
    """Make the artifacts of one group, of its flow run and, if it is one in that, its task run."""
    key = key_of("qa", label.path)
    of: dict[str, Any] = {"flow_run_id": flow_run, "task_run_id": task_run or None}
    rows, words = json.dumps(table(scores)), f"QA of {plain(label.name)}"
    async with get_client() as client:
        await client.create_artifact(
            ArtifactCreate(key=key, type="table", data=rows, description=words, **of)
        )
        markdown = summary(label, scores)
        await client.create_artifact(
            ArtifactCreate(key=f"{key}-summary", type="markdown", data=markdown, **of)
        )


def table(scores: Sequence[Scored]) -> list[dict[str, object]]:
    """The scores as rows, the lowest first. The page reads each cell as Markdown."""
    ordered = sorted(scores, key=_urgency)
    return [
        {
            "verdict": f"{_SYMBOLS[fact.verdict]} {fact.verdict}",
            "metric": plain(fact.metric),
            "score": "n/a" if fact.score is None else round(fact.score, 3),
            "value": "" if fact.value is None else plain(f"{fact.value} {fact.units}"),
            "applies to": plain(fact.applies_to),
            "reason": plain(fact.reason),
            "place": code(fact.place),
        }
        for fact in ordered[:MOST_ROWS]
    ]


def summary(label: Label, scores: Sequence[Scored]) -> str:
    """The scores in words: the lowest, how many of each verdict, and what needs somebody."""
    rated = [fact for fact in scores if fact.score is not None]
    lowest = min(rated, key=_urgency, default=None)
    counts = ", ".join(
        f"{sum(fact.verdict == verdict for fact in scores)} {verdict}"
        for verdict in _SYMBOLS
        if any(fact.verdict == verdict for fact in scores)
    )
    lines = [f"# QA of {plain(label.name)}", "", f"{len(scores)} scores: {counts}."]
    if lowest is not None:
        lines += [
            "",
            f"**Lowest: {lowest.score:.2f}** ({plain(lowest.metric)} at {code(lowest.place)})",
        ]
    wanting = [fact for fact in sorted(scores, key=_urgency) if fact.verdict in ("alert", "error")]
    lines += [""] + [
        f"- {_SYMBOLS[fact.verdict]} {code(fact.place)} {plain(fact.metric)}: {_words(fact)}"
        for fact in wanting[:20]
    ]
    return "\n".join(lines)


def _words(fact: Scored) -> str:
    score = "n/a" if fact.score is None else f"{fact.score:.2f}"
    return f"{score} {plain(fact.reason)}".strip()


def _urgency(fact: Scored) -> float:
    return 2.0 if fact.score is None else fact.score
