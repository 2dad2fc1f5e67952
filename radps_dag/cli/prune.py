"""`radps-dag prune`: remove runs, and what they made that no other run stands on."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag.cli import completion
from radps_dag.cli.looking import as_json, looking, moment
from radps_dag.cli.options import which_workspace
from radps_dag.language.quantities import in_words, seconds
from radps_dag.problem import UsageError

if TYPE_CHECKING:
    from radps_dag.pruning import Going, Plan, Pruned

__all__ = ["command"]

_MOST = 20  # runs of each kind that are listed


def _age(_context: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Seconds of a duration such as `30d`."""
    if value is None:
        return None
    try:
        age = seconds(value)
    except (KeyError, ValueError):
        age = -1.0
    if not 0 <= age < 1e11:
        raise click.BadParameter(f"{value!r} is not an age; such as 12h or 30d")
    return age


@click.command("prune")
@click.argument("runs", nargs=-1, metavar="[RUN]...", shell_complete=completion.runs)
@click.option("--older", callback=_age, metavar="AGE", help="Runs that ended longer ago, as 30d.")
@click.option(
    "--keep-last", type=click.IntRange(min=0), metavar="N", help="All runs but the newest N."
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--all", "every", is_flag=True, help="List all runs that go, and not the first 20.")
@click.option("--json", "as_json_", is_flag=True, help="A JSON object.")
@which_workspace
def command(
    runs: tuple[str, ...],
    older: float | None,
    keep_last: int | None,
    dry_run: bool,
    yes: bool,
    every: bool,
    as_json_: bool,
    workspace: Path,
    store: str | None,
) -> int:
    """Remove runs for good, with what they made that no other run stands on.

    Name them (ids, or parts of ids), or say --older, --keep-last or both. Runs that go on or wait
    for an answer stay, and so does what they read.
    """
    choice = _choice(runs, older, keep_last)
    if not (dry_run or yes or (sys.stdin.isatty() and not as_json_)):
        raise UsageError(
            "prune asks before it removes anything, and nobody can answer here; "
            "--dry-run shows what would go, --yes removes it"
        )
    from radps_dag.pruning import plan, prune

    with looking(workspace, store, writing=not dry_run) as opened:
        planned = plan(opened, choice)
        if not as_json_:
            _print(planned, None if every else _MOST, "would go" if dry_run else "go")
        nothing = not planned.going and not planned.leftovers
        if dry_run or nothing or not (yes or _agreed(planned)):
            if as_json_:
                click.echo(as_json(_as_json(planned)))
            return 1 if runs and planned.staying else 0
        done = prune(opened, planned)
    if as_json_:
        click.echo(as_json({**_as_json(planned), **_done_as_json(done, planned)}))
    else:
        _print_done(done, planned)
    return 1 if done.troubles or (runs and planned.staying) else 0


def _choice(runs: tuple[str, ...], older: float | None, keep_last: int | None) -> Any:
    from radps_dag.pruning import Choice

    if runs and (older is not None or keep_last is not None):
        raise UsageError("name runs, or say --older and --keep-last; not both")
    if not runs and older is None and keep_last is None:
        raise UsageError(
            "which runs may go? name them, or say --older 30d, --keep-last 20 or both "
            "(--dry-run shows what would go)"
        )
    before = None if older is None else time.time() - older
    return Choice(runs or None, before, keep_last)


def _agreed(planned: Plan) -> bool:
    many = len(planned.going)
    what = f"{many} runs" if many != 1 else "1 run"
    if not many:
        what = "what is left of removed runs"
    return click.confirm(f"remove {what} for good?", default=False)


def _print(planned: Plan, most: int | None, verb: str) -> None:
    for line in _lines(planned, most, verb):
        click.echo(line)


def _lines(planned: Plan, most: int | None, verb: str) -> Iterator[str]:
    from radps_dag.progress.look import clean

    items: list[Going] = [*planned.going, *planned.leftovers]
    widest = max((len(clean(item.run)) for item in items[:most]), default=0)
    for item in items[:most]:
        started = moment(item.created)
        yield (
            f"{clean(item.run):{widest}}  {item.status:11}  {started:14}  {in_words(item.size):>9}"
        )
    if most is not None and len(items) > most:
        yield f"and {len(items) - most:,} more: --all lists them"
    for run, why in list(planned.staying.items())[:most]:
        yield f"{clean(run)} stays: {clean(why)}"
    if most is not None and len(planned.staying) > most:
        yield f"and {len(planned.staying) - most:,} more stay: --all lists them"
    if not items:
        yield "nothing is to be removed"
        return
    runs = f"{len(planned.going):,} run{'' if len(planned.going) == 1 else 's'}"
    before = len(planned.leftovers)
    more = f", and files of {before:,} removed before" if before else ""
    yield f"{runs}{more} {verb}: {in_words(planned.size)} of files"


def _print_done(done: Pruned, planned: Plan) -> None:
    from radps_dag.progress.look import clean

    for run, why in done.staying.items():
        if run not in planned.staying:
            click.echo(f"{clean(run)} stays: {clean(why)}")
    journal = f", and {in_words(done.journal)} of the journal" if done.journal else ""
    many = f"{len(done.runs):,} run{'' if len(done.runs) == 1 else 's'}"
    click.echo(f"removed {many}: {in_words(sum(done.freed.values()))} of files{journal}")
    for trouble in done.troubles:
        click.echo(f"radps-dag: {clean(trouble)}", err=True)


def _as_json(planned: Plan) -> dict[str, Any]:
    return {
        "runs": [
            {"run": item.run, "status": item.status, "created": item.created, "bytes": item.size}
            for item in planned.going
        ],
        "leftovers": [{"run": item.run, "bytes": item.size} for item in planned.leftovers],
        "staying": dict(planned.staying),
        "bytes": planned.size,
        "removed": False,
    }


def _done_as_json(done: Pruned, planned: Plan) -> dict[str, Any]:
    return {
        "removed": True,
        "gone": list(done.runs),
        "freed": dict(done.freed),
        "journal_bytes": done.journal,
        "staying": {**planned.staying, **done.staying},
        "troubles": list(done.troubles),
    }
