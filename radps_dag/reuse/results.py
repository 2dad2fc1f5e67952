"""The calls that the journal has of one run: what each made last, and how it had begun."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from radps_dag.facts import Ending, NodeFailed
from radps_dag.journal.rows import CHANGES, Row
from radps_dag.journal.store import Store

__all__ = ["Results"]


@dataclass(slots=True)
class Results:
    """The calls of one run: at each place the latest that was made, and how it had begun."""

    run: str
    made: dict[str, Row] = field(default_factory=dict)
    begun: dict[str, Row] = field(default_factory=dict)
    going: set[str] = field(default_factory=set)  # places that began, and were not seen to end
    rounds: Counter[str] = field(default_factory=Counter)  # further attempts by place
    decided: Counter[str] = field(default_factory=Counter)  # failures that a person could avert
    in_place: list[Row] = field(default_factory=list)  # calls that change data there, in order
    _changing: set[str] = field(default_factory=set)
    _groups: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, store: Store, run: str) -> Results:
        """Read the results of a run from the journal. Raises Damaged where it is not whole."""
        results = cls(run)
        for row in store.rows(run):
            fact = store.fact(row) if row.kind == "node_failed" else None
            results.add(row, fact.ending if isinstance(fact, NodeFailed) else None)
        return results

    def add(self, row: Row, ending: Ending | None = None) -> None:
        """Take in a row; `ending` is that of a failure."""
        if row.key == CHANGES:
            self._changing.add(row.place)
        if row.place in self._changing and row.kind.startswith("node_"):
            self.in_place.append(row)
        if row.kind == "node_started":
            self.begun[row.place] = row
            self.going.add(row.place)
            return
        # What was interrupted may have been in the midst of its work; nor does who refuses to go on
        # end it.
        if row.kind == "node_succeeded" or ending in ("failed", "decided"):
            self.going.discard(row.place)
        if row.key is not None and row.kind in ("node_succeeded", "node_failed"):
            self.made[row.place] = row
            above = row.place.rpartition("/")[0]
            while above and above not in self._groups:
                self._groups.add(above)
                above = above.rpartition("/")[0]
        if ending == "decided":  # who resumes the run is asked again
            self.decided[row.place] += 1
        if row.kind == "retrying":
            self.rounds[row.place] += 1
        if row.kind == "retrying" and row.place in self._groups:
            # All in the group is made again, and what its first attempt made is not the result.
            for place in [inner for inner in self.made if inner.startswith(f"{row.place}/")]:
                del self.made[place]
