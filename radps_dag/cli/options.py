"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from radps_dag.cli import completion
from radps_dag.language.quantities import octets_in

__all__ = [
    "how_to_run",
    "stages",
    "what_to_run",
    "what_to_use_again",
    "where_to_compute",
    "which_params",
    "which_run",
    "which_workloads",
    "which_workspace",
]

F = TypeVar("F", bound=Callable[..., Any])

_PATH = click.Path(path_type=Path)


class _Folder(click.Path):
    """A folder that can be told to others by its address."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        try:
            str(path.resolve()).encode()
        except RuntimeError:
            self.fail(f"{str(path)!r} is a link that leads back to itself", param, ctx)
        except ValueError as error:
            self.fail(f"{str(path)!r} is not the name of a folder: {error}", param, ctx)
        return path


def which_workloads(command: F) -> F:
    """Add the options that say where workloads come from: `library`, `modules`, `profile_file`."""
    options = (
        click.option(
            "--library",
            metavar="NAME",
            shell_complete=completion.libraries,
            help="Use this library of workloads.",
        ),
        click.option(
            *("--workloads", "modules"),
            multiple=True,
            type=_PATH,
            metavar="FILE",
            help="A file with workloads of your own (.py, which is imported), a tool file (.yaml) "
            "or a folder of these; may be repeated.",
        ),
        click.option(
            *("--profile", "profile_file"),
            type=_PATH,
            metavar="FILE",
            help="Use this profile instead of the nearest radps-dag.toml.",
        ),
    )
    return _with(options, command)


def which_params(command: F) -> F:
    """Values for params: `arguments` and `params_files` of a command."""
    options = (
        click.option(
            *("-p", "--param", "arguments"),
            multiple=True,
            metavar="NAME=VALUE",
            shell_complete=completion.params,
            help="Set a param of the pipeline; may be repeated. Goes before every params file.",
        ),
        click.option(
            *("--params-file", "params_files"),
            multiple=True,
            type=_PATH,
            metavar="FILE",
            help="A YAML file that maps params to values; may be repeated, and the later one wins.",
        ),
    )
    return _with(options, command)


def what_to_run(command: F) -> F:
    """The pipeline file, its params, and which part of it: `file`, `arguments`, `params_files`,
    `only`, `begin`, `until` and `seed` of a command."""
    options = (
        click.argument("file", type=_PATH),
        which_params,
        click.option(
            "--only",
            multiple=True,
            callback=stages,
            metavar="STAGE",
            shell_complete=completion.stages,
            help="These stages alone, on the results of an earlier run.",
        ),
        click.option(
            *("--from", "begin"),
            multiple=True,
            callback=stages,
            metavar="STAGE",
            shell_complete=completion.stages,
            help="These stages and all that depends on them.",
        ),
        click.option(
            "--until",
            multiple=True,
            callback=stages,
            metavar="STAGE",
            shell_complete=completion.stages,
            help="These stages and all that they depend on.",
        ),
        click.option(
            "--seed",
            type=int,
            default=0,
            show_default=True,
            help="Seed of simulated data, random delays and injected faults.",
        ),
    )
    return _with(options, command)


def which_run(*, required: bool) -> Callable[[F], F]:
    """The run that a command is about: `run` of it."""
    return click.argument("run", required=required, shell_complete=completion.runs)


def which_workspace(command: F) -> F:
    """Add the options that say where runs are kept: `workspace` and `store`."""
    options = (
        click.option(
            "--workspace",
            type=_Folder(file_okay=False),
            default=Path(".radps"),
            show_default=True,
            help="Where runs keep their products and their journal.",
        ),
        click.option(
            "--store",
            metavar="URL",
            help="Keep the journal in this database instead of a file in the workspace.",
        ),
    )
    return _with(options, command)


def what_to_use_again(command: F) -> F:
    """Add the options that say which earlier results count: `force` and `reuse`."""
    options = (
        click.option(
            "--force",
            multiple=True,
            metavar="PLACE",
            shell_complete=completion.places,
            help="Run what matches, such as 'image_*/clean', whatever is there; may be repeated.",
        ),
        click.option(
            "--no-reuse",
            "reuse",
            flag_value=False,
            default=True,
            type=bool,
            help="Use nothing that other runs have made.",
        ),
    )
    return _with(options, command)


def _memory(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    octets = None if value is None else octets_in(value)
    if value is not None and not octets:
        raise click.BadParameter(f"{value!r} is not an amount such as 64GB", ctx, param)
    return octets


def where_to_compute(command: F) -> F:
    """Add the options that say where calls compute, and what they may have there: `executor`,
    `memory` and `gpus`."""
    options = (
        click.option(
            "--executor",
            metavar="NAME",
            shell_complete=completion.executors,
            help="Where workloads compute: threads (default), processes, whose limits hold, or "
            "another one that `radps-dag executors` lists, such as a cluster of the profile.",
        ),
        click.option(
            "--memory",
            callback=_memory,
            metavar="AMOUNT",
            help="Memory that calls may ask for together, such as 64GB; default: this machine's.",
        ),
        click.option(
            "--gpus",
            type=click.IntRange(min=0),
            metavar="N",
            help="Graphics processors that calls may ask for together; 0 by default.",
        ),
    )
    return _with(options, command)


def how_to_run(command: F) -> F:
    """Add the options that say how a run computes, what it may reuse, and how it is shown."""
    command = what_to_use_again(command)
    options = (
        click.option(
            "--products",
            metavar="URL",
            help="Keep what workloads make in this place, such as s3://bucket/folder.",
        ),
        where_to_compute,
        click.option(
            "--max-parallel",
            type=click.IntRange(min=1),
            metavar="N",
            help="Maximum of workload calls at once; default: what suits the processors.",
        ),
        click.option(
            *("--faults", "faults_file"),
            type=_PATH,
            metavar="FILE",
            help="Inject the faults that FILE describes, for a drill.",
        ),
        click.option(
            "--progress",
            type=click.Choice(["auto", "live", "plain", "quiet", "json"]),
            default="auto",
            show_default=True,
            help="A live tree, plain lines, failures only, or a JSON object a line.",
        ),
        click.option("-q", "--quiet", is_flag=True, help="The same as --progress quiet."),
        click.option("--json", "as_json", is_flag=True, help="The same as --progress json."),
        click.option(
            "--interactive",
            type=click.Choice(["auto", "always", "never"]),
            default="auto",
            show_default=True,
            help="Ask questions in this terminal: if it is one, always, or never.",
        ),
        click.option(
            "--detach-on-pause",
            is_flag=True,
            help="End with exit code 3 once nothing but questions is left; resume goes on.",
        ),
        click.option(
            "--report",
            is_flag=True,
            help="When the run has ended, write its report into its folder in the workspace.",
        ),
        click.option(
            "--no-prefect", is_flag=True, help="Run without Prefect, its server and its page."
        ),
    )
    return _with(options, command)


def stages(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Stages may be given one by one, or with commas between them."""
    names = tuple(name.strip() for value in values for name in value.split(","))
    if "" in names:
        raise click.BadParameter("name at least one stage", ctx, param)
    return names


def _with(options: Sequence[Callable[[F], F]], command: F) -> F:
    for option in reversed(options):
        command = option(command)
    return command
