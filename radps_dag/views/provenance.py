"""Provenance of a run's results: its calls with their attempts, and the processes behind them.

A call that used an earlier result was made by an earlier process, often of another run; what that
one recorded of it belongs to the story.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from radps_dag.facts import RunStarted, is_call
from radps_dag.journal.store import Store
from radps_dag.views.calls import NodeView, views
from radps_dag.views.objects import node_object, run_object
from radps_dag.views.run import RunView, view_run

__all__ = ["Lineage", "Made", "lineage"]

_KINDS = (
    "run_started",
    "node_started",
    "retrying",
    "node_succeeded",
    "node_failed",
    "node_stopped",
)
_AT_ONCE = 500  # places that one query asks for


@dataclass(frozen=True, slots=True)
class Made:
    """A call as this run has it, and as it was made: the same, unless its result was used again.

    `origin` is None where the journal does not have the run that made it.
    """

    call: NodeView
    origin: NodeView | None


@dataclass(frozen=True, slots=True)
class Lineage:
    """`starts` are the processes that drove this run and those whose results it uses."""

    run: RunView
    calls: Sequence[Made]
    starts: Mapping[str, Sequence[RunStarted]]

    def as_json(self) -> dict[str, Any]:
        """All of it as one JSON object."""
        calls = []
        for made in self.calls:
            call = node_object(made.call)
            if made.origin is not None and made.origin is not made.call:
                call["attempts"] = node_object(made.origin).get("attempts", [])
            calls.append({name: call[name] for name in call if name not in _NOT_OF_A_CALL})
        processes = [
            {"run": run, "generation": start.generation, "started": start.time, **start.provenance}
            for run, starts in self.starts.items()
            for start in starts
        ]
        return {**run_object(self.run), "processes": processes, "calls": calls}


_NOT_OF_A_CALL = ("packages", "python", "run")


def lineage(store: Store, run: str) -> Lineage:
    """Collect the calls behind the results of a run. Raises RadpsDagError for one that never
    began.
    """
    view = view_run(store, run)
    own = views(store, run, store.rows(run, kinds=_KINDS), driven=bool(view.listed.driver))
    calls = {
        place: node
        for place, node in own.items()
        if node.start is not None and is_call(node.start.kind)
    }
    starts = {run: [process.start for process in view.processes]}
    origins: dict[tuple[str, str], NodeView] = {}
    elsewhere: dict[str, list[str]] = {}
    for place, call in calls.items():
        if call.origin and call.origin != run:
            elsewhere.setdefault(call.origin, []).append(place)
    for other, places in elsewhere.items():
        begun = list(store.rows(other, kinds=("run_started",)))
        other_starts = [fact for row in begun if isinstance(fact := store.fact(row), RunStarted)]
        if not other_starts:
            continue
        starts[other] = other_starts
        for some in _chunks(places):
            rows = sorted([*begun, *store.at(other, some, _KINDS)], key=lambda row: row.seq)
            for place, node in views(store, other, rows, driven=False).items():
                origins[other, place] = node
    made = [Made(call, _origin(call, run, origins)) for call in calls.values()]
    return Lineage(view, made, starts)


def _origin(
    call: NodeView, run: str, origins: Mapping[tuple[str, str], NodeView]
) -> NodeView | None:
    if call.origin in ("", run):
        return call
    return origins.get((call.origin, call.place))


def _chunks(places: Iterable[str]) -> Iterator[list[str]]:
    waiting = iter(places)
    while some := list(islice(waiting, _AT_ONCE)):
        yield some
