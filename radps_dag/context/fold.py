"""Facts to the context: what calls added that succeeded in the end, and what was added outside.

A tree of places holds what landed. What fails, is rolled back or is not kept takes everything
under its place along, so a fact costs as many steps as its place has parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
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
    strict_json,
)
from radps_dag.places import natural, parts
from radps_dag.workloads.knowledge import Declared, Entry, Lineage, Record, Snapshot

__all__ = ["Fold", "Landed", "products_in", "snapshot_of"]


BEFORE = 10**12  # more than a run has facts


@dataclass(frozen=True, slots=True, eq=False)
class Landed:
    """A call that succeeded, or an addition from outside; `order` counts them in a run."""

    order: int
    run: str
    generation: int
    end: NodeSucceeded | ContextAdded
    start: NodeStarted | None = None

    @property
    def place(self) -> str:
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
        """What can be seen of it from outside."""
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
        self.left: Mapping[str, str] = {}  # stages that are not run, with the runs that left them
        self.outside: list[Landed] = []
        self._generation = 1
        self._count = 0
        self._adopted = 0
        self._root = _Branch()
        self._running: dict[str, NodeStarted] = {}
        self._adders: dict[str, list[Landed]] = {}

    def add(self, fact: Fact) -> None:
        match fact:
            case NodeStarted(kind="task", place=place):
                self._drop(place)
                self._running[place] = fact
            case NodeStarted(kind="loop", place=place):
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
        for one in landed:
            branch = self._root
            for part in parts(one.place):
                branch = branch.children.setdefault(part, _Branch())
                branch.done = True
            self._adopted += 1
            branch.landed = replace(one, order=self._adopted - BEFORE, generation=BEFORE)

    def under(self, place: str = "") -> Iterator[Landed]:
        """What counts of a place and all that is in it; "" is the whole run."""
        branch = self._find(place)
        return iter(()) if branch is None else branch.walk()

    def adders(self, key: str) -> list[Landed]:
        """The calls that added a key, of those that count at their own place."""
        found = [one for one in self._adders.get(key, ()) if self._is_there(one)]
        if found:
            self._adders[key] = found
        return list(found)

    def _begin(self, said: Any) -> None:
        """What the run has recorded of its pipeline, where it has."""
        if isinstance(said, Mapping):
            declared = said.get("declared", {})
            self.declared = {str(name): Declared(**one) for name, one in declared.items()}
            self.ranks = {path: rank for rank, path in enumerate(said.get("order", ()))}
            self.left = said.get("left", {})

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
        branch.landed = landed = self._landed(fact, start)
        for added in fact.made.added if fact.made is not None else ():
            if added.key:
                self._adders.setdefault(added.key, []).append(landed)

    def _landed(
        self, fact: NodeSucceeded | ContextAdded, start: NodeStarted | None = None
    ) -> Landed:
        self._count += 1
        return Landed(self._count, self.run, self._generation, fact, start)

    def _iterated(self, fact: Iterated) -> None:
        """Only the iteration that is kept can still count, and the next ones."""
        if branch := self._find(fact.place):
            kept = f"#{fact.kept}"
            for part in [one for one in branch.children if one[0] == "#" and one != kept]:
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


def snapshot_of(fold: Fold, landed: Iterable[Landed] | None = None) -> Snapshot:
    """The context that those make who landed; all of a run, where nobody is said."""
    chosen = [*fold.under(), *fold.outside] if landed is None else landed
    arrived = sorted(chosen, key=lambda one: one.order)
    placed = _placed(fold.ranks)
    return Snapshot(
        entries=tuple(_entries(arrived, fold.declared, placed)),
        records=tuple(
            _records(sorted(arrived, key=placed) if fold.ranks else arrived, _withdrawn(arrived))
        ),
        declared=fold.declared,
    )


Order = Callable[[Landed], Any]


def _placed(ranks: Mapping[str, int]) -> Order:
    """An order that does not depend on who was faster: that of the graph at each level, then that
    of the instances; what came from outside is at the end."""

    def order(one: Landed) -> Any:
        if isinstance(one.end, ContextAdded):
            return (1, (), one.order)
        key, path = [], ""
        for part in parts(one.place):
            if part[0] not in "[#":
                path = f"{path}/{part}" if path else part
            key.append((ranks.get(path, -1), natural(part)))
        return (0, tuple(key), 0)

    return order


def _entries(
    arrived: Iterable[Landed], declared: Mapping[str, Declared], placed: Order
) -> Iterator[Entry]:
    """The versions of each key. Those who add to one key wait for each other, so the order in
    which they came is that of the graph; those who add to a collection do not."""
    found: dict[str, list[tuple[Landed, Any]]] = {}
    for one in arrived:
        added = (one.end.added,) if isinstance(one.end, ContextAdded) else _added(one.end)
        for item in added:
            if item.key:
                found.setdefault(item.key, []).append((one, item.value))
    for key in sorted(found):
        versions = found[key]
        if key in declared and declared[key].collection:
            versions.sort(key=lambda version: placed(version[0]))
        for number, (one, value) in enumerate(versions, start=1):
            yield Entry(
                key=key,
                value=value,
                version=number,
                place=one.place,
                run=_origin(one),
                time=one.end.time,
                by=one.end.by if isinstance(one.end, ContextAdded) else "",
                lineage=_lineage(one),
            )


def _records(ordered: Iterable[Landed], withdrawn: Mapping[str, str]) -> Iterator[Record]:
    """The products that calls made, each once: what a call was given it has not made."""
    seen: set[str] = set()
    for one in ordered:
        if isinstance(one.end, ContextAdded):
            continue
        made = {strict_json(product): product for product in products_in(one.end.outputs)}
        if not made:
            continue
        lineage = _lineage(one)
        # A result that is used again hands through what the earlier call was given: the same
        # product, at another address.
        again = _origin(one) != one.run
        given = {_name(product, again) for product in lineage.inputs}
        for text, product in made.items():
            if _name(product, again) in given or text in seen:
                continue
            seen.add(text)
            reason = withdrawn.get(str(product["uri"]))
            yield Record(product, one.place, _origin(one), one.end.time, lineage, reason)


def _name(product: Mapping[str, Any], anywhere: bool) -> str:
    """What tells a product from others; `anywhere`: but for the directory in which it lies."""
    if anywhere:
        product = {**product, "uri": str(product["uri"]).rpartition("/")[2]}
    return strict_json(product)


def _withdrawn(arrived: Iterable[Landed]) -> dict[str, str]:
    """The reasons by URI."""
    return {
        added.withdrawn: added.reason
        for one in arrived
        for added in ((one.end.added,) if isinstance(one.end, ContextAdded) else _added(one.end))
        if added.withdrawn
    }


def _added(end: NodeSucceeded) -> tuple[Any, ...]:
    return end.made.added if end.made is not None else ()


def _origin(one: Landed) -> str:
    """The run that made it: this one, or the one whose result was used again."""
    made = one.end.made if isinstance(one.end, NodeSucceeded) else None
    return made.origin if made is not None and made.origin else one.run


def _lineage(one: Landed) -> Lineage:
    start = one.start
    if start is None:
        return Lineage()
    return Lineage(start.workload, start.source, tuple(products_in(start.inputs)))


def products_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """The products in a JSON value, at any depth."""
    if isinstance(value, Mapping):
        if isinstance(value.get("uri"), str) and isinstance(value.get("kind"), str):
            yield value
            return
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from products_in(item)
