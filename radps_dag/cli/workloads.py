"""`radps-dag workloads`: what there is to call, and how one is called."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from radps_dag.cli.options import which_workloads
from radps_dag.cli.tools import command_words
from radps_dag.language.shape import describe
from radps_dag.opening import project_library
from radps_dag.problem import UsageError
from radps_dag.profile import find_profile
from radps_dag.visible import style
from radps_dag.workloads.contract.registry import Library
from radps_dag.workloads.contract.workload import Input, Output, Workload

__all__ = ["command"]


@click.command("workloads")
@click.argument("name", required=False)
@which_workloads
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@click.option("--argv", is_flag=True, help="Print the command that a tool would run.")
@click.option(
    *("-p", "--param", "inputs"),
    multiple=True,
    metavar="INPUT=VALUE",
    help="With --argv: an input; of data the path. May be repeated.",
)
def command(
    name: str | None,
    library: str | None,
    modules: tuple[Path, ...],
    profile_file: Path | None,
    as_json: bool,
    argv: bool,
    inputs: tuple[str, ...],
) -> int:
    """List the workloads, or describe the one called NAME.

    Those of the library, those of the project's own files, which radps-dag.toml or --workloads
    names, and the tools of the project's folder tools.
    """
    if inputs and not argv:
        raise UsageError("-p gives inputs to --argv; give both, or neither")
    if argv and name is None:
        raise UsageError("--argv prints the command of one tool; name it")
    chosen = find_profile(profile_file)
    chosen_library = project_library(library or chosen.library or "placeholder", chosen, modules)
    if argv:
        words = command_words(chosen_library.find(name or ""), inputs)
        click.echo(_dumped(words) if as_json else shlex.join(words))
    elif name is not None:
        workload = chosen_library.find(name)
        click.echo(_dumped(_as_json(workload)) if as_json else "\n".join(_description(workload)))
    elif as_json:
        click.echo(_dumped([_as_json(workload) for workload in _sorted(chosen_library)]))
    else:
        click.echo("\n".join(_listing(chosen_library)))
    return 0


def _sorted(library: Library) -> list[Workload]:
    return sorted(library.workloads.values(), key=lambda workload: workload.name)


def _listing(library: Library) -> Iterator[str]:
    workloads = _sorted(library)
    width = max((len(workload.name) for workload in workloads), default=0)
    for workload in workloads:
        yield from _columns(_bold(workload.name.ljust(width)), workload.summary, width)
    yield ""
    yield f"{len(workloads)} workloads; `radps-dag workloads NAME` describes one"


def _bold(text: str) -> str:
    """Make a text bold, for terminals; click strips the style everywhere else."""
    return style(text, bold=True)


def _columns(first: str, text: str, width: int) -> list[str]:
    """A line of two columns, the second folded to the width of the terminal."""
    columns = max(60, shutil.get_terminal_size((100, 24)).columns)
    indent = " " * (width + 2)
    wrapped = textwrap.wrap(text, max(20, columns - len(indent) - 1)) or [""]
    return [f"{first}  {wrapped[0]}".rstrip(), *(indent + line for line in wrapped[1:])]


def _description(workload: Workload) -> Iterator[str]:
    mark = " (placeholder: simulates, measures nothing)" if workload.placeholder else ""
    yield f"{_bold(workload.name)}{mark}"
    yield ""
    yield textwrap.indent(workload.description or "no description", "  ")
    yield ""
    yield _bold("Inputs")
    yield from _table([_input_row(item) for item in workload.inputs], "none")
    yield ""
    yield _bold("Outputs")
    if workload.outputs is None:
        yield "  not declared: any"
    else:
        yield from _table([_output_row(output) for output in workload.outputs], "none")
    yield ""
    yield _bold("In a pipeline")
    yield from _usage(workload)
    if workload.tool is not None:
        yield f"  It runs {shlex.join(workload.tool.program)}; --argv shows the whole command."
    if "context" in workload.given.values():
        yield "  It takes the context of the run: it may read what is known, and add to it."
    if workload.mutates:
        what = f": {', '.join(workload.changes)}" if workload.changes else ", which no input names"
        first = f", after a snapshot ({workload.snapshot})" if workload.snapshot else ""
        yield f"  It changes data in place{what}{first}."


def _input_row(given: Input) -> tuple[str, str, str]:
    if given.required:
        return given.name, _type(given), given.description
    default = f"(default {json.dumps(given.default, ensure_ascii=False)})"
    return given.name, _type(given), f"{given.description} {default}".strip()


def _output_row(output: Output) -> tuple[str, str, str]:
    return output.name, _type(output), output.description


def _type(value: Input | Output) -> str:
    """The type in a word or two: without articles, and without the members of what has a name."""
    words = re.sub(r"\b(an?|one of) |(?<=\w) \([^()]*\)", "", describe(value.shape))
    return f"{words} [{value.unit}]" if value.unit else words


def _table(rows: list[tuple[str, str, str]], empty: str) -> Iterator[str]:
    if not rows:
        yield f"  {empty}"
    name_width = max((len(name) for name, _, _ in rows), default=0)
    type_width = min(30, max((len(type_) for _, type_, _ in rows), default=0))
    for name, type_, text in rows:
        first = f"  {name.ljust(name_width)}  {type_.ljust(type_width)}"
        if len(type_) > type_width and text:
            yield first
            first = " " * (name_width + type_width + 4)
        yield from _columns(first, text, name_width + type_width + 4)


def _usage(workload: Workload) -> Iterator[str]:
    needed = ", ".join(f"{item.name}: ..." for item in workload.inputs if item.required)
    yield f"  run: {workload.name}"
    if needed:
        yield f"  with: {{{needed}}}"


def _as_json(workload: Workload) -> dict[str, Any]:
    return {
        "name": workload.name,
        "summary": workload.summary,
        "description": workload.description,
        "placeholder": workload.placeholder,
        "version": workload.version,
        "mutates": list(workload.changes) if workload.changes else workload.mutates,
        "defined_at": workload.defined_at,
        "program": None if workload.tool is None else list(workload.tool.program),
        "inputs": [
            {
                "name": item.name,
                "type": describe(item.shape),
                "unit": item.unit,
                "description": item.description,
                "required": item.required,
                **({} if item.required else {"default": item.default}),
            }
            for item in workload.inputs
        ],
        "outputs": None
        if workload.outputs is None
        else [
            {
                "name": output.name,
                "type": describe(output.shape),
                "unit": output.unit,
                "description": output.description,
            }
            for output in workload.outputs
        ],
    }


def _dumped(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
