"""Snapshot of a context, as frozen values that go through JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

__all__ = [
    "NOTHING",
    "Declared",
    "Entry",
    "Lineage",
    "Record",
    "Snapshot",
    "Wanted",
    "answer",
    "changed",
]


@dataclass(frozen=True, slots=True)
class Lineage:
    """Origin of a product or value: the workload, the digest of its code, the products it was
    given.
    """

    workload: str = ""
    source: str = ""
    inputs: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of the value under a key. `by` is who added it from outside, "" for a call."""

    key: str
    value: Any
    version: int
    place: str
    run: str
    time: float
    by: str = ""
    lineage: Lineage = Lineage()


@dataclass(frozen=True, slots=True)
class Record:
    """A product with its origin. `withdrawn` is the reason not to use it any more, or None."""

    product: Mapping[str, Any]
    place: str
    run: str
    time: float
    lineage: Lineage = Lineage()
    withdrawn: str | None = None


@dataclass(frozen=True, slots=True)
class Declared:
    """Declaration of a key in the pipeline: a JSON Schema, and whether several nodes may add to
    it.
    """

    schema: Mapping[str, Any]
    collection: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Selection of products; what is not given may be anything."""

    kind: str | None = None
    group: str | None = None
    version: str | None = None
    selection: Mapping[str, Any] = field(default_factory=dict)
    include_withdrawn: bool = False

    def fits(self, record: Record) -> bool:
        """Whether a record is among those that are asked for."""
        product = record.product
        if record.withdrawn is not None and not self.include_withdrawn:
            return False
        for name in ("kind", "group", "version"):
            wanted = getattr(self, name)
            if wanted is not None and product.get(name) != wanted:
                return False
        part = product.get("selection") or {}
        return all(_selects(part, name, value) for name, value in self.selection.items())

    def __str__(self) -> str:
        said = {name: value for name, value in asdict(self).items() if value}
        return json.dumps(said, sort_keys=True, separators=(",", ":"))


def _selects(part: Mapping[str, Any], name: str, value: Any) -> bool:
    """Whether a selection has that member: `spw: 3`, or among others in `spw: [..]`, `spws: [..]`.

    >>> _selects({"spws": [1, 3]}, "spw", 3), _selects({"field": "3C286"}, "spw", 3)
    (True, False)
    """
    return any(
        member == value or (isinstance(member, list) and value in member)
        for member in (part.get(name), part.get(f"{name}s"))
        if member is not None
    )


@dataclass(frozen=True)
class Snapshot:
    """The context at one moment: entries by version, products in the order in which they depend
    on each other, and what the pipeline declares."""

    entries: tuple[Entry, ...] = ()
    records: tuple[Record, ...] = ()
    declared: Mapping[str, Declared] = field(default_factory=dict)

    @cached_property
    def by_key(self) -> Mapping[str, tuple[Entry, ...]]:
        """The versions of each key, in the order of the first ones."""
        by_key: dict[str, list[Entry]] = {}
        for entry in self.entries:
            by_key.setdefault(entry.key, []).append(entry)
        return {key: tuple(entries) for key, entries in by_key.items()}

    @cached_property
    def uris(self) -> frozenset[str]:
        """The addresses of the products."""
        return frozenset(str(record.product["uri"]) for record in self.records)

    def is_collection(self, key: str) -> bool:
        """Whether the key is declared as a collection."""
        return key in self.declared and self.declared[key].collection

    def value(self, key: str) -> Any:
        """The last version's value; of a collection, the list of all. Raises KeyError."""
        entries = self.by_key.get(key)
        if self.is_collection(key):
            return [entry.value for entry in entries or ()]
        if entries is None:
            raise KeyError(key)
        return entries[-1].value

    @property
    def keys(self) -> list[str]:
        """The keys that have a value; a declared collection has one from the beginning."""
        empty = [key for key in self.declared if self.is_collection(key)]
        return list(dict.fromkeys([*self.by_key, *empty]))

    def select(self, wanted: Wanted) -> tuple[Record, ...]:
        """The products that fit, in their order."""
        candidates: Iterable[int] = range(len(self.records))
        for member in wanted.selection.items():
            if isinstance(member[1], str | int | float | None):
                # The instances of a fan-out each ask for their own among the products of all.
                candidates = self._by_member.get(member, ())
                break
        records = (self.records[number] for number in candidates)
        return tuple(record for record in records if wanted.fits(record))

    @cached_property
    def _by_member(self) -> Mapping[tuple[str, Any], list[int]]:
        """The numbers of the products by what their selections hold; `spws: [1]` holds `spw` 1."""
        numbers: dict[tuple[str, Any], list[int]] = {}
        for number, record in enumerate(self.records):
            members: dict[tuple[str, Any], None] = {}
            for name, value in (record.product.get("selection") or {}).items():
                for item in value if isinstance(value, list) else [value]:
                    if isinstance(item, str | int | float | None):
                        members[name, item] = members[name.removesuffix("s"), item] = None
            for member in members:
                numbers.setdefault(member, []).append(number)
        return numbers

    @cached_property
    def text(self) -> str:
        """All of it as strict JSON."""
        return json.dumps(asdict(self), allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Snapshot:
        """Snapshot from its JSON text."""
        document = json.loads(text)
        return cls(
            entries=tuple(_with_lineage(Entry, entry) for entry in document["entries"]),
            records=tuple(_with_lineage(Record, record) for record in document["records"]),
            declared={
                name: Declared(**declaration) for name, declaration in document["declared"].items()
            },
        )


NOTHING = Snapshot()


def _with_lineage(kind: type[Any], members: Mapping[str, Any]) -> Any:
    lineage = members["lineage"]
    return kind(
        **{**members, "lineage": Lineage(**{**lineage, "inputs": tuple(lineage["inputs"])})}
    )


def answer(snapshot: Snapshot, query: str) -> Any:
    """Answer a recorded query from a snapshot, as JSON: `key x`, `products {...}`.

    Times are left out: the same answer of another run is the same.
    """
    what, _, rest = query.partition(" ")
    match what:
        case "key":
            return [snapshot.value(rest)] if rest in snapshot.keys else []
        case "has":
            return rest in snapshot.keys
        case "declared":
            return rest in snapshot.declared
        case "versions":
            return [[entry.value, entry.place, entry.by] for entry in snapshot.by_key.get(rest, ())]
        case "products":
            records = snapshot.select(Wanted(**json.loads(rest)))
            return [[record.product, record.withdrawn] for record in records]
        case _:
            return sorted(snapshot.keys)


def changed(query: str) -> str:
    """Say that a query would get another answer now."""
    what, _, rest = query.partition(" ")
    match what:
        case "key" | "has" | "versions":
            return f"context key {rest!r} changed"
        case "declared":
            return f"whether context key {rest!r} is declared changed"
        case "products":
            wanted = Wanted(**json.loads(rest))
            said = [wanted.kind, wanted.group, wanted.version]
            said += [f"{name}={value}" for name, value in wanted.selection.items()]
            which = ", ".join(word for word in said if word)
            return f"the context's products changed{f' ({which})' if which else ''}"
        case _:
            return "the keys of the context changed"
