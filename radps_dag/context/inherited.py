"""Context inherited from earlier runs of the stages that a run does not do itself."""

from __future__ import annotations

from collections.abc import Mapping

from radps_dag.context.fold import Fold
from radps_dag.journal.store import Store

__all__ = ["adopt"]


def adopt(fold: Fold, store: Store, adopted: Mapping[str, str]) -> None:
    """Take over what the stages added in the runs that left them, as far as those are there."""
    by_run: dict[str, list[str]] = {}
    for stage, run in adopted.items():
        by_run.setdefault(run, []).append(stage)
    for run, stages in by_run.items():
        if store.head(run) is None:
            continue
        other = Fold()
        for fact in store.facts(run):
            other.add(fact)
        for stage in stages:
            fold.adopt(sorted(other.under(stage), key=lambda work: work.order))
