"""The context as a workload, a notebook or a script sees it: one interface to what a run knows."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from radps_dag.language.shape import not_json
from radps_dag.language.shape.violations import violation
from radps_dag.problem import UsageError, did_you_mean, there_are
from radps_dag.workloads.contract.description import Product

if TYPE_CHECKING:
    # What a context is made of takes as long to import as all of this; `validate` needs its name.
    from radps_dag.facts import Added
    from radps_dag.workloads.contract.knowledge import Entry, Record, Snapshot
    from radps_dag.workloads.contract.matching import Matches

__all__ = ["Context", "UnknownKey", "addition", "withdrawal"]

# Dots divide the names of those who need not know of each other: `alma.antenna_pads`.
_KEY = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


class UnknownKey(UsageError, KeyError):
    """The context has no such key."""

    # Not KeyError's, which shows the text in quotes.
    __str__ = Exception.__str__


class Context(Mapping[str, Any]):
    """The context of a run: a snapshot to read, and the additions to it.

    A mapping of keys to values, as of the moment at which it was taken; what is added is not seen
    in it. Of a call, additions land when the call succeeds. Every value that it gives is the
    caller's own.
    """

    def __init__(self, snapshot: Snapshot | None = None, *, read_only: bool = False) -> None:
        if snapshot is None:
            from radps_dag.workloads.contract.knowledge import NOTHING

            snapshot = NOTHING
        self.snapshot = snapshot
        self.added: list[Added] = []
        self.asked: dict[str, None] = {}  # queries, in their order
        self._read_only = read_only

    def __getitem__(self, key: str) -> Any:
        self.asked[f"key {key}"] = None
        try:
            return copy.deepcopy(self.snapshot.value(key))
        except KeyError:
            keys = self.snapshot.keys
            hint = did_you_mean(str(key), keys) or (f"; {there_are(keys)}" if keys else "")
            raise UnknownKey(f"the context has no key {key!r}{hint}") from None

    def __contains__(self, key: object) -> bool:
        self.asked[f"has {key}"] = None
        return key in self.snapshot.keys

    def __iter__(self) -> Iterator[str]:
        self.asked["keys"] = None
        return iter(sorted(self.snapshot.keys))

    def __len__(self) -> int:
        self.asked["keys"] = None
        return len(self.snapshot.keys)

    def __repr__(self) -> str:
        keys, products = len(self.snapshot.keys), len(self.snapshot.records)
        return f"<Context: {keys} keys, {products} products>"

    def declares(self, key: str) -> bool:
        """Whether the pipeline declares the key: a library adds what it is asked for."""
        self.asked[f"declared {key}"] = None
        return key in self.snapshot.declared

    def versions(self, key: str) -> tuple[Entry, ...]:
        """All versions of the value under a key, the last one last: value, place, run, lineage."""
        self.asked[f"versions {key}"] = None
        if key not in self.snapshot.by_key:
            self[key]  # says what is wrong with it, if anything
        return copy.deepcopy(self.snapshot.by_key.get(key, ()))

    def products(
        self,
        kind: str | None = None,
        *,
        group: str | None = None,
        version: str | None = None,
        include_withdrawn: bool = False,
        **selection: Any,
    ) -> list[Product]:
        """The products that fit, those made from others after them: `products("caltable", spw=3)`.

        Names beside those here are members of a product's selection; `spw=3` also fits a product
        whose selection has `spws: [1, 3]`.
        """
        records = self.records(
            kind, group=group, version=version, include_withdrawn=include_withdrawn, **selection
        )
        return [dict(record.product) for record in records]  # type: ignore[misc]

    def records(
        self,
        kind: str | None = None,
        *,
        group: str | None = None,
        version: str | None = None,
        include_withdrawn: bool = False,
        **selection: Any,
    ) -> tuple[Record, ...]:
        """The same with what made each, from what, when, and whether it has been withdrawn."""
        from radps_dag.workloads.contract.knowledge import Wanted

        wanted = Wanted(kind, group, version, selection, include_withdrawn)
        try:
            self.asked[f"products {wanted}"] = None
        except (TypeError, ValueError) as error:
            raise UsageError(f"products are selected by JSON values: {error}") from error
        return copy.deepcopy(self.snapshot.select(wanted))

    def latest(self, kind: str | None = None, **selection: Any) -> Product:
        """The last of the products that fit. Raises UsageError where there is none."""
        products = self.products(kind, **selection)
        if not products:
            kinds = sorted({str(record.product["kind"]) for record in self.snapshot.records})
            wanted = " ".join(f"{name}={value!r}" for name, value in selection.items())
            what = f"product of kind {kind!r}" if kind is not None else "product"
            hint = "" if kind in kinds or kind is None else did_you_mean(kind, kinds)
            if not hint and kind not in kinds:
                hint = f"; {there_are(kinds)}" if kinds else "; there is no product yet"
            raise UsageError(
                f"the context has no {what}{f' with {wanted}' if wanted else ''}{hint}"
            )
        return products[-1]

    def add(self, key: str, value: Any) -> None:
        """Add a value: the next version under the key or, of a collection, one more item."""
        self._must_write("add_to_context(...)")
        self.added.append(addition(self.snapshot, key, value))

    def withdraw(self, product: Product | str, *, reason: str) -> None:
        """Say that a product, or the one with this URI, is not to be used any more."""
        self._must_write("withdraw_from_context(...)")
        self.added.append(withdrawal(self.snapshot, product, reason))

    def match_spws(self, datasets: Sequence[Mapping[str, Any]] | str, **how: Any) -> Matches:
        """Spectral windows of datasets, or of those described under a key, in one numbering.

        See `radps_dag.context.match_spws` for how. The table can be added: `matches.as_json()`.
        """
        from radps_dag.workloads.contract.matching import match_spws

        return match_spws(self[datasets] if isinstance(datasets, str) else datasets, **how)

    def match_fields(self, datasets: Sequence[Mapping[str, Any]] | str, **how: Any) -> Matches:
        """Fields of datasets, or of those described under a key, in one numbering."""
        from radps_dag.workloads.contract.matching import match_fields

        return match_fields(self[datasets] if isinstance(datasets, str) else datasets, **how)

    def _must_write(self, instead: str) -> None:
        if self._read_only:
            raise UsageError(f"this context is a view of a run; to change it, call {instead}")


def addition(snapshot: Snapshot, key: str, value: Any) -> Added:
    """Make the addition of a value under a key. Raises UsageError for an unfit name or value."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise UsageError(
            f"{key!r} is not a key of a context; use lower-case letters, digits and _, starting "
            "with a letter, and dots between such names"
        )
    if reason := not_json(value):
        raise UsageError(f"context key {key!r}: the value is not JSON: {reason}")
    declared = snapshot.declared.get(key)
    if declared is not None:
        schema = declared.schema.get("items", {}) if declared.collection else declared.schema
        if wrong := violation(schema, value):
            what = "an item of the collection" if declared.collection else "the value"
            raise UsageError(f"context key {key!r}: {what} is not as declared: {wrong}")
    # Of the plain types, as a worker process or a journal gives it back.
    from radps_dag.facts import Added

    return Added(key=key, value=json.loads(json.dumps(value)))


def withdrawal(snapshot: Snapshot, product: Product | str, reason: str) -> Added:
    """Make the withdrawal of a product. Raises UsageError for an unknown product or a missing
    reason.
    """
    uri = product if isinstance(product, str) else product.get("uri", "")
    uris = [str(record.product["uri"]) for record in snapshot.records]
    if uri not in uris:
        raise UsageError(f"no product {uri!r} is known{did_you_mean(uri, uris)}")
    if not isinstance(reason, str) or not reason.strip():
        raise UsageError(f"say why {uri} is withdrawn: reason='...'")
    from radps_dag.facts import Added

    return Added(withdrawn=uri, reason=reason.strip())
