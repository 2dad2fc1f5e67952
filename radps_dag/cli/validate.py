"""`radps-dag validate`: check pipeline files completely, without running anything."""

from __future__ import annotations

from pathlib import Path

import click

from radps_dag.cli.opening import open_pipeline
from radps_dag.cli.options import which_workloads
from radps_dag.cli.problems import as_github, as_json, as_text, wants_colour
from radps_dag.model import walk
from radps_dag.problem import InvalidPipeline, Problem, UsageError
from radps_dag.profile import find_profile

__all__ = ["command"]


@click.command("validate")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="For people, for programs, or as annotations of a GitHub workflow.",
)
@which_workloads
def command(
    files: tuple[str, ...],
    form: str,
    library: str | None,
    modules: tuple[Path, ...],
    profile_file: Path | None,
) -> int:
    """Check pipeline FILEs completely, without running anything.

    Prints every mistake with its place and the likely fix. Exits 0 if there is none, else 2.
    """
    problems: set[Problem] = set()
    bad: dict[str, str] = {}  # file to why it could not be read at all
    nodes = 0
    profile = find_profile(profile_file)
    for file in files:
        try:
            pipeline, _ = open_pipeline(file, library, modules, profile)
            nodes += sum(1 for _ in walk(pipeline))
        except InvalidPipeline as error:
            problems.update(error.problems)
            bad.setdefault(file, "")
        except UsageError as error:
            bad[file] = str(error)
    errors = sorted({reason for reason in bad.values() if reason})
    _show(sorted(problems, key=lambda problem: problem.sort_key), errors, form)
    summary = _summary(len(set(files)), len(bad), len(problems), nodes)
    click.echo(summary, err=form != "text")
    return 2 if bad else 0


def _show(problems: list[Problem], errors: list[str], form: str) -> None:
    if form == "json":
        click.echo(as_json(problems, errors))
        return
    for error in errors:
        click.echo(f"radps-dag: {error}", err=True)
    for problem in problems:
        click.echo(as_text(problem, wants_colour()) if form == "text" else as_github(problem))


def _summary(files: int, bad: int, problems: int, nodes: int) -> str:
    if not bad:
        return f"{_count(files, 'file')} valid, {_count(nodes, 'node')}"
    what = f"{_count(problems, 'problem')} in " if problems else ""
    return f"{what}{bad} of {_count(files, 'file')}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
