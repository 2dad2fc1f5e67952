"""Places of a run to nodes with the worst of their calls in full."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from radps_dag.executors.worker_log import PrintedOutput
from radps_dag.progress.node import NodeState
from radps_dag.report.nodes import Attempt, Call, Node, Score, Status
from radps_dag.report.texts import Recorded
from radps_dag.report.topics import topic_of
from radps_dag.report.units import Unit
from radps_dag.report.values import Shown, score, spread
from radps_dag.views.calls import NodeView
from radps_dag.workloads.contract.products import products_in

__all__ = ["ended_at", "node_of", "status_of"]

_BAD: Mapping[Status, int] = {
    "failed": 0, "running": 1, "retrying": 1, "stopped": 2, "tolerated": 3, "succeeded": 4,
    "reused": 5, "skipped": 6, "waiting": 7,
}  # fmt: skip
_LONGEST_LOG = 6000
_LONGEST_TRACEBACK = 6000


def ended_at(unit: Unit) -> float | None:
    """The last end of a place. A result that is used again is there at once."""
    if unit.view.origin:
        return unit.state.started
    return unit.view.attempts[-1].ended if unit.view.attempts else None


def status_of(state: NodeState) -> Status:
    """The status of a place, where a result that was used again is one of its own."""
    return "reused" if state.is_reused and state.status == "succeeded" else state.status


def node_of(
    path: str,
    units: Sequence[Unit],
    record: Recorded,
    shown: Shown,
    most: int,
    printed: PrintedOutput,
) -> Node:
    """A node with all that happened at its places."""
    statuses = Counter(status_of(unit.state) for unit in units)
    first = next((unit for unit in units if unit.view.start is not None), units[0])
    start = first.view.start
    began = [unit.state.started for unit in units if unit.state.started is not None]
    ended = [end for unit in units if (end := ended_at(unit)) is not None]
    took = [
        unit.state.seconds
        for unit in units
        if unit.state.seconds is not None and not unit.state.is_reused
    ]
    file, line = record.lines.get(path, ("", 0))
    kind = start.kind if start is not None else ""
    workload = start.workload if start is not None else ""
    worst = sorted(units, key=_badness)[:most]
    return Node(
        path=path,
        kind=kind,
        workload=workload,
        description=record.descriptions.get(path) or (start.description if start else ""),
        depth=path.count("/"),
        places=len(units),
        counts=tuple(sorted(statuses.items(), key=lambda pair: _BAD[pair[0]])),
        retried=sum(max(0, unit.state.attempt - 1) for unit in units),
        iterations=sum(unit.state.is_iteration for unit in units),
        spread=spread(took),
        first=min(began, default=None),
        last=max(ended, default=None),
        score=_lowest(units),
        calls=tuple(_call(unit, shown, printed) for unit in worst),
        file=file,
        line=line,
        topic=topic_of(workload, _kinds(first.view), path.partition("/")[0]),
    )


def _kinds(view: NodeView) -> list[str]:
    return [str(product["kind"]) for product in products_in(view.outputs)]


def _lowest(units: Iterable[Unit]) -> Score | None:
    facts = [fact for unit in units for fact in unit.view.scores if fact.score is not None]
    return score(min(facts, key=lambda fact: (fact.score or 0.0, fact.place))) if facts else None


def _badness(unit: Unit) -> tuple[int, float, float]:
    """Order of interest: failures first, then low scores, then long times."""
    state = unit.state
    lowest = state.own.score if state.own.score is not None else 2.0
    return (_BAD[status_of(state)], lowest, -(state.seconds or 0.0))


def _call(unit: Unit, shown: Shown, printed: PrintedOutput) -> Call:
    state, view = unit.state, unit.view
    start, made = view.start, view.made
    status = status_of(state)
    files = list(made.files.items()) if made is not None else []
    origin = view.origin if view.origin != view.run else "an earlier process of this run"
    prints = start is not None and start.kind == "task" and status not in ("reused", "waiting")
    return Call(
        place=state.place,
        status=status,
        started=state.started,
        seconds=None if status == "reused" else state.seconds,
        attempts=tuple(
            Attempt(
                attempt.number,
                attempt.process,
                attempt.started,
                attempt.seconds,
                attempt.status,
                attempt.error,
                shown.text(attempt.message),
                shown.text(attempt.traceback[-_LONGEST_TRACEBACK:]),
                attempt.usage,
            )
            for attempt in view.attempts[-10:]
        ),
        scores=tuple(map(score, view.scores[:20])),
        inputs=shown.pairs(start.inputs) if start is not None else (),
        outputs=shown.pairs(view.outputs),
        files=tuple((name, size) for name, (size, _) in files[:20]),
        folder=shown.text(made.workdir) if made is not None else "",
        reason=state.reason,
        origin=origin,
        workload=start.workload if start is not None else "",
        source=start.source if start is not None else "",
        notes=tuple(note.message for note in view.notes[:10]),
        log=printed.last(state.place, _LONGEST_LOG) if prints else "",
    )
