"""Facts of a run to the times in it: of its processes, of its places, of its slots."""

from __future__ import annotations

from radps_dag.facts import Fact, RunEnded, RunStarted, Tracked
from radps_dag.progress.node import NodeState
from radps_dag.report.calls import ended_at
from radps_dag.report.critical import Span
from radps_dag.report.efficiency import Efficiency, Stretch, efficiency, held_by
from radps_dag.report.units import Unit
from radps_dag.views.calls import NodeViews

__all__ = ["History"]


class History:
    """Facts of a run beside the state of its nodes: the places, and the processes that drove it."""

    def __init__(self, run: str) -> None:
        self.views = NodeViews(run)
        self.starts: list[tuple[RunStarted, RunEnded | None]] = []
        self.lasts: list[float] = []  # by process: the latest time

    def __call__(self, fact: Fact) -> None:
        """Take one fact into account."""
        match fact:
            case RunStarted():
                self.starts.append((fact, None))
                self.lasts.append(fact.time)
            case RunEnded() if self.starts and self.starts[-1][1] is None:
                self.starts[-1] = (self.starts[-1][0], fact)
        if self.lasts and not isinstance(fact, Tracked) and self.starts[-1][1] in (None, fact):
            self.lasts[-1] = max(self.lasts[-1], fact.time)
        self.views.apply(fact)

    @property
    def until(self) -> float:
        """Time of the last fact."""
        return self.lasts[-1]

    def stretches(self) -> list[tuple[float, float]]:
        """The times in which a process drove the run."""
        times: list[tuple[float, float]] = []
        for (start, _), last in zip(self.starts, self.lasts, strict=True):
            begin = max(start.time, times[-1][1]) if times else start.time
            times.append((begin, max(begin, last)))
        return times

    def efficiency(self) -> Efficiency | None:
        """Efficiency with which the slots were used; None if it was not measured."""
        driven = [
            (start, begin, end)
            for (start, _), (begin, end) in zip(self.starts, self.stretches(), strict=True)
        ]
        ends = {start.generation: end for start, _, end in driven}
        held = [
            held_by(attempt, ends.get(attempt.process, self.until))
            for view in self.views.places.values()
            if view.start is not None and view.start.kind == "task"
            for attempt in view.attempts
        ]
        return efficiency(
            [slots for slots in held if slots is not None],
            [Stretch(begin, end, start.slots) for start, begin, end in driven],
        )

    def span(self, state: NodeState) -> Span | None:
        """Begin and end of a place; None if it never began."""
        view = self.views.places.get(state.place)
        if state.started is None or view is None or state.status == "skipped":
            return None
        ended = ended_at(Unit(state, view))
        return Span(state.started, self.until if ended is None else max(ended, state.started))
