"""`radps-dag run`: run a pipeline."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from radps_dag.cli.opening import open_pipeline
from radps_dag.cli.options import which_workloads
from radps_dag.params import resolve
from radps_dag.problem import InvalidPipeline
from radps_dag.profile import Profile, find_profile

if TYPE_CHECKING:
    from radps_dag.engine.drive import Ended, Job
    from radps_dag.engine.record import RunDirectory
    from radps_dag.engine.tracker import Tracker
    from radps_dag.facts import Listener
    from radps_dag.faults import Faults
    from radps_dag.model import Pipeline
    from radps_dag.progress import Mode

__all__ = ["command"]

EXECUTORS = ("threads", "processes")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    file: Path
    arguments: tuple[str, ...]
    params_file: Path | None
    only: tuple[str, ...]
    begin: tuple[str, ...]
    until: tuple[str, ...]
    executor: str
    max_parallel: int | None
    faults_file: Path | None
    seed: int
    library: str | None
    modules: tuple[Path, ...]
    profile: Profile
    workspace: Path
    progress: Mode
    no_prefect: bool


def _stages(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    """Stages may be given one by one, or with commas between them."""
    names = tuple(name.strip() for value in values for name in value.split(","))
    if "" in names:
        raise click.BadParameter("name at least one stage", ctx, param)
    return names


def _progress(quiet: bool, as_json: bool, progress: Mode) -> Mode:
    if as_json:
        return "json"
    return "quiet" if quiet else progress


_PATH = click.Path(path_type=Path)


@click.command("run")
@click.argument("file", type=_PATH)
@click.option(
    *("-p", "--param", "arguments"),
    multiple=True,
    metavar="NAME=VALUE",
    help="Set a param of the pipeline; may be repeated.",
)
@click.option(
    "--params-file",
    type=_PATH,
    metavar="FILE",
    help="A YAML file that maps params to values; what -p says goes before it.",
)
@click.option(
    "--only",
    multiple=True,
    callback=_stages,
    metavar="STAGE",
    help="Run these stages alone, on what an earlier run left.",
)
@click.option(
    *("--from", "begin"),
    multiple=True,
    callback=_stages,
    metavar="STAGE",
    help="Run these stages and all that depends on them.",
)
@click.option(
    "--until",
    multiple=True,
    callback=_stages,
    metavar="STAGE",
    help="Run these stages and all that they depend on.",
)
@click.option(
    "--executor",
    type=click.Choice(EXECUTORS),
    help="Where workloads compute: threads (default), or processes, whose limits in time hold.",
)
@click.option(
    "--max-parallel",
    type=click.IntRange(min=1),
    metavar="N",
    help="Workload calls at once; default: what the processors serve well.",
)
@click.option(
    *("--faults", "faults_file"),
    type=_PATH,
    metavar="FILE",
    help="Inject the faults that FILE describes, for a drill.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Of simulated data, random delays and injected faults.",
)
@which_workloads
@click.option(
    "--workspace",
    type=_PATH,
    default=Path(".radps"),
    show_default=True,
    help="Where runs keep their products and records.",
)
@click.option(
    "--progress",
    type=click.Choice(["auto", "live", "plain", "quiet", "json"]),
    default="auto",
    show_default=True,
    help="A live tree, plain lines, failures only, or a JSON object a line.",
)
@click.option("-q", "--quiet", is_flag=True, help="The same as --progress quiet.")
@click.option("--json", "as_json", is_flag=True, help="The same as --progress json.")
@click.option("--no-prefect", is_flag=True, help="Run without Prefect, its server and its page.")
def command(
    quiet: bool, as_json: bool, progress: Mode, profile_file: Path | None, **rest: Any
) -> int:
    """Run the pipeline in FILE, after a complete check of it.

    Exits 0 if the run succeeded, 1 if it failed, 2 if something is wrong with what was asked,
    130 or 143 if a signal ended it.
    """
    profile = find_profile(profile_file)
    rest["executor"] = rest["executor"] or profile.executor or "threads"
    rest["max_parallel"] = rest["max_parallel"] or profile.max_parallel
    asked = Asked(progress=_progress(quiet, as_json, progress), profile=profile, **rest)
    job = _job(asked)
    return 0 if _run(asked, job).status == "succeeded" else 1


def _job(asked: Asked) -> Job:
    """What is to run, after every check that can be made before."""
    pipeline, library = open_pipeline(asked.file, asked.library, asked.modules, asked.profile)
    params = resolve(pipeline, asked.arguments, asked.params_file)
    # Imported when the file is known to be good: the graph library takes its time.
    from radps_dag.builder import build
    from radps_dag.engine import selection
    from radps_dag.engine.drive import Job
    from radps_dag.engine.record import earlier_outputs

    faults = _faults(asked.faults_file, pipeline, asked.executor)
    graph = build(pipeline)
    wish = selection.Selection(asked.only, asked.begin, asked.until)
    chosen = selection.choose(graph, wish)
    required = selection.needed(graph, chosen)
    left = earlier_outputs(asked.workspace, pipeline.name, required)
    return Job(
        run="",
        pipeline=pipeline,
        graph=selection.subgraph(graph, chosen),
        library=library,
        params=params,
        executor_name=asked.executor,
        workdir=asked.workspace,
        faults=faults,
        seed=asked.seed,
        file=str(asked.file),
        reused=selection.reuse(pipeline, required, left),
    )


def _faults(path: Path | None, pipeline: Pipeline, executor: str) -> Faults:
    from radps_dag.faults import Faults, load_faults

    if path is None:
        return Faults()
    faults = load_faults(path)
    problems = list(faults.unmatched(pipeline))
    if executor == "threads":
        problems += faults.fatal()
    if problems:
        raise InvalidPipeline(problems)
    return faults


def _run(asked: Asked, job: Job) -> Ended:
    from radps_dag import progress
    from radps_dag.engine import session
    from radps_dag.engine.record import new_run

    if asked.profile.prefect_api_url is not None:
        os.environ.setdefault("PREFECT_API_URL", asked.profile.prefect_api_url)
    starting = None if asked.no_prefect else session.begin_server()
    directory = new_run(asked.workspace, job.pipeline.name)
    job = replace(job, run=directory.id, workdir=directory.products)
    with (
        _apart(asked.progress, directory) as (mode, stream),
        progress.listener(mode, stream, expected=job.graph) as listener,
    ):
        tracker = partial(_tracker, asked, job, starting, listener)
        leaving = partial(_show_cursor, stream if mode == "live" else None)
        return session.run_job(job, directory, asked.max_parallel, listener, tracker, leaving)


@contextlib.contextmanager
def _apart(progress: Mode, directory: RunDirectory) -> Iterator[tuple[Mode, TextIO]]:
    """How the run is shown, and on what; what workloads print must not get between it."""
    from radps_dag.cli.streams import output_kept_in, output_to_stderr
    from radps_dag.progress import shown_as

    mode = shown_as(progress, sys.stderr)
    if mode == "json":
        with output_to_stderr() as stream:
            yield mode, stream
    elif mode == "live":
        with output_kept_in(directory.workers_log) as stream:
            yield mode, stream
    else:
        yield mode, sys.stderr
    log = directory.workers_log
    if mode in ("live", "plain") and log.exists() and log.stat().st_size:
        click.echo(f"What the workloads printed: {log}", err=True)


def _show_cursor(stream: TextIO | None) -> None:
    """A live display hides it."""
    if stream is not None:
        os.write(stream.fileno(), b"\x1b[?25h\n")


def _tracker(asked: Asked, job: Job, starting: Any, listener: Listener) -> Tracker:
    from radps_dag.engine import session
    from radps_dag.engine.tracker import Untracked
    from radps_dag.facts import Noted

    def note(level: Literal["info", "warning"], message: str) -> None:
        listener(Noted(time=time.time(), place="", message=message, level=level))

    if asked.no_prefect:
        return Untracked()
    return session.prefect_tracker(
        job.pipeline.name, starting, partial(note, "info"), partial(note, "warning")
    )
