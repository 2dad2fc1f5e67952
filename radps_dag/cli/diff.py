"""`radps-dag diff`: what differs between two runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radps_dag.cli import completion
from radps_dag.cli.looking import as_json, looking, print_lines
from radps_dag.cli.options import which_workspace

if TYPE_CHECKING:
    from rich.text import Text

    from radps_dag.report.model import Change, Comparison

__all__ = ["command"]

_MOST = 12  # changes of a kind
_WIDEST = 60  # columns of what it is


@click.command("diff")
@click.argument("run1", shell_complete=completion.runs)
@click.argument("run2", shell_complete=completion.runs, default="last")
@click.option("--all", "every", is_flag=True, help="All differences, not the first of each kind.")
@click.option("--json", "as_json_", is_flag=True, help="A JSON object instead of text.")
@which_workspace
def command(
    run1: str, run2: str, every: bool, as_json_: bool, workspace: Path, store: str | None
) -> int:
    """Show what differs in RUN2, or in the last run, from RUN1: what was given to it, and what came
    of it.

    Params, code of workloads, versions, text of the pipeline, inputs; then outcome, scores,
    iterations, seconds, processor time and memory, place by place.
    """
    from radps_dag.journal.run_status import find_run
    from radps_dag.report.comparing import compare
    from radps_dag.report.folding import report_of

    with looking(workspace, store) as opened:
        before, after = (report_of(opened, find_run(opened, run)) for run in (run1, run2))
    comparison = compare(before, after)
    if as_json_:
        click.echo(as_json(_object(comparison)))
    else:
        print_lines(_lines(comparison, None if every else _MOST))
    return 0


def _object(comparison: Comparison) -> dict[str, object]:
    sections = (*comparison.causes, *comparison.effects)
    changes = {title: [asdict(change) for change in some] for title, some in sections if some}
    return {"before": comparison.before, "after": comparison.after, "differences": changes}


def _lines(comparison: Comparison, most: int | None) -> Iterator[Text]:
    from rich.text import Text

    from radps_dag.progress.look import clean

    yield Text(clean(f"{comparison.before} -> {comparison.after}"), "bold")
    sections = [(title, some) for title, some in (*comparison.causes, *comparison.effects) if some]
    if not sections:
        yield Text("nothing differs")
    for title, some in sections:
        yield Text()
        yield Text(title, "bold")
        widest = min(_WIDEST, max(len(clean(change.what)) for change in some[:most]))
        for change in some[:most]:
            yield _line(change, widest)
        if len(some) > len(some[:most]):
            yield Text(f"  and {len(some) - len(some[:most]):,} more: --all has them", "dim")


def _line(change: Change, widest: int) -> Text:
    from rich.text import Text

    from radps_dag.progress.look import clean

    text = Text(f"  {clean(change.what):{widest}}  ")
    text.append(clean(change.before), "red")
    text.append(" -> ")
    text.append(clean(change.after), "green")
    if change.count > 1:
        text.append(f"  at {change.count:,} places", "dim")
    return text
