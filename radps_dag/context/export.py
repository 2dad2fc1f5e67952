"""A context as plain JSON for programs, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from radps_dag.facts import strict_json
from radps_dag.workloads.contract.knowledge import Record, Snapshot

__all__ = ["Difference", "as_json", "described", "differences", "selected"]


def as_json(snapshot: Snapshot, run: str, at: str = "") -> dict[str, Any]:
    """All that a run knows: each key with its value and versions, each product with its origin."""
    keys: dict[str, Any] = {}
    for key in sorted(snapshot.keys):
        declared = snapshot.declared.get(key)
        keys[key] = {
            "value": snapshot.value(key),
            "collection": snapshot.is_collection(key),
            "description": declared.description if declared is not None else "",
            "schema": dict(declared.schema) if declared is not None else None,
            "versions": [_without_key(asdict(entry)) for entry in snapshot.by_key.get(key, ())],
        }
    return {
        "run": run,
        "at": at or None,
        "keys": keys,
        "products": [asdict(record) for record in snapshot.records],
    }


def _without_key(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != "key"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A key or product that is not the same in two contexts; None where it is not there."""

    what: str  # "key flux", "product caltable spw=1 of solve"
    one: Any
    other: Any


def differences(one: Snapshot, other: Snapshot) -> Iterator[Difference]:
    """Compare two snapshots: yield values that differ, and products that only one has or that have
    another version.
    """
    for key in sorted({*one.keys, *other.keys}):
        values = [side.value(key) if key in side.keys else None for side in (one, other)]
        if strict_json(values[0]) != strict_json(values[1]):
            yield Difference(f"key {key}", *values)
    ours, theirs = _by_name(one), _by_name(other)
    for name in dict.fromkeys([*ours, *theirs]):
        states = [_state(side.get(name)) for side in (ours, theirs)]
        if states[0] != states[1]:
            yield Difference(f"product {name}", *states)


def _by_name(snapshot: Snapshot) -> dict[str, Record]:
    """Products by what they are and who made them: addresses are different in each run."""
    products: dict[str, Record] = {}
    for record in snapshot.records:
        name = f"{described(record)} of {record.place}"
        number = 2
        unique = name
        while unique in products:
            unique, number = f"{name} ({number})", number + 1
        products[unique] = record
    return products


def _state(record: Record | None) -> str | None:
    if record is None:
        return None
    version = str(record.product.get("version") or "there")
    return f"{version}, withdrawn: {record.withdrawn}" if record.withdrawn is not None else version


def described(record: Record) -> str:
    """A product in a few words: `caltable bandpass spw=1`."""
    product = record.product
    return " ".join(
        word for word in (str(product["kind"]), product.get("group", ""), selected(record)) if word
    )


def selected(record: Record) -> str:
    """Its selection in a few words: `field=3C286 spw=1`."""
    selection = record.product.get("selection") or {}
    return " ".join(
        f"{name}={value if isinstance(value, str) else strict_json(value)}"
        for name, value in selection.items()
    )
