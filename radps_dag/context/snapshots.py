"""Snapshots of a context: the versions of each key, and the products with what made them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from radps_dag.context.fold import Fold, Landed
from radps_dag.facts import ContextAdded, NodeSucceeded, strict_json
from radps_dag.facts.places import natural, parts
from radps_dag.workloads.contract.knowledge import Declared, Entry, Lineage, Record, Snapshot
from radps_dag.workloads.contract.products import products_in

__all__ = ["snapshot_of"]


def snapshot_of(fold: Fold, landed: Iterable[Landed] | None = None) -> Snapshot:
    """The context that those make who landed; all of a run, where nobody is said."""
    chosen = [*fold.under(), *fold.outside] if landed is None else landed
    arrived = sorted(chosen, key=lambda work: work.order)
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

    def order(work: Landed) -> Any:
        if isinstance(work.end, ContextAdded):
            return (1, (), work.order)
        key, path = [], ""
        for part in parts(work.place):
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
    entries: dict[str, list[tuple[Landed, Any]]] = {}
    for work in arrived:
        added = (work.end.added,) if isinstance(work.end, ContextAdded) else _added(work.end)
        for item in added:
            if item.key:
                entries.setdefault(item.key, []).append((work, item.value))
    for key in sorted(entries):
        versions = entries[key]
        if key in declared and declared[key].collection:
            versions.sort(key=lambda version: placed(version[0]))
        for number, (work, value) in enumerate(versions, start=1):
            yield Entry(
                key=key,
                value=value,
                version=number,
                place=work.place,
                run=_origin(work),
                time=work.end.time,
                by=work.end.by if isinstance(work.end, ContextAdded) else "",
                lineage=_lineage(work),
            )


def _records(ordered: Iterable[Landed], withdrawn: Mapping[str, str]) -> Iterator[Record]:
    """The products that calls made, each once: what a call was given it has not made."""
    seen: set[str] = set()
    for work in ordered:
        if isinstance(work.end, ContextAdded):
            continue
        made = {strict_json(product): product for product in products_in(work.end.outputs)}
        if not made:
            continue
        lineage = _lineage(work)
        # A result that is used again hands through what the earlier call was given: the same
        # product, at another address.
        again = _origin(work) != work.run
        given = {_name(product, again) for product in lineage.inputs}
        for text, product in made.items():
            if _name(product, again) in given or text in seen:
                continue
            seen.add(text)
            reason = withdrawn.get(str(product["uri"]))
            yield Record(product, work.place, _origin(work), work.end.time, lineage, reason)


def _name(product: Mapping[str, Any], anywhere: bool) -> str:
    """Identify a product among others; with `anywhere`, regardless of the directory that holds
    it.
    """
    if anywhere:
        product = {**product, "uri": str(product["uri"]).rpartition("/")[2], "stands_on": None}
    return strict_json(product)


def _withdrawn(arrived: Iterable[Landed]) -> dict[str, str]:
    """The reasons by URI."""
    return {
        added.withdrawn: added.reason
        for work in arrived
        for added in ((work.end.added,) if isinstance(work.end, ContextAdded) else _added(work.end))
        if added.withdrawn
    }


def _added(end: NodeSucceeded) -> tuple[Any, ...]:
    return end.made.added if end.made is not None else ()


def _origin(work: Landed) -> str:
    """The run that made it: this one, or the one whose result was used again."""
    made = work.end.made if isinstance(work.end, NodeSucceeded) else None
    return made.origin if made is not None and made.origin else work.run


def _lineage(work: Landed) -> Lineage:
    start = work.start
    if start is None:
        return Lineage()
    return Lineage(start.workload, start.source, tuple(products_in(start.inputs)))
