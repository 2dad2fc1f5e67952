"""Output of `radps-dag context`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from radps_dag.progress.look import console_on

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from radps_dag.context.export import Difference
    from radps_dag.workloads.contract.knowledge import Entry, Record, Snapshot

__all__ = ["show_differences", "show_json", "show_key", "show_keys", "show_products"]


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def show_keys(run: str, snapshot: Snapshot, at: str) -> None:
    """A line for each key, and how many products there are of each kind."""
    console = _console()
    where = f" when {_safe(at)} started" if at else ""
    if not snapshot.keys and not snapshot.records:
        console.print(f"{_safe(run)}: nothing is known{where}", highlight=False)
        return
    console.print(f"[bold]{_safe(run)}[/]{where}", highlight=False)
    if snapshot.keys:
        table = _table("key", "value", "version", "from")
        for key in sorted(snapshot.keys):
            versions = snapshot.by_key.get(key, ())
            _row(
                table, key, _brief(snapshot.value(key)), str(len(versions)), _makers(snapshot, key)
            )
        console.print(table)
    if snapshot.records:
        console.print(_kinds(snapshot))
    console.print(
        "[dim]`radps-dag context RUN KEY` shows a key's versions, `--products` the products[/]",
        highlight=False,
    )


def _makers(snapshot: Snapshot, key: str) -> str:
    entries = snapshot.by_key.get(key, ())
    if not entries:
        return "nobody yet"
    if snapshot.is_collection(key) and len(entries) > 1:
        return f"{_who(entries[0])} and {len(entries) - 1} more"
    return _who(entries[-1])


def _who(entry: Entry) -> str:
    return entry.place or f"{entry.by}, from outside"


def _kinds(snapshot: Snapshot) -> Table:
    table = _table("products", "", "withdrawn", "from")
    kinds: dict[str, list[Record]] = {}
    for record in snapshot.records:
        kinds.setdefault(str(record.product["kind"]), []).append(record)
    for kind, records in sorted(kinds.items()):
        gone = sum(record.withdrawn is not None for record in records)
        more = f" and {len(records) - 1} more" if len(records) > 1 else ""
        _row(table, kind, str(len(records)), str(gone or ""), f"{records[0].place}{more}")
    return table


def show_key(run: str, snapshot: Snapshot, key: str, as_json: bool) -> None:
    """One key: what is declared of it, and each version with its value and origin."""
    entries = snapshot.by_key.get(key, ())
    if as_json:
        versions = [asdict(entry) for entry in entries]
        show_json({"run": run, "key": key, "value": snapshot.value(key), "versions": versions})
        return
    console = _console()
    declared = snapshot.declared.get(key)
    said = "not declared"
    if declared is not None:
        said = "a collection" if declared.collection else "declared"
        said += f": {declared.description}" if declared.description else ""
    console.print(f"[bold]{_safe(key)}[/] in {_safe(run)}, {_safe(said)}", highlight=False)
    for entry in entries:
        console.print(f"\n[bold]{entry.version}[/]  {_origin(entry)}", highlight=False)
        for name, text in _lineage(entry):
            console.print(f"   [dim]{name}[/] {_safe(text)}", highlight=False)
        text = json.dumps(entry.value, indent=2, ensure_ascii=False)
        for line in text.splitlines():
            console.print(f"   {_safe(line)}", highlight=False, soft_wrap=True)


def _origin(entry: Entry) -> str:
    return f"{_safe(_who(entry))}  [dim]{_when(entry.time)}, run {_safe(entry.run)}[/]"


def _lineage(entry: Entry) -> list[tuple[str, str]]:
    lineage = entry.lineage
    sources = []
    if lineage.workload:
        code = f" (code {lineage.source})" if lineage.source else ""
        sources.append(("by", f"{lineage.workload}{code}"))
    sources += [("of", str(product["uri"])) for product in lineage.inputs]
    return sources


def show_products(run: str, records: Sequence[Record], as_json: bool) -> None:
    """A line for each product with its path, or three in a narrow terminal; below those withdrawn
    the reason."""
    from rich.text import Text

    from radps_dag.cli.looking import print_lines, room
    from radps_dag.progress.look import clean

    if as_json:
        show_json({"run": run, "products": [asdict(record) for record in records]})
        return
    if not records:
        print_lines([Text(f"{clean(run)}: no such product")])
        return
    rows = [_PRODUCT, *([clean(cell) for cell in _product_cells(record)] for record in records)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    # What it is, and then where it is from and where it is: that is never cut, so that it can be
    # copied.
    columns = len(widths) if sum(widths) + 2 * len(widths) <= room() else len(widths) - 2
    lines = [Text(clean(run), "bold")]
    for row, record in zip(rows, (None, *records), strict=True):
        cells = zip(row[:columns], widths, strict=False)
        line = "  ".join(f"{cell:{width}}" for cell, width in cells).rstrip()
        lines.append(Text(line, "bold" if record is None else ""))
        lines += [Text(f"  {cell}") for cell in row[columns:] if record is not None]
        if record is not None and record.withdrawn is not None:
            lines.append(Text(f"  withdrawn: {clean(record.withdrawn)}", "dim"))
    print_lines(lines)


_PRODUCT = ("kind", "group", "selection", "version", "from", "path")


def _product_cells(record: Record) -> tuple[str, ...]:
    from radps_dag.cli.looking import address
    from radps_dag.context.export import selected

    product = record.product
    return (
        str(product["kind"]),
        str(product.get("group", "")),
        selected(record),
        str(product.get("version", "")),
        record.place,
        address(str(product["uri"])),
    )


def show_differences(run: str, other: str, different: Sequence[Difference], as_json: bool) -> None:
    """Print the differences of two contexts side by side."""
    if as_json:
        show_json({"run": run, "other": other, "differences": [asdict(item) for item in different]})
        return
    console = _console()
    if not different:
        console.print(f"{_safe(run)} and {_safe(other)} know the same", highlight=False)
        return
    table = _table("", _safe(run), _safe(other))
    for item in different:
        _row(table, item.what, *("-" if v is None else _brief(v) for v in (item.one, item.other)))
    console.print(table)


def _console() -> Console:
    # Where nobody looks, such as in a pipe, nothing is cut off.
    return console_on(sys.stdout, width=None if sys.stdout.isatty() else 10_000)


def _table(*headings: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for heading in headings:
        right = heading in ("version", "withdrawn") and len(headings) == 4
        table.add_column(heading, justify="right" if right else "left", overflow="fold")
    return table


def _row(table: Table, *cells: str) -> None:
    """A row of texts, not of markup: a place may hold brackets."""
    from rich.text import Text

    table.add_row(*map(Text, cells))


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _brief(value: Any) -> str:
    """A value on one line."""
    match value:
        case dict():
            text = json.dumps(value, ensure_ascii=False)
            return text if len(text) <= 60 else "{" + _list(list(value)) + "}"
        case list():
            text = json.dumps(value, ensure_ascii=False)
            return (
                text
                if len(text) <= 60
                else f"{len(value)} {'item' if len(value) == 1 else 'items'}"
            )
        case str():
            return value if len(value) <= 60 else value[:57] + "..."
        case _:
            return json.dumps(value)


def _list(names: Sequence[str]) -> str:
    text = ", ".join(names)
    return text if len(text) <= 58 else text[:55] + "..."


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
