"""`radps-dag cancel`: end a run for good."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag.cli.looking import as_json, looking
from radps_dag.cli.options import which_run, which_workspace
from radps_dag.profile import find_profile

if TYPE_CHECKING:
    from radps_dag.runs.cancel import Cancelled

__all__ = ["command"]


@click.command("cancel")
@which_run(required=True)
@click.option("--reason", default="", metavar="TEXT", help="Why; recorded and shown.")
@click.option("--by", metavar="NAME", help="Who cancels; default: the user of this machine.")
@click.option("--json", "as_json_", is_flag=True, help="A JSON object.")
@which_workspace
def command(
    run: str, reason: str, by: str | None, as_json_: bool, workspace: Path, store: str | None
) -> int:
    """End RUN (an id or `last`) for good: its questions are closed, and nobody can resume it.

    A process on this machine that drives it is told to end. What the run has made stays, and a new
    run uses it again.
    """
    from radps_dag.cli.asking import user
    from radps_dag.journal.run_status import find_run
    from radps_dag.notify.event_sinks import secret_of
    from radps_dag.runs.cancel import cancel
    from radps_dag.runs.notify_cancelled import tell_others

    profile = find_profile()
    secret_of(profile.events)  # before anything has changed that could not be announced
    with looking(workspace, store, writing=True) as opened:
        id = find_run(opened, run)
        done = cancel(opened, id, by or user(), reason)
        told = done.told or tell_others(opened, id, done.end, profile, _warn)
    if as_json_:
        click.echo(as_json(_as_json(id, done, told)))
        return 0
    for line in _lines(id, done):
        click.echo(line)
    return 0


def _warn(message: str) -> None:
    click.echo(f"radps-dag: {message}", err=True)


def _lines(run: str, done: Cancelled) -> Iterator[str]:
    from radps_dag.facts import cancelled_text
    from radps_dag.progress.look import clean

    if done.already:
        yield f"run {run} was {cancelled_text(done.end)} already"
        return
    if done.stopped is not None:
        yield f"{done.stopped}: ended"
    for question in done.closed:
        yield f"{clean(question.place)}: closed: the run was cancelled"
    yield f"run {run}: {cancelled_text(done.end)}"


def _as_json(run: str, done: Cancelled, told: bool) -> dict[str, Any]:
    return {
        "run": run,
        "status": done.end.status,
        "already": done.already,
        "time": done.end.time,
        "by": done.end.by,
        "via": done.end.via,
        "reason": done.end.message,
        "stopped": done.stopped.pid if done.stopped is not None else None,
        "closed": [question.place for question in done.closed],
        "told": told,
    }
