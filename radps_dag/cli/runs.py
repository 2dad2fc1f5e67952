"""`radps-dag runs`: list the runs of a workspace."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radps_dag.cli.looking import Damage, as_json, looking, moment, print_lines, width_of_terminal
from radps_dag.cli.options import which_workspace

if TYPE_CHECKING:
    from rich.text import Text

    from radps_dag.views.runs import Listed

__all__ = ["command"]

_HEADS = ("run", "pipeline", "status", "started", "took", "done", "failed", "reused", "resumed")
# Left out where there is no room, in this order: the first two are in the id as well.
_SPARE = ("pipeline", "started", "resumed", "reused", "took")
_NUMBERS = frozenset({"took", "done", "failed", "reused", "resumed"})
_STYLES = {
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "interrupted": "yellow",
    "paused": "magenta",
    "cancelled": "red",
}


@click.command("runs")
@click.option(
    *("-n", "most"),
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    metavar="N",
    help="The newest N runs.",
)
@click.option("--all", "every", is_flag=True, help="All runs.")
@click.option("--json", "as_json_", is_flag=True, help="A JSON list with an object for each run.")
@click.option(
    "--migrate", is_flag=True, help="Bring a journal of an older version up to date first."
)
@which_workspace
def command(
    most: int, every: bool, as_json_: bool, migrate: bool, workspace: Path, store: str | None
) -> int:
    """List the runs of the workspace, newest first.

    Runs whose part of the journal is damaged are named, and the exit code is 1 then.

    `done`, `failed` and `reused` count calls of workloads, `resumed` how often somebody went on
    with the run; `paused` are those that ended to wait for an answer.
    """
    from radps_dag.views.runs import list_runs

    damaged = Damage()
    with looking(workspace, store, migrate=migrate) as opened:
        listed = list_runs(opened, None if every else most, damaged)
        older = 0 if every else max(0, len(opened.heads(damaged)) - most)
    if as_json_:
        click.echo(as_json([asdict(one) for one in listed]))
    elif listed:
        print_lines(_table(listed, width_of_terminal()))
        if older:
            click.echo(f"and {older:,} older: --all lists them")
    elif not damaged.runs:
        click.echo("no run is there yet; `radps-dag run FILE` makes one")
    return damaged.told()


def _table(listed: list[Listed], width: int) -> list[Text]:
    """A row for each run, and below it who drives it or why it failed."""
    from rich.text import Text

    rows = [_cells(one) for one in listed]
    widths = {
        head: max(len(head), *(len(row[head]) for row in rows))
        for head in _HEADS
        if any(row[head] for row in rows)
    }
    for head in _SPARE:
        if sum(widths.values()) + 2 * len(widths) > width:
            widths.pop(head, None)

    def line(cells: dict[str, str], status: str = "") -> Text:
        text = Text()
        for head, room in widths.items():
            style = _STYLES[status] if status and head == "status" else "" if status else "dim"
            cell = cells[head]
            text.append(f"{cell:>{room}}" if head in _NUMBERS else f"{cell:{room}}", style)
            text.append("  ")
        text.rstrip()
        return text

    lines = [line({head: head for head in _HEADS})]
    for one, cells in zip(listed, rows, strict=True):
        lines.append(line(cells, one.status))
        if more := _more(one):
            lines.append(Text(f"  {more}", "dim", no_wrap=True))
            lines[-1].truncate(max(width - 1, 40), overflow="ellipsis")
    return lines


def _cells(one: Listed) -> dict[str, str]:
    from radps_dag.progress.look import clean, duration

    return {
        "run": clean(one.run),
        "pipeline": clean(one.pipeline),
        "status": one.status,
        "started": moment(one.started or one.created),
        "took": duration(one.seconds),
        "done": f"{one.done:,}",
        "failed": f"{one.failed:,}" if one.failed else "",
        "reused": f"{one.reused:,}" if one.reused else "",
        "resumed": f"{one.resumed:,}" if one.resumed else "",
    }


def _more(one: Listed) -> str:
    from radps_dag.progress.look import clean

    asks = ""
    if one.questions:
        many = f"{one.questions} questions wait" if one.questions > 1 else "a question waits"
        asks = f"{many}: radps-dag questions {clean(one.run)}"
    if one.driver:
        return "; ".join(filter(None, (asks, f"driven by {clean(one.driver)}")))
    if one.status in ("interrupted", "paused"):
        resume = f"go on with it: radps-dag resume {clean(one.run)}"
        return "; ".join(filter(None, (asks, resume)))
    return clean(one.cause)
