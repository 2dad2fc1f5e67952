"""The QA scores of a run: the latest of each metric at each place."""

from __future__ import annotations

from typing import Any

from radps_dag.facts import RunEnded, Scored
from radps_dag.facts.places import is_in
from radps_dag.journal.store import Store

__all__ = ["score_object", "scores_of"]

_KINDS = ("run_started", "node_started", "retrying", "scored", "run_ended")

_Found = dict[tuple[str, str], tuple[int, Scored]]


def scores_of(store: Store, run: str) -> list[Scored]:
    """The scores, lowest first; those of broken formulas before, what is not applicable behind.

    A run that was resumed has each score once. What it had scored before, and a run that came to
    its end did not score again, was no part of it any more. Raises Damaged.
    """
    scores: _Found = {}
    process = 0
    for row in store.rows(run, kinds=_KINDS):
        if row.kind == "run_started":
            process += 1
        elif row.kind == "retrying":  # a group, and all in it is made again
            _drop(scores, row.place)
        elif row.kind == "node_started":
            for key in [key for key in scores if key[0] == row.place]:
                del scores[key]
        else:
            fact = store.fact(row)
            if isinstance(fact, Scored):
                scores[fact.place, fact.metric] = process, fact
            elif isinstance(fact, RunEnded) and fact.status == "succeeded":
                scores = {key: score for key, score in scores.items() if score[0] == process}
    return sorted((fact for _, fact in scores.values()), key=_order)


def _drop(scores: _Found, place: str) -> None:
    for key in [key for key in scores if key[0] == place or is_in(key[0], place)]:
        del scores[key]


def _order(fact: Scored) -> tuple[float, str, str]:
    return (2.0 if fact.score is None else fact.score, fact.place, fact.metric)


def score_object(fact: Scored) -> dict[str, Any]:
    """A score for programs. A score that is not applicable is null."""
    return {
        "place": fact.place,
        "stage": fact.place.partition("/")[0].partition("[")[0].partition("#")[0],
        "metric": fact.metric,
        "score": fact.score,
        "verdict": fact.verdict,
        "value": fact.value,
        "units": fact.units,
        "applies_to": fact.applies_to,
        "reason": fact.reason,
        "time": fact.time,
    }
