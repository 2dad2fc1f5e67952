"""`radps-dag runs`: list the runs of a workspace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag.cli.looking import Damage, as_json, looking, moment, print_lines, room
from radps_dag.cli.options import which_workspace
from radps_dag.journal.workspace import CUT
from radps_dag.language.quantities import in_words

if TYPE_CHECKING:
    from rich.text import Text

    from radps_dag.views.runs import Listed

__all__ = ["command"]

_HEADS = (
    "run",
    "pipeline",
    "status",
    "started",
    "took",
    "done",
    "failed",
    "reused",
    "resumed",
    "size",
)
# Left out where there is no room, in this order: the first is in the id as well.
_SPARE = ("pipeline", "resumed", "reused", "done")
_LEAST = 22  # columns of an id: the time, and the beginning of the pipeline's name
_VALUE = 24  # characters of a param
_LINES = 3  # of what is said below a run
_NUMBERS = frozenset({"took", "done", "failed", "reused", "resumed", "size"})
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
@click.option("--sizes", is_flag=True, help="Bytes of each run's files, which takes a while.")
@click.option("--json", "as_json_", is_flag=True, help="A JSON list with an object for each run.")
@click.option(
    "--migrate", is_flag=True, help="Bring a journal of an older version up to date first."
)
@which_workspace
def command(
    most: int,
    every: bool,
    sizes: bool,
    as_json_: bool,
    migrate: bool,
    workspace: Path,
    store: str | None,
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
        if sizes:
            from radps_dag.pruning.marks import mark_of

            listed = [replace(run, size=mark_of(opened, run.run).size()) for run in listed]
        older = 0 if every else max(0, len(opened.heads(damaged)) - most)
    if as_json_:
        click.echo(as_json([asdict(run) for run in listed]))
    elif listed:
        print_lines(_table(listed, room()))
        if older:
            click.echo(f"and {older:,} older: --all lists them")
    elif not damaged.runs:
        click.echo("no run is there yet; `radps-dag run FILE` makes one")
    return damaged.told()


def _table(listed: list[Listed], width: int) -> list[Text]:
    """A row for each run, and below it who drives it or why it failed."""
    from rich.text import Text

    rows = [_cells(run) for run in listed]
    widths = {
        head: max(len(head), *(len(row[head]) for row in rows))
        for head in _HEADS
        if any(row[head] for row in rows)
    }
    for head in _SPARE:
        if _whole(widths) > width:
            widths.pop(head, None)
    too_much = max(0, _whole(widths) - width)
    widths["run"] = max(min(widths["run"], _LEAST), widths["run"] - too_much)

    def line(cells: dict[str, str], status: str = "") -> Text:
        text = Text()
        for head, columns in widths.items():
            style = _STYLES[status] if status and head == "status" else "" if status else "dim"
            cell = cells[head]
            if len(cell) > columns:  # an id, of which its beginning will do for a command
                cell = cell[: columns - 1] + CUT
            text.append(f"{cell:>{columns}}" if head in _NUMBERS else f"{cell:{columns}}", style)
            text.append("  ")
        text.rstrip()
        return text

    lines = [line({head: head for head in _HEADS})]
    for run, cells in zip(listed, rows, strict=True):
        lines.append(line(cells, run.status))
        for more in _more(run):
            lines += [Text(f"  {part}", "dim") for part in _folded(more, width - 3)]
    return lines


def _whole(widths: dict[str, int]) -> int:
    return sum(widths.values()) + 2 * (len(widths) - 1)


def _folded(text: str, width: int) -> list[str]:
    """A text in a few lines, in one if there is room."""
    import textwrap

    return textwrap.wrap(
        text, max(width, 40), max_lines=_LINES, placeholder=CUT, break_on_hyphens=False
    )


def _cells(listed: Listed) -> dict[str, str]:
    from radps_dag.progress.look import clean, duration

    return {
        "run": clean(listed.run),
        "pipeline": clean(listed.pipeline),
        "status": listed.status,
        "started": moment(listed.started or listed.created),
        "took": duration(listed.seconds),
        "done": f"{listed.done:,}",
        "failed": f"{listed.failed:,}" if listed.failed else "",
        "reused": f"{listed.reused:,}" if listed.reused else "",
        "resumed": f"{listed.resumed:,}" if listed.resumed else "",
        "size": in_words(listed.size) if listed.size is not None else "",
    }


def _more(listed: Listed) -> Iterator[str]:
    """Say who drives the run, what it waits for and how to go on, or why it failed."""
    from radps_dag.progress.look import clean

    run = clean(listed.run)
    differs = ", ".join(f"{name}={_short(value)}" for name, value in (listed.differs or {}).items())
    if listed.name or differs:
        yield clean("  ".join(filter(None, (listed.name, differs))))
    if listed.questions:
        many = f"{listed.questions} questions wait" if listed.questions > 1 else "a question waits"
        yield f"{many}: radps-dag questions {run}"
    if listed.driver:
        yield f"driven by {clean(listed.driver)}"
    elif listed.status in ("interrupted", "paused"):
        yield f"go on with it: radps-dag resume {run}"
    elif listed.cause:
        yield clean(listed.cause)


def _short(value: Any) -> str:
    """A param's value, of which a long one is cut."""
    from radps_dag.facts import strict_json

    text = value if isinstance(value, str) else strict_json(value)
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}{CUT}"
