"""`radps-dag answer`: answer a question of a run, from any terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from radps_dag.cli import completion
from radps_dag.cli.looking import looking
from radps_dag.cli.options import which_run, which_workspace
from radps_dag.problem import UsageError, did_you_mean, there_are
from radps_dag.visible import shortened

if TYPE_CHECKING:
    from radps_dag.facts import QuestionAnswered
    from radps_dag.questions import Question

__all__ = ["command"]


@click.command("answer")
@which_run(required=False)
@click.argument("place", required=False, shell_complete=completion.places)
@click.option(
    *("-i", "--input", "inputs"),
    multiple=True,
    metavar="NAME=VALUE",
    help="An input of the answer; what is not given has its default. May be repeated.",
)
@click.option("--by", metavar="NAME", help="Who answers; default: the user of this machine.")
@which_workspace
def command(
    run: str | None,
    place: str | None,
    inputs: tuple[str, ...],
    by: str | None,
    workspace: Path,
    store: str | None,
) -> int:
    """Answer a question of RUN (the last one), asked at PLACE (the only one).

    The first answer counts, wherever it comes from. A run that nobody drives takes it up when it
    is resumed.
    """
    from radps_dag.cli.asking import user
    from radps_dag.journal.cancelled import cancellation
    from radps_dag.journal.claims import driver_of
    from radps_dag.journal.run_status import find_run
    from radps_dag.questions import Closed, answer, answers_at, open_questions

    with looking(workspace, store, writing=True) as opened:
        id = find_run(opened, run)
        if (end := cancellation(opened, id)) is not None:
            raise Closed(f"run {id}", end)
        waiting = open_questions(opened, id)
        if place is not None and not any(
            place in (question.place, question.id) for question in waiting
        ):
            _tell_of(answers_at(opened, id, place), id, place)
        question = _chosen(waiting, id, place)
        fact = answer(opened, question, question.read(inputs), by or user(), "command")
        driven = driver_of(opened.workspace.run(id), opened)
    said = ", ".join(f"{name}={shortened(f'{value}', 100)}" for name, value in fact.values.items())
    click.echo(f"{question.place}: answered{f' with {said}' if said else ''}")
    if not driven:
        click.echo(f"nobody drives the run: radps-dag resume {id}")
    return 0


def _tell_of(given: list[QuestionAnswered], run: str, place: str) -> None:
    """Raises UsageError where somebody else was first."""
    from radps_dag.questions import Answered

    if given:
        raise UsageError(f"no open question at {place!r} of run {run}; {Answered(given[-1])}")


def _chosen(waiting: list[Question], run: str, place: str | None) -> Question:
    """The question that is meant. Raises UsageError where there is none, or more than one."""
    if not waiting:
        raise UsageError(f"run {run} has no open question; `radps-dag questions` lists all")
    places = [question.place for question in waiting]
    if place is None:
        if len(waiting) == 1:
            return waiting[0]
        raise UsageError(f"{len(waiting)} questions are open; name a place: {there_are(places)}")
    chosen = [question for question in waiting if place in (question.place, question.id)]
    if not chosen:
        hint = did_you_mean(place, places) or f"; {there_are(places)}"
        raise UsageError(f"no open question at {place!r} of run {run}{hint}")
    return chosen[0]
