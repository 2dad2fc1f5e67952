"""Outputs of whole stages from earlier runs, for a run of only some stages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from radps_dag.facts import NOT_SELECTED, NodeSkipped, NodeSucceeded
from radps_dag.journal.rows import DamagedRun
from radps_dag.journal.store import Damages, Store

__all__ = ["StageResult", "earlier_outputs"]


@dataclass(frozen=True, slots=True)
class StageResult:
    """The result of a stage's last run: its outputs, or None if it was skipped."""

    run: str
    outputs: Mapping[str, Any] | None


def earlier_outputs(
    store: Store, pipeline: str, stages: Iterable[str], damaged: Damages | None = None
) -> dict[str, StageResult]:
    """Find, for each stage, the newest run of the pipeline in which it ended well, and its outputs.

    Runs that are damaged are handed to `damaged` and left out; if it is there, or else raised.
    """
    missing = set(stages)
    results: dict[str, StageResult] = {}
    for head in store.heads(damaged) if missing else ():
        if head.pipeline != pipeline or not store.pin(head.run):
            continue
        try:
            results |= _results_of(store, head.run, missing)
        except DamagedRun as error:
            if damaged is None:
                raise
            damaged(error)
        missing -= set(results)
        if not missing:
            break
    return results


def _results_of(store: Store, run: str, stages: set[str]) -> dict[str, StageResult]:
    """Read what one run left of the stages. Raises DamagedRun, whichever of its rows is damaged."""
    results: dict[str, StageResult] = {}
    for row in store.rows(run):
        if row.place not in stages or row.kind not in ("node_succeeded", "node_skipped"):
            continue
        fact = store.fact(row)
        if isinstance(fact, NodeSucceeded):
            results[row.place] = StageResult(run, fact.outputs)
        elif isinstance(fact, NodeSkipped) and fact.reason != NOT_SELECTED:
            results[row.place] = StageResult(run, None)
    return results
