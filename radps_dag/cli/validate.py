"""`radps-dag validate`: check pipeline files completely, without running anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from radps_dag.checks.resources import Refusals, no_refusals
from radps_dag.cli.options import where_to_compute, which_params, which_workloads
from radps_dag.cli.problems import as_github, as_json, as_text, wants_colour
from radps_dag.language.model import Pipeline, walk
from radps_dag.language.source import Report
from radps_dag.opening import examine, open_pipeline
from radps_dag.problem import InvalidPipeline, Problem, UsageError
from radps_dag.profile import Profile, find_profile
from radps_dag.visible import one_line
from radps_dag.workloads.contract.description import Workload
from radps_dag.workloads.contract.registry import Library, in_containers, read_tools
from radps_dag.workloads.tools.files import is_tool_file

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
@click.option(
    "--tools", is_flag=True, help="Also look which programs the tools need, and their versions."
)
@where_to_compute
@which_params
@which_workloads
def command(
    files: tuple[str, ...],
    form: str,
    strict: bool,
    tools: bool,
    profile_file: Path | None,
    executor: str | None,
    memory: int | None,
    gpus: int | None,
    **rest: Any,
) -> int:
    """Check pipeline FILEs and tool FILEs completely, without running anything.

    With params, also whether a run takes them; with --executor, whether that can give all calls
    what they ask for. Prints every mistake with its place and the likely
    fix. Exits 0 if there is none, else 2. A warning marks something that can run, but surely does
    not do what was meant.
    """
    problems: set[Problem] = set()
    bad: dict[str, str] = {}  # file to why it could not be read at all
    used: dict[str, Workload] = {}
    site: dict[str, str] = {}
    nodes = 0
    profile = find_profile(profile_file)
    rest["refusals"] = _refusals(executor, memory, gpus, profile)
    for file in files:
        reported: list[Problem] = []
        try:
            if is_tool_file(Path(file)):
                used |= {
                    tool.name: tool for tool in _examine_tool(Path(file), reported.append, profile)
                }
            else:
                pipeline = _examine(file, profile, reported.append, rest, used if tools else None)
                if pipeline is not None:
                    nodes += sum(1 for _ in walk(pipeline))
                    site |= _said_by(profile, pipeline)
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
    for path, words in site.items() if form == "text" else ():
        click.echo(f"profile: {path}: {words}")
    there = _tell_programs(used.values(), form) if tools else True
    return 0 if there and not bad else 2


def _examine(
    file: str,
    profile: Profile,
    report: Report,
    rest: dict[str, Any],
    used: dict[str, Workload] | None,
) -> Pipeline | None:
    """Check a pipeline; None if it is not valid. The tools that it calls are added to `used`."""
    pipeline = examine(
        file,
        rest["library"],
        rest["modules"],
        profile,
        report,
        arguments=rest["arguments"],
        files=rest["params_files"],
        refusals=rest["refusals"],
    )
    if pipeline is not None and used is not None:
        from radps_dag.workloads.tools.used import used_tools

        _, library = open_pipeline(file, rest["library"], rest["modules"], profile)
        used |= {tool.name: tool for tool in used_tools(pipeline, library)}
    return pipeline


def _refusals(
    executor: str | None, memory: int | None, gpus: int | None, profile: Profile
) -> Refusals:
    """The reasons for which an executor refuses calls; none where no executor is named."""
    if executor is None:
        if memory is not None or gpus is not None:
            raise UsageError("--memory and --gpus are of an executor; name it with --executor")
        return no_refusals
    # Late, so that it starts at once where no executor is named.
    from radps_dag.executors.capacity import compared_with_workers, offer_of
    from radps_dag.executors.registry import choose

    choice = choose(executor, profile.executors, "--executor")
    gpus = profile.gpus if gpus is None else gpus
    return compared_with_workers(offer_of(choice, memory or profile.memory, gpus), choice).refusals


def _said_by(profile: Profile, pipeline: Pipeline) -> dict[str, str]:
    """The words of the profile about calls of a pipeline, by their paths."""
    if not profile.nodes:
        return {}
    from radps_dag.overlays import overlay_words

    return overlay_words(pipeline, profile.nodes)


def _examine_tool(file: Path, report: Report, profile: Profile) -> list[Workload]:
    try:
        read = Library("", {tool.name: tool for tool in read_tools([file])})
        return list(in_containers(read, profile.containers).workloads.values())
    except InvalidPipeline as error:
        for problem in error.problems:
            report(problem)
        return []


def _tell_programs(tools: Iterable[Workload], form: str) -> bool:
    """Print which programs are there, with their versions; whether all are."""
    from radps_dag.cli.tools import program_lines

    lines = list(program_lines(tools))
    for line, there in lines:
        click.echo(f"{'  ' if there else 'missing: '}{one_line(line)}", err=form != "text")
    if not lines:
        click.echo("no tools are called", err=form != "text")
    return all(there for _, there in lines)


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
