"""`radps-dag resume`: go on with a run where it stopped."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag.cli.launching import begin_server, launch
from radps_dag.cli.options import (
    how_to_run,
    which_params,
    which_run,
    which_workloads,
    which_workspace,
)
from radps_dag.cli.running import (
    Part,
    RunOptions,
    exit_code,
    memory_of,
    open_store_of,
    opened_pipeline,
    prepare,
    products_root,
    refuse_too_large,
    shown,
)
from radps_dag.problem import UsageError
from radps_dag.profile import find_profile, load_profile
from radps_dag.sealed import Sealed

if TYPE_CHECKING:
    from radps_dag.engine.drive import Job
    from radps_dag.facts import RunStarted
    from radps_dag.journal.store import Store
    from radps_dag.progress import Mode
    from radps_dag.reuse.cache import ResultCache

__all__ = ["command"]

_PATH = click.Path(path_type=Path)
_RECORDED = "the executor that the run has recorded (--executor takes another)"
MOST = 20  # calls that are said to run again


@click.command("resume")
@which_run(required=False)
@click.option(
    "--file",
    type=_PATH,
    metavar="FILE",
    help="The pipeline file, where it is not where it was.",
)
@which_params
@how_to_run
@which_workloads
@which_workspace
def command(
    run: str | None,
    quiet: bool,
    as_json: bool,
    progress: Mode,
    profile_file: Path | None,
    **rest: Any,
) -> int:
    """Go on with RUN, or with the last one, where it stopped.

    What ended well is not done again, unless the file, a param or the code of a workload has
    changed since, and then only what depends on that. Exits as `run` does.
    """
    profile = find_profile(profile_file)
    rest["store"] = rest["store"] or profile.store
    if rest["products"]:
        rest["products"] = products_root(rest["products"], profile)
    asked = RunOptions(
        **{**rest, "file": Path(), "executor": rest["executor"] or ""},
        progress=shown(quiet, as_json, progress),
        profile=profile,
        profile_given=profile_file is not None,
    )
    store = open_store_of(asked)
    try:
        return exit_code(_resume(asked, rest["file"], run, store))
    finally:
        store.close()


def _resume(asked: RunOptions, file: Path | None, wanted: str | None, store: Store) -> str:
    from radps_dag.journal.cancelled import refuse_cancelled
    from radps_dag.journal.overview import seconds_spent
    from radps_dag.journal.reading import find_run, last_start
    from radps_dag.runs.orphans import remove_orphans
    from radps_dag.runs.record import reopen
    from radps_dag.storage.remote import make_sure

    run = find_run(store, wanted)
    store.check()
    refuse_cancelled(store, run)
    before = last_start(store, run)
    asked = _as_before(asked, before, file, store)
    checked = opened_pipeline(asked)
    if asked.products:
        make_sure(asked.products)
        store.workspace = replace(store.workspace, products=asked.products)
    opened = reopen(store, run)
    spent = seconds_spent(store, run)
    try:
        directory = opened.directory
        job = replace(
            prepare(asked, checked, store),
            run=run,
            workdir=directory.products,
            publish=directory.published,
            generation=opened.generation,
            spent=spent,
        )
        refuse_too_large(job)
        starting = begin_server(asked)
        memory = memory_of(asked, job, store, run)
        remove_orphans(opened)
        _tell_changes(before, job, memory)
        return launch(asked, job, opened, memory, starting).status
    finally:
        opened.close()


def _as_before(
    asked: RunOptions, before: RunStarted, file: Path | None, store: Store
) -> RunOptions:
    """What was asked of the run when it started, but for what is asked now."""
    from radps_dag.executors.registry import known_executor

    settings = before.settings
    profile = asked.profile
    recorded = settings.get("profile")
    unknown = settings.get("secrets", ())  # of which stars are recorded
    if (
        recorded
        and not asked.profile_given
        and (found := _where(recorded, before, store)).is_file()
    ):
        profile = load_profile(found)
    return replace(
        asked,
        file=file or _file_of(before, store),
        params={name: value for name, value in before.params.items() if name not in unknown},
        part=Part(
            tuple(settings.get("only", ())),
            tuple(settings.get("from", ())),
            tuple(settings.get("until", ())),
        ),
        executor=asked.executor or known_executor(before.executor, _RECORDED),
        max_parallel=asked.max_parallel or settings.get("max_parallel"),
        memory=asked.memory or settings.get("memory"),
        gpus=settings.get("gpus") if asked.gpus is None else asked.gpus,
        seed=before.seed,
        library=asked.library or settings.get("library"),
        modules=asked.modules
        or tuple(_where(path, before, store) for path in settings.get("modules", ())),
        profile=profile,
        products=asked.products or _root_of(before, store),
        reuse=asked.reuse and settings.get("reuse", True),
        no_prefect=asked.no_prefect or not settings.get("prefect", True),
        thresholds=settings.get("thresholds", {}),
    )


def _root_of(before: RunStarted, store: Store) -> str | None:
    """Where the run kept its products. A disk that is not there now is not made up for."""
    from radps_dag.storage.remote import is_local, path_of

    root: str | None = before.settings.get("products")
    if root is None or not is_local(root):
        return root
    path = _where(os.fspath(path_of(root)), before, store)
    if not path.is_dir():
        raise UsageError(f"{path}: the directory for products is gone; name one with --products")
    return path.as_uri()


def _where(recorded: str, before: RunStarted, store: Store) -> Path:
    """A file of the project: where it was or, if the project was moved with its workspace, there.

    Raises UsageError for one among the products: what a run has made, here or where it was
    exported, is not code of this project.
    """
    path = Path(recorded)
    project = Path(before.provenance.get("directory", "."))
    moved = store.workspace.root.parent
    if not path.exists() and path.is_relative_to(project):
        path = moved / path.relative_to(project)
    if path.resolve().is_relative_to(store.workspace.runs):
        raise UsageError(
            f"{path}: nothing among the products of runs is imported as code; name the file "
            "with --workloads or --profile"
        )
    return path


def _file_of(before: RunStarted, store: Store) -> Path:
    """The pipeline file: where it was, or beside the workspace, or as the run recorded it."""
    directory = Path(before.provenance.get("directory", "."))
    for place in (directory, store.workspace.root.parent, Path()):
        if (place / before.file).is_file():
            return place / before.file
    texts = before.provenance.get("sources")
    if not texts:
        raise UsageError(f"no such file: {before.file!r}; say where it is with --file")
    folder = store.workspace.run(before.run).path / "pipeline"
    for name, text in texts.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"no such file: {before.file!r}; say where it is with --file")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    click.echo(f"{before.file} is gone; using the text that the run has recorded", err=True)
    return folder / Path(before.file).name


def _tell_changes(before: RunStarted, job: Job, memory: ResultCache) -> None:
    """What has been edited since, and which calls that had ended well run again for it."""
    from radps_dag.cli.plan import brief, lines
    from radps_dag.engine.planning import plan

    old, new = before.provenance.get("sources", {}), job.provenance["sources"]
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            what = "new" if name not in old else "no longer used" if name not in new else "edited"
            click.echo(f"{name} is {what} since", err=True)
    for name, value in job.params.items():
        if isinstance(value, Sealed) or name in before.settings.get("secrets", ()):
            continue  # a call that runs again for it says so
        if name in before.params and before.params[name] != value:
            click.echo(f"param {name!r} was {before.params[name]!r}, is {value!r}", err=True)
    again = [one for one in plan(job, memory) if one.leaf and memory.had(one.place)]
    rows = [row for row in brief(again) if row.verdict == "run"]
    for line in lines(rows[:MOST], colour=False):
        click.echo(f"  {line}", err=True)
    if len(rows) > MOST:
        click.echo(f"  and {len(rows) - MOST} more; `radps-dag plan` tells all", err=True)
