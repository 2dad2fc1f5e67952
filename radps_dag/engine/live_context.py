"""The context while a run goes on: what landed, what a node sees, and who gets in whose way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from radps_dag.context.fold import Fold, Landed
from radps_dag.context.snapshots import snapshot_of
from radps_dag.context.visibility import Link, Visibility
from radps_dag.facts import Added, Fact
from radps_dag.facts.places import parts
from radps_dag.journal.store import Store
from radps_dag.language.model import Pipeline, Task, walk
from radps_dag.outcome import NodeError
from radps_dag.problem import UsageError
from radps_dag.workloads.contract.context import addition
from radps_dag.workloads.contract.knowledge import Snapshot
from radps_dag.workloads.contract.registry import Library

__all__ = ["LiveContext", "asks_for_context"]


@dataclass(slots=True)
class _Seen:
    """The snapshot that a node saw, valid while nothing comes from outside: it waits for those who
    decide.
    """

    link: Link
    outside: int
    snapshot: Snapshot


@dataclass(slots=True, eq=False)
class LiveContext:
    """Listens to the facts of a run, and answers what a node knows.

    A node sees what those added that it waits for, and what came from outside. Not what happens
    to be there of others, so that nothing depends on who was faster.
    """

    sight: Visibility
    fold: Fold
    _seen: dict[int, _Seen] = field(default_factory=dict)
    _read: int = 0  # the last row of others that is known

    def on_fact(self, facts: Iterable[Fact]) -> None:
        """Take in what was said."""
        for fact in facts:
            self.fold.add(fact)

    def learn(self, store: Store, run: str) -> None:
        """Take in what others have added to the run before this process drove it."""
        if self.news(store, run):
            # It came after some of what this process is going to confirm, and before the rest.
            earlier = Fold()
            for number, fact in enumerate(store.facts(run), start=1):
                earlier.add(fact)
                self._read = number
            self.fold.follow(earlier)

    def news(self, store: Store, run: str) -> list[Fact]:
        """Read what others have added to the run since the last call; from any thread."""
        rows = list(store.rows(run, self._read, ("context_added",)))
        self._read = rows[-1].seq if rows else self._read
        return [store.fact(row) for row in rows]

    def snapshot(self, link: Link | None) -> Snapshot:
        """The context of a node that starts now."""
        if link is None:
            return Snapshot(declared=self.fold.declared)
        # All instances of a fan-out see the same. Few links are asked for at a time.
        seen = self._seen.get(id(link))
        if seen is None or seen.outside != len(self.fold.outside):
            landed = self.sight.landed(link, self.fold)
            snapshot = snapshot_of(self.fold, landed)
            if len(self._seen) >= MOST_SEEN:
                self._seen.pop(next(iter(self._seen)))
            seen = self._seen[id(link)] = _Seen(link, len(self.fold.outside), snapshot)
        return seen.snapshot

    def admit(self, place: str, link: Link | None, added: Iterable[Added]) -> None:
        """Make sure that a call may add this. Raises NodeError."""
        snapshot = Snapshot(declared=self.fold.declared)
        for entry in added:
            if not entry.key:
                continue
            try:
                addition(snapshot, entry.key, entry.value)
            except UsageError as error:  # made under another declaration, and used again
                raise NodeError(place, "ContextInvalid", str(error)) from error
            if snapshot.is_collection(entry.key):
                continue
            for other in self.fold.adders(entry.key):
                if self._in_the_way(place, link, other):
                    raise NodeError(
                        place,
                        "ContextConflict",
                        f"context key {entry.key!r} was added at {other.place} too, and neither "
                        "waits for the other; make one depend on the other, or declare the key "
                        "as a collection",
                    )

    def _in_the_way(self, place: str, link: Link | None, other: Landed) -> bool:
        if other.place == place or _other_iteration(place, other.place):
            return False
        return link is None or not self.sight.sees(link, other.place)


MOST_SEEN = 64


def _other_iteration(place: str, other: str) -> bool:
    """Whether two places first differ in the iteration of a loop, of which one is kept at last."""
    for here, there in zip(parts(place), parts(other), strict=False):
        if here != there:
            return here[0] == there[0] == "#"
    return False


def asks_for_context(pipeline: Pipeline, library: Library) -> bool:
    """Whether a workload of the pipeline takes the context."""
    return any(
        isinstance(node, Task)
        and node.run in library.workloads
        and "context" in library.workloads[node.run].given.values()
        for _, node in walk(pipeline)
    )
