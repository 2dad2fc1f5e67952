"""`radps-dag stats`: what the calls of a run used, by node."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radps_dag.cli.looking import as_json, looking, print_lines
from radps_dag.cli.options import which_run, which_workspace
from radps_dag.problem import UsageError, did_you_mean

if TYPE_CHECKING:
    from rich.text import Text

    from radps_dag.views.stats import NodeStats

__all__ = ["command"]

_NOTHING = "-"  # not measured


@click.command("stats")
@which_run(required=False)
@click.option(
    "--sort",
    "sort",
    metavar="COLUMN",
    help="Sort by this column of --csv, or by the sum of one such as cpu_seconds, largest first.",
)
@click.option("--json", "as_json_", is_flag=True, help="A JSON list with an object for each node.")
@click.option("--csv", "csv", is_flag=True, help="All columns as CSV; bytes and seconds.")
@which_workspace
def command(
    run: str | None,
    sort: str | None,
    as_json_: bool,
    csv: bool,
    workspace: Path,
    store: str | None,
) -> int:
    """Show what the calls of RUN, or of the last one, used, by node: seconds, processor time,
    memory and bytes, beside what its `resources` asked for.

    Every attempt counts, also one that failed. `-` is what was not measured: memory of calls in
    threads, and everything of runs from before it was.
    """
    from radps_dag.journal.run_status import find_run
    from radps_dag.views.stats import as_csv, flat, stats_of

    if as_json_ and csv:
        raise UsageError("--json and --csv exclude each other; take one")
    with looking(workspace, store) as opened:
        id = find_run(opened, run)
        nodes = _sorted(stats_of(opened, id), sort)
    if as_json_:
        click.echo(as_json([flat(node) for node in nodes]))
    elif csv:
        click.echo(as_csv(nodes), nl=False)
    elif nodes:
        print_lines(_table(nodes))
    else:
        click.echo(f"no call has begun in run {id}")
    return 0


def _sorted(nodes: list[NodeStats], sort: str | None) -> list[NodeStats]:
    from radps_dag.views.stats import COLUMNS, NodeStats, flat

    if sort is None:
        return nodes
    names = list(flat(NodeStats("", "", 0, 0, {})))
    column = f"{sort}_{'maximum' if sort == 'peak_rss' else 'sum'}" if sort in COLUMNS else sort
    if column not in names:
        hint = did_you_mean(sort, [*COLUMNS, *names]) or f"; columns are {', '.join(names)}"
        raise UsageError(f"there is no column {sort!r}{hint}")
    if isinstance(flat(nodes[0])[column] if nodes else "", str):
        return sorted(nodes, key=lambda node: str(flat(node)[column]))

    def size(node: NodeStats) -> float:
        value = flat(node)[column]
        return float("inf") if value is None else -float(value)  # not measured: last

    return sorted(nodes, key=size)


def _table(nodes: Sequence[NodeStats]) -> Iterator[Text]:
    from rich.text import Text

    rows = [_HEADS, *(_cells(node) for node in nodes)]
    widths = [max(len(row[n]) for row in rows) for n in range(len(_HEADS))]
    for number, row in enumerate(rows):
        cells = [f"{row[0]:{widths[0]}}"]
        cells += [f"{cell:>{wide}}" for cell, wide in zip(row[1:], widths[1:], strict=True)]
        yield Text("  ".join(cells), "" if number else "dim", no_wrap=True)


_HEADS = (
    "node", "count", "seconds", "max", "sum", "cpu", "max", "sum", "asked",
    "memory", "max", "asked", "read", "written",
)  # fmt: skip


def _cells(node: NodeStats) -> tuple[str, ...]:
    """The cells of a node: medians under the names of the columns; of bytes, sums."""
    from radps_dag.language.quantities import in_words
    from radps_dag.progress.look import clean, duration

    def times(name: str) -> list[str]:
        column = node.columns.get(name)
        if column is None:
            return [_NOTHING] * 3
        return [duration(value) for value in (column.median, column.maximum, column.sum)]

    def octets(name: str, part: str) -> str:
        column = node.columns.get(name)
        return _NOTHING if column is None else in_words(round(getattr(column, part)))

    return (
        clean(node.node),
        f"{node.attempts:,}",
        *times("seconds"),
        *times("cpu_seconds"),
        f"{node.cpus:g}",
        octets("peak_rss", "median"),
        octets("peak_rss", "maximum"),
        in_words(node.memory) if node.memory else _NOTHING,
        octets("rchar", "sum"),
        octets("wchar", "sum"),
    )
