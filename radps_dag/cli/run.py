"""`radps-dag run`: run a pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radps_dag.cli.launching import begin_server, launch
from radps_dag.cli.options import how_to_run, what_to_run, which_workloads, which_workspace
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
from radps_dag.profile import find_profile

if TYPE_CHECKING:
    from radps_dag.progress import Mode

__all__ = ["command"]


@click.command("run")
@what_to_run
@how_to_run
@which_workloads
@which_workspace
def command(
    quiet: bool,
    as_json: bool,
    progress: Mode,
    profile_file: Path | None,
    only: tuple[str, ...],
    begin: tuple[str, ...],
    until: tuple[str, ...],
    store: str | None,
    **rest: Any,
) -> int:
    """Run the pipeline in FILE, after a complete check of it.

    What earlier runs in this workspace have made is used again where nothing that it depends on
    has changed. Exits 0 if the run succeeded, 1 if it failed, 2 if something is wrong with what
    was asked, 130 or 143 if a signal ended it.
    """
    profile = find_profile(profile_file)
    rest["executor"] = rest["executor"] or profile.executor or ""
    rest["products"] = products_root(rest["products"], profile)
    rest["max_parallel"] = rest["max_parallel"] or profile.max_parallel
    rest["memory"] = rest["memory"] or profile.memory
    rest["gpus"] = profile.gpus if rest["gpus"] is None else rest["gpus"]
    asked = RunOptions(
        progress=shown(quiet, as_json, progress),
        profile=profile,
        part=Part(only, begin, until),
        store=store or profile.store,
        **rest,
    )
    return exit_code(_run(asked))


def _run(asked: RunOptions) -> str:
    checked = opened_pipeline(asked)
    # Here, so that a file with mistakes leaves nothing behind.
    from radps_dag.runs.record import new_run
    from radps_dag.storage.remote import make_sure

    if asked.products:
        make_sure(asked.products)
    store = open_store_of(asked)
    try:
        job = prepare(asked, checked, store)
        refuse_too_large(job)
        starting = begin_server(asked)
        opened = new_run(store, job.pipeline.name)
        try:
            directory = opened.directory
            job = replace(
                job, run=directory.id, workdir=directory.products, publish=directory.published
            )
            memory = memory_of(asked, job, store, directory.id)
            return launch(asked, job, opened, memory, starting).status
        finally:
            opened.close()
    finally:
        store.close()
