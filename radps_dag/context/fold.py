"""Facts to the context: what calls added that succeeded in the end, and what was added outside.

A tree of places holds what landed. What fails, is rolled back or is not kept takes everything
under its place along, so a fact costs as many steps as its place has parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from radps_dag.facts import (
    ContextAdded,
    Fact,
    Iterated,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    Retrying,
    RunEnded,
    RunStarted,
    is_call,
    repetition,
)
from radps_dag.facts.places import parts
from radps_dag.workloads.contract.knowledge import Declared

__all__ = ["Fold", "Landed"]


BEFORE = 10**12  # more than a run has facts


@dataclass(frozen=True, slots=True, eq=False)
class Landed:
    """A call that succeeded, or an addition from outside; `order` counts them in a run. A result
    that a later process of the run only confirms keeps its own."""

    order: int
    run: str
    generation: int
    end: NodeSucceeded | ContextAdded
    start: NodeStarted | None = None

    @property
    def place(self) -> str:
        """Place of the call."""
        return self.end.place


@dataclass(slots=True, eq=False)
class _Branch:
    """A part of a place. Of a loop, `kept` is the iteration that counts so far, and `done` says
    that the loop has succeeded, so that it can be seen from outside."""

    children: dict[str, _Branch] = field(default_factory=dict)
    landed: Landed | None = None
    kept: int = 0
    done: bool = False

    def walk(self) -> Iterator[Landed]:
        """Yield what the branch shows to the outside."""
        waiting = [self]
        while waiting:
            branch = waiting.pop()
            if branch.landed is not None:
                yield branch.landed
            waiting += [
                child for part, child in branch.children.items() if branch.done or part[0] != "#"
            ]

    def prune(self, generation: int) -> None:
        """Take away what an earlier process left and this one has not confirmed."""
        if self.landed is not None and self.landed.generation < generation:
            self.landed = None
        for part, child in list(self.children.items()):
            child.prune(generation)
            if not child.children and child.landed is None:
                del self.children[part]


class Fold:
    """The context of one run, as far as its facts have come."""

    def __init__(self) -> None:
        self.run = ""
        self.declared: Mapping[str, Declared] = {}
        self.ranks: Mapping[str, int] = {}  # of the nodes' paths, in an order of the graph
        self.adopted: Mapping[
            str, str
        ] = {}  # stages that are not run, with the runs that left them
        self.outside: list[Landed] = []
        self._generation = 1
        self._count = 0
        self._adopted = 0
        self._root = _Branch()
        self._running: dict[str, NodeStarted] = {}
        self._adders: dict[str, list[Landed]] = {}
        # Of the calls that added something: key and order of what was computed there last.
        self._computed: dict[str, tuple[str, int]] = {}

    def add(self, fact: Fact) -> None:
        """Take the next fact of the run."""
        match fact:
            case NodeStarted(kind=kind, place=place) if is_call(kind):
                if (
                    fact.origin != self.run
                ):  # else it is there already, and is about to be confirmed
                    self._drop(place)
                self._running[place] = fact
            case NodeStarted(kind=kind, place=place) if repetition(kind) == "loop":
                if branch := self._find(place):
                    branch.done = False
            case NodeSucceeded():
                self._succeeded(fact)
            case NodeFailed(place=place) | NodeSkipped(place=place):
                self._running.pop(place, None)
                self._drop(place)
            case NodeStopped(place=place):
                self._running.pop(place, None)
            case Retrying(place=place):
                self._drop(place)
            case Iterated():
                self._iterated(fact)
            case ContextAdded():
                self.outside.append(self._landed(fact))
            case RunStarted():
                self.run, self._generation = fact.run, fact.generation
                self._begin(fact.provenance.get("context"))
                self._running.clear()  # of a process that is gone
            case RunEnded(status="succeeded") if self._generation > 1:
                self._root.prune(self._generation)
            case _:
                pass

    def adopt(self, landed: Iterable[Landed]) -> None:
        """Take over what counts of a stage in the run that left it; it comes before all else."""
        for work in landed:
            branch = self._root
            for part in parts(work.place):
                branch = branch.children.setdefault(part, _Branch())
                branch.done = True
            self._adopted += 1
            branch.landed = replace(work, order=self._adopted - BEFORE, generation=BEFORE)

    def follow(self, earlier: Fold) -> None:
        """Go on in the order of what earlier processes of the run did, of which only that counts
        which came from outside."""
        self.outside, self._count = earlier.outside, earlier._count
        self._computed = earlier._computed

    def under(self, place: str = "") -> Iterator[Landed]:
        """Yield what counts of a place and of all that is in it; "" is the whole run."""
        branch = self._find(place)
        return iter(()) if branch is None else branch.walk()

    def adders(self, key: str) -> list[Landed]:
        """The calls that added a key, of those that count at their own place."""
        adders = [work for work in self._adders.get(key, ()) if self._is_there(work)]
        if adders:
            self._adders[key] = adders
        return list(adders)

    def _begin(self, said: Any) -> None:
        """Take over the declarations and the order that the run recorded of its pipeline, if it
        did.
        """
        if isinstance(said, Mapping):
            declared = said.get("declared", {})
            self.declared = {
                str(name): Declared(**declaration) for name, declaration in declared.items()
            }
            self.ranks = {path: rank for rank, path in enumerate(said.get("order", ()))}
            self.adopted = said.get("left", {})

    def _succeeded(self, fact: NodeSucceeded) -> None:
        start = self._running.pop(fact.place, None)
        if start is not None or fact.made is not None:
            self._land(fact, start)
        elif branch := self._find(fact.place):
            branch.done = True
            if self._generation > 1:
                branch.prune(self._generation)

    def _land(self, fact: NodeSucceeded, start: NodeStarted | None) -> None:
        branch = self._root
        for part in parts(fact.place):
            branch = branch.children.setdefault(part, _Branch())
        branch.landed = landed = self._in_order(self._landed(fact, start))
        for added in fact.made.added if fact.made is not None else ():
            if added.key:
                self._adders.setdefault(added.key, []).append(landed)

    def _landed(
        self, fact: NodeSucceeded | ContextAdded, start: NodeStarted | None = None
    ) -> Landed:
        self._count += 1
        return Landed(self._count, self.run, self._generation, fact, start)

    def _in_order(self, landed: Landed) -> Landed:
        """The same, with the order that it had when it was computed, if that was in this run."""
        made = landed.end.made if isinstance(landed.end, NodeSucceeded) else None
        if made is None or not made.added:
            return landed
        key, order = self._computed.get(landed.place, ("", 0))
        if made.origin == self.run and made.key == key:
            return replace(landed, order=order)
        self._computed[landed.place] = (made.key, landed.order)
        return landed

    def _iterated(self, fact: Iterated) -> None:
        """Only the iteration that is kept can still count, and the next ones."""
        if branch := self._find(fact.place):
            kept = f"#{fact.kept}"
            for part in [name for name in branch.children if name[0] == "#" and name != kept]:
                del branch.children[part]

    def _is_there(self, landed: Landed) -> bool:
        branch = self._find(landed.place)
        return branch is not None and branch.landed is landed

    def _find(self, place: str) -> _Branch | None:
        branch: _Branch | None = self._root
        for part in parts(place) if place else ():
            branch = branch.children.get(part) if branch is not None else None
        return branch

    def _drop(self, place: str) -> None:
        """Forget a place with all that is in it, and what is empty without it."""
        trail = [self._root]
        names = parts(place)
        for part in names:
            if part not in trail[-1].children:
                return
            trail.append(trail[-1].children[part])
        for branch, part in zip(reversed(trail[:-1]), reversed(names), strict=True):
            del branch.children[part]
            if branch.children or branch.landed is not None:
                break
