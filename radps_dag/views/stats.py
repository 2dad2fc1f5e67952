"""Attempts of a run to what each node used: count, median, maximum, sum; and what it asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from radps_dag.facts import Usage
from radps_dag.facts.places import node_path
from radps_dag.journal.store import Store
from radps_dag.views.calls import NodeView, views

__all__ = ["COLUMNS", "Distribution", "NodeStats", "as_csv", "flat", "node_stats", "stats_of"]

_KINDS = (
    "run_started",
    "node_started",
    "node_succeeded",
    "node_failed",
    "node_stopped",
    "retrying",
)
# Names of columns, most of them as Nextflow and Snakemake have them, to the members of a usage.
COLUMNS: Mapping[str, str] = {
    "seconds": "computing",
    "waited": "waited",
    "cpu_seconds": "cpu",
    "peak_rss": "peak_rss",
    "rchar": "rchar",
    "wchar": "wchar",
    "read_bytes": "read_bytes",
    "write_bytes": "write_bytes",
}


@dataclass(frozen=True, slots=True)
class Distribution:
    """Distribution of a column over the attempts in which it was measured."""

    count: int
    median: float
    maximum: float
    sum: float


@dataclass(frozen=True, slots=True)
class NodeStats:
    """A node: its attempts, those that were measured, and the columns that were; what a call asks
    for; the hosts. Memory in bytes."""

    node: str
    workload: str
    attempts: int
    measured: int
    columns: Mapping[str, Distribution]
    cpus: float = 1.0
    memory: int | None = None
    gpus: int = 0
    hosts: tuple[str, ...] = ()
    exits: Mapping[int, int] | None = None  # attempts by the exit code of their program


def stats_of(store: Store, run: str) -> list[NodeStats]:
    """Read the statistics of a run from its journal. Raises Damaged."""
    places = views(store, run, store.rows(run, kinds=_KINDS), driven=True)
    return list(node_stats(places.values()))


def node_stats(places: Iterable[NodeView]) -> Iterator[NodeStats]:
    """The statistics of all nodes that called workloads, in the order in which they began."""
    by_node: dict[str, list[NodeView]] = {}
    for view in places:
        if view.start is not None and view.start.kind == "task" and view.attempts:
            by_node.setdefault(node_path(view.place), []).append(view)
    for node, some in by_node.items():
        attempts = [attempt for view in some for attempt in view.attempts]
        usages = [attempt.usage for attempt in attempts if attempt.usage is not None]
        start = some[-1].start
        yield _stats(node, start.workload if start else "", len(attempts), usages)


def _stats(node: str, workload: str, attempts: int, usages: list[Usage]) -> NodeStats:
    columns = {}
    for name, member in COLUMNS.items():
        values = [value for usage in usages if (value := getattr(usage, member)) is not None]
        if values:
            columns[name] = Distribution(len(values), median(values), max(values), sum(values))
    exits: dict[int, int] = {}
    for usage in usages:
        if usage.exit is not None:
            exits[usage.exit] = exits.get(usage.exit, 0) + 1
    asked = usages[-1] if usages else Usage(computing=0.0)
    hosts = tuple(sorted({usage.host for usage in usages if usage.host}))
    return NodeStats(
        node, workload, attempts, len(usages), columns, asked.cpus, asked.memory, asked.gpus,
        hosts, dict(sorted(exits.items())),
    )  # fmt: skip


def flat(stats: NodeStats) -> dict[str, Any]:
    """A row of a table: the columns as `seconds_median`, None where nothing was measured."""
    row: dict[str, Any] = {
        "node": stats.node,
        "workload": stats.workload,
        "attempts": stats.attempts,
        "measured": stats.measured,
    }
    for name in COLUMNS:
        values = asdict(stats.columns[name]) if name in stats.columns else {}
        for part in ("median", "maximum", "sum"):
            row[f"{name}_{part}"] = values.get(part)
    return {
        **row,
        "asked_cpus": stats.cpus,
        "asked_memory": stats.memory,
        "asked_gpus": stats.gpus,
        "hosts": " ".join(stats.hosts),
        "exits": " ".join(f"{code}x{count}" for code, count in (stats.exits or {}).items()),
    }


def as_csv(nodes: Sequence[NodeStats]) -> str:
    """The table as CSV, in seconds and bytes."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flat(NodeStats("", "", 0, 0, {}))), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat(node) for node in nodes)
    return text.getvalue()
