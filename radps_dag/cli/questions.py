"""`radps-dag questions`: what waits for an answer."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag.cli.looking import Damage, looking
from radps_dag.cli.options import which_run, which_workspace

if TYPE_CHECKING:
    from radps_dag.questions import Question

__all__ = ["command"]


@click.command("questions")
@which_run(required=False)
@click.option("--json", "as_json", is_flag=True, help="A JSON array.")
@which_workspace
def command(run: str | None, as_json: bool, workspace: Path, store: str | None) -> int:
    """List the questions that wait for an answer: of RUN, or of all runs of the workspace."""
    from radps_dag.journal.run_status import find_run
    from radps_dag.questions import all_open_questions, open_questions

    damaged = Damage()
    with looking(workspace, store) as opened:
        if run:
            questions = open_questions(opened, find_run(opened, run))
        else:
            questions = all_open_questions(opened, damaged)
        driven = {question.run: _driver(opened, question.run) for question in questions}
    if as_json:
        click.echo(json.dumps([_as_json(question) for question in questions], indent=1))
        return damaged.told()
    for question in questions:
        _show(question, driven[question.run])
    if not questions and not damaged.runs:
        click.echo("no question is open")
    return damaged.told()


def _driver(store: Any, run: str) -> str:
    from radps_dag.journal.claims import driver_of

    return driver_of(store.workspace.run(run), store)


def _show(question: Question, driver: str) -> None:
    from radps_dag.language.shape import describe, from_schema
    from radps_dag.progress.asking import answer_command, resume_command, until_text
    from radps_dag.progress.look import clean
    from radps_dag.questions.evidence import lines
    from radps_dag.visible import style

    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(question.asked))
    click.echo(f"{style(question.run, bold=True)}  {clean(question.place)}  since {since}")
    click.echo(f"  {clean(question.message)}")
    for line in lines(question.show):
        click.echo(f"    {line}")
    for name, schema in question.inputs.items():
        default = f", default {json.dumps(schema['default'])}" if "default" in schema else ""
        about = f": {schema['description']}" if schema.get("description") else ""
        click.echo(f"  -i {name}={describe(from_schema(schema))}{default}{about}")
    if question.deadline is not None:
        click.echo(f"  {until_text(question.fact(question.asked))}")
    if question.deadline is not None and time.time() > question.deadline:
        then = f"; {resume_command(question.run)}" if not driver else ""
        click.echo(f"  the time for an answer is over{then}")
        return
    click.echo(f"  {answer_command(question.run, question.place)}")
    if not driver:
        click.echo(f"  nobody drives the run: answer, then {resume_command(question.run)}")


def _as_json(question: Question) -> dict[str, Any]:
    return {
        "run": question.run,
        "place": question.place,
        "question": question.id,
        "about": question.about,
        "message": question.message,
        "show": list(question.show),
        "inputs": dict(question.inputs),
        "asked": question.asked,
        "deadline": question.deadline,
        "on_timeout": question.on_timeout,
    }
