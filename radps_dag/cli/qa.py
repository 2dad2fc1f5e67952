"""`radps-dag qa`: all QA scores of a run, lowest first."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radps_dag.cli.looking import as_json, looking, print_lines, width_of_terminal
from radps_dag.cli.options import which_run, which_workspace

if TYPE_CHECKING:
    from rich.text import Text

    from radps_dag.facts import Scored

__all__ = ["command"]

_HEADS = ("score", "place", "metric", "value", "applies to", "reason")
_NARROWEST = 8  # columns of the last one, or it is left out


@click.command("qa")
@which_run(required=False)
@click.option(
    "--below",
    type=click.FloatRange(0, 1.01),
    metavar="SCORE",
    help="Only scores below this, and those of broken formulas.",
)
@click.option("--json", "as_json_", is_flag=True, help="A JSON list with an object for each score.")
@which_workspace
def command(
    run: str | None, below: float | None, as_json_: bool, workspace: Path, store: str | None
) -> int:
    """List the QA scores of RUN, or of the last one, lowest first.

    A score is red up to 0.33, yellow up to 0.66, blue up to 0.90, and green above; -0.1 is that of
    a formula that broke, and n/a is not applicable. A resumed run has each score once.
    """
    from radps_dag.journal.run_status import find_run
    from radps_dag.views.qa import score_object, scores_of

    with looking(workspace, store) as opened:
        id = find_run(opened, run)
        scores = scores_of(opened, id)
    some = [
        score
        for score in scores
        if below is None or (score.score is not None and score.score < below)
    ]
    if as_json_:
        click.echo(as_json([score_object(score) for score in some]))
    elif some:
        print_lines(_table(some, width_of_terminal()))
        if len(some) < len(scores):
            click.echo(f"{len(scores) - len(some):,} more are not below {below:g}")
    else:
        what = "no score is there" if not scores else f"no score is below {below:g}"
        click.echo(f"{what}; run {id} has {len(scores):,}")
    return 0


def _table(scores: Sequence[Scored], width: int) -> list[Text]:
    from rich.text import Text

    from radps_dag.progress.look import quality_style
    from radps_dag.progress.node import Quality

    rows = [_cells(score) for score in scores]
    used = [n for n in range(len(_HEADS)) if any(row[n] for row in rows)]
    widths = [max(len(_HEADS[n]), *(len(row[n]) for row in rows)) for n in used]

    def line(cells: Sequence[str], first: str, rest: str = "") -> Text:
        text = Text(no_wrap=True)
        for place, (n, room) in enumerate(zip(used, widths, strict=True)):
            text.append(f"{cells[n]:{room}}  ", rest if place else first)
        text.rstrip()
        if sys.stdout.isatty():  # whoever searches the text wants all of it
            text.truncate(max(width - 1, sum(widths[:2]) + _NARROWEST), overflow="ellipsis")
        return text

    styles = [quality_style(Quality(score.score, score.verdict)) for score in scores]
    lines = [line(cells, style) for cells, style in zip(rows, styles, strict=True)]
    return [line(_HEADS, "dim", "dim"), *lines]


def _cells(fact: Scored) -> tuple[str, ...]:
    from radps_dag.progress.look import clean, number, quality_text, short
    from radps_dag.progress.node import Quality

    score = quality_text(Quality(fact.score, fact.verdict))
    if fact.score is None or fact.verdict == "error":
        score = "n/a" if fact.score is None else f"{fact.score:.1f} error"
    value = ""
    if fact.value is not None:
        value = number(fact.value) if isinstance(fact.value, float) else short(fact.value, 40)
        value = clean(f"{value} {fact.units}")
    named = (fact.place, fact.metric, value, fact.applies_to, fact.reason)
    return (score, *(clean(name) for name in named))
