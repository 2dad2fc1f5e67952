"""Rows of kept runs to what they stand on: products of other runs, and other runs as a whole."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from radps_dag.facts import NOT_SELECTED, NodeStarted, RunStarted
from radps_dag.journal.rows import CHANGES, Row
from radps_dag.journal.store import Head, Store
from radps_dag.reuse.stages import earlier_outputs

__all__ = ["Needs", "Parts"]

# Folders below the products of a run, by the parts of their names.
Parts = tuple[str, ...]
_END = re.compile(r"""[\s"'<>]""")


@dataclass(slots=True)
class _Reads:
    """References of one run to others: `made` are folders of calls whose record it has itself,
    `named` is all that it names, `records` the runs whose rows it reads, each with the reason."""

    last: int = 0
    made: dict[str, set[Parts]] = field(default_factory=lambda: defaultdict(set))
    named: dict[str, set[Parts]] = field(default_factory=lambda: defaultdict(set))
    records: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)  # stages of which it took earlier results


class Needs:
    """The runs of a journal with what each reads of others; every row is read once."""

    def __init__(self, store: Store, removed: Iterable[str]) -> None:
        """`removed` are runs that only have products left."""
        self._store = store
        self._ids = set(removed)
        self._heads: dict[str, Head] = {}
        self._reads: dict[str, _Reads] = {}
        self._changes: list[tuple[str, str]] | None = None

    def see(self, heads: Iterable[Head]) -> None:
        """Take note of the runs that the journal has now."""
        self._heads = {head.run: head for head in heads}
        self._ids |= self._heads.keys()
        self._changes = None

    def settle(self, wanted: Iterable[str]) -> dict[str, str]:
        """Find those of the wanted runs that cannot go, and why. Raises Damaged for a run that
        stays: what it reads is not known."""
        gone = set(wanted)
        stay: dict[str, str] = {}
        while more := {run: why for run, why in self._held(gone).items() if run in gone}:
            stay |= more
            gone -= more.keys()
        return stay

    def pieces(self, gone: AbstractSet[str]) -> Mapping[str, AbstractSet[Parts]]:
        """The folders of removed runs that those which stay read."""
        pieces: dict[str, set[Parts]] = defaultdict(set)
        for run in self._heads.keys() - gone:
            reads = self._of(run)
            for other in (reads.made, reads.named):
                for id, folders in other.items():
                    pieces[id] |= folders
        return pieces

    def _held(self, gone: AbstractSet[str]) -> dict[str, str]:
        held: dict[str, str] = {}
        pieces = self.pieces(gone)
        covered: dict[str, set[Parts]] = defaultdict(set)
        kept = [self._of(run) for run in self._heads if run not in gone]
        for reads in kept:
            for id, folders in reads.made.items():
                covered[id] |= folders
        for run in self._heads:
            if run in gone:
                continue
            reads = self._of(run)
            held |= {id: f"run {run} {why}" for id, why in reads.records.items()}
            for id, folders in reads.named.items():
                if id in gone and not all(_below(parts, covered[id]) for parts in folders):
                    held[id] = f"run {run} reads its products"
        for run, address in self._changed():
            if run in gone and run not in held and self._survives(address, gone, pieces):
                held[run] = f"it changed in place what stays: {address}"
        return held

    def _changed(self) -> list[tuple[str, str]]:
        if self._changes is None:
            rows = self._store.with_key(CHANGES, 10**6, lambda error: None)
            facts = [(row.run, self._store.fact(row)) for row in rows]
            self._changes = [
                (run, address)
                for run, fact in facts
                if isinstance(fact, NodeStarted)
                for address in fact.changes
            ]
        return self._changes

    def _survives(
        self, address: str, gone: AbstractSet[str], pieces: Mapping[str, AbstractSet[Parts]]
    ) -> bool:
        for id, parts in _mentions(address, self._ids):
            if id not in self._heads or id in gone:
                return any(_overlap(parts, folder) for folder in pieces.get(id, ()))
        return True

    def _of(self, run: str) -> _Reads:
        """Read what a run says, up to its last row. Raises Damaged."""
        reads = self._reads.setdefault(run, _Reads())
        head = self._heads[run]
        if reads.last < head.last:
            others = self._ids - {run}
            for row in self._store.rows(run, reads.last):
                self._take(reads, row, others)
            reads.last = head.last
            if reads.missing:
                outputs = earlier_outputs(self._store, head.pipeline, reads.missing, _ignore)
                for stage, result in outputs.items():
                    if result.run != run:
                        reads.records[result.run] = f"takes stage {stage} from it"
        return reads

    def _take(self, reads: _Reads, row: Row, others: AbstractSet[str]) -> None:
        if row.kind == "node_skipped" and NOT_SELECTED in row.payload:
            reads.missing.add(row.place)
        if row.kind == "run_started":
            fact = self._store.fact(row)
            assert isinstance(fact, RunStarted)
            adopted = fact.provenance.get("context", {}).get("left", {})
            for stage, id in adopted.items():
                reads.records[id] = f"has the context of stage {stage} from it"
        if others.isdisjoint(row.payload.split("/")):
            return
        told = json.loads(row.payload)
        made = told.get("made") or {}
        for id, parts in _mentions(str(made.get("workdir", "")), others):
            reads.made[id].add(parts)
        for text in _texts(told):
            for id, parts in _mentions(text, others):
                reads.named[id].add(parts)


def _ignore(error: object) -> None:
    """A damaged run lends no stage to anybody."""


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a value, names of members too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _mentions(text: str, ids: AbstractSet[str]) -> Iterator[tuple[str, Parts]]:
    """Yield what a text names of the folders of runs.

    >>> list(_mentions("see file:///w/runs/one/products/a%5B1/x.fits and more", {"one"}))
    [('one', ('a[1', 'x.fits'))]
    """
    parts = text.split("/")
    if ids.isdisjoint(parts):
        return
    for number, part in enumerate(parts[:-1]):
        if part in ids:
            rest = _END.split("/".join(parts[number + 1 :]), maxsplit=1)[0]
            named = tuple(unquote(name) for name in rest.split("/") if name)
            yield part, named[1:] if named[:1] == ("products",) else named


def _below(parts: Parts, folders: AbstractSet[Parts]) -> bool:
    return any(parts[:count] in folders for count in range(len(parts) + 1))


def _overlap(parts: Parts, folder: Parts) -> bool:
    shorter = min(len(parts), len(folder))
    return parts[:shorter] == folder[:shorter]
