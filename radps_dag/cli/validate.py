"""`radps-dag validate`: check pipeline files completely, without running anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from radps_dag.cli.options import which_params, which_workloads
from radps_dag.cli.problems import as_github, as_json, as_text, wants_colour
from radps_dag.language.model import walk
from radps_dag.opening import examine
from radps_dag.problem import Problem, UsageError
from radps_dag.profile import find_profile
from radps_dag.visible import one_line

__all__ = ["command"]


@click.command("validate")
@click.argument("files", type=click.Path(), nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for programs, or annotations of a GitHub workflow.",
)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@which_params
@which_workloads
def command(
    files: tuple[str, ...],
    form: str,
    strict: bool,
    profile_file: Path | None,
    **rest: Any,
) -> int:
    """Check pipeline FILEs completely, without running anything.

    With params, also whether a run takes them. Prints every mistake with its place and the likely
    fix. Exits 0 if there is none, else 2. A warning marks something that can run, but surely does
    not do what was meant.
    """
    problems: set[Problem] = set()
    bad: dict[str, str] = {}  # file to why it could not be read at all
    nodes = 0
    profile = find_profile(profile_file)
    for file in files:
        reported: list[Problem] = []
        try:
            pipeline = examine(
                file,
                rest["library"],
                rest["modules"],
                profile,
                reported.append,
                arguments=rest["arguments"],
                files=rest["params_files"],
            )
            nodes += 0 if pipeline is None else sum(1 for _ in walk(pipeline))
        except UsageError as error:
            bad[file] = str(error)
        if strict:
            reported = [replace(problem, severity="error") for problem in reported]
        problems.update(reported)
        if any(problem.severity == "error" for problem in reported):
            bad.setdefault(file, "")
    errors = sorted({reason for reason in bad.values() if reason})
    _show(sorted(problems, key=lambda problem: problem.sort_key), errors, form)
    summary = _summary(len(set(files)), len(bad), problems, nodes)
    click.echo(summary, err=form != "text")
    return 2 if bad else 0


def _show(problems: list[Problem], errors: list[str], form: str) -> None:
    if form == "json":
        click.echo(as_json(problems, errors))
        return
    for error in errors:
        click.echo(f"radps-dag: {one_line(error)}", err=True)
    for problem in problems:
        click.echo(as_text(problem, wants_colour()) if form == "text" else as_github(problem))


def _summary(files: int, bad: int, problems: set[Problem], nodes: int) -> str:
    warnings = sum(problem.severity == "warning" for problem in problems)
    warned = f", {_count(warnings, 'warning')}" if warnings else ""
    if not bad:
        return f"{_count(files, 'file')} valid, {_count(nodes, 'node')}{warned}"
    errors = len(problems) - warnings
    what = f"{_count(errors, 'problem')} in " if errors else ""
    return f"{what}{bad} of {_count(files, 'file')}{warned}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
