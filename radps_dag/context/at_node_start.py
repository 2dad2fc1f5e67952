"""The context as a node saw it when it started, from the facts of its run."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from radps_dag.builder import Graph, build
from radps_dag.context.fold import Fold
from radps_dag.context.snapshots import snapshot_of
from radps_dag.context.visibility import Visibility, link_to
from radps_dag.facts import Fact, NodeStarted, RunStarted
from radps_dag.facts.places import parts
from radps_dag.loader import load
from radps_dag.problem import RadpsDagError, UsageError, did_you_mean
from radps_dag.workloads.contract.knowledge import Snapshot

__all__ = ["as_seen_at"]


def as_seen_at(
    facts: Sequence[Fact], place: str, complete: Callable[[Fold], object] = lambda fold: None
) -> Snapshot:
    """Snapshot of the context as the node at a place saw it when it last started. `complete` takes
    over what earlier runs left of the stages that this one does not do.

    Where the text of the pipeline is not with the run, it is all that had landed by then.
    Raises UsageError where nothing has started there.
    """
    number, started = _start(facts, place.strip("/"))
    fold = Fold()
    graph: Graph | None = None
    for fact in facts[:number]:
        fold.add(fact)
    complete(fold)
    begun = [fact for fact in facts[:number] if isinstance(fact, RunStarted)]
    if begun:
        graph = _graph(begun[-1])
    link = None if graph is None else link_to(graph, started)
    if graph is None or link is None:
        return snapshot_of(fold)
    return snapshot_of(fold, Visibility().landed(link, fold))


def _start(facts: Sequence[Fact], wanted: str) -> tuple[int, str]:
    """Find the fact with which the place began, and its full name: a path means its last
    instance.
    """
    start: tuple[int, str] | None = None
    exactly = False
    for number, fact in enumerate(facts):
        if isinstance(fact, NodeStarted):
            same = fact.place == wanted
            if same or (not exactly and _path(fact.place) == wanted):
                start, exactly = (number, fact.place), exactly or same
    if start is None:
        places = dict.fromkeys(fact.place for fact in facts if isinstance(fact, NodeStarted))
        hint = did_you_mean(wanted, places) or did_you_mean(wanted, map(_path, places))
        raise UsageError(f"nothing has started at {wanted!r} in this run{hint}")
    return start


def _path(place: str) -> str:
    return "/".join(part for part in parts(place) if part[0] not in "[#")


def _graph(start: RunStarted) -> Graph | None:
    """The graph of the pipeline as the run has recorded its text."""
    texts = start.provenance.get("sources")
    if not isinstance(texts, dict) or not texts:
        return None
    with tempfile.TemporaryDirectory(prefix="radps-dag-") as folder:
        root = Path(folder)
        for name, text in texts.items():
            path = root / name
            if not path.resolve().is_relative_to(root.resolve()):
                return None
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        try:
            return build(load(root / Path(start.file).name))
        except (RadpsDagError, OSError):
            return None
