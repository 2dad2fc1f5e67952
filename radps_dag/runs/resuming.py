"""A run that has stopped, gone on with: asked for as before, but for what is asked now."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from radps_dag.engine.provenance import Provenance
from radps_dag.engine.settings import Settings
from radps_dag.executors.registry import known_executor
from radps_dag.journal import run_status
from radps_dag.journal.cancelled import refuse_cancelled
from radps_dag.journal.overview import seconds_spent
from radps_dag.problem import UsageError
from radps_dag.profile import load_profile
from radps_dag.runs.launching import begin_server, launch
from radps_dag.runs.orphans import remove_orphans
from radps_dag.runs.preparing import (
    open_checked,
    open_store_of,
    prepare,
    refuse_too_large,
    result_cache_of,
)
from radps_dag.runs.record import reopen
from radps_dag.storage.remote import is_local, make_sure, path_of

if TYPE_CHECKING:
    from radps_dag.engine.drive import Ended
    from radps_dag.facts import RunStarted
    from radps_dag.journal.store import Store
    from radps_dag.runs.frontend import Frontend
    from radps_dag.runs.options import RunOptions

__all__ = ["resume"]

_RECORDED = "the executor that the run has recorded (--executor takes another)"


def resume(asked: RunOptions, wanted: str | None, front: Frontend) -> tuple[str, Ended]:
    """Go on with a run, or with the last one, to its end; its id, and how it ended.

    What the settings leave open is as it was; the file is "" where it has not moved.
    """
    store = open_store_of(asked)
    try:
        return _resume(asked, wanted, store, front)
    finally:
        store.close()


def _resume(
    asked: RunOptions, wanted: str | None, store: Store, front: Frontend
) -> tuple[str, Ended]:
    run = run_status.find_run(store, wanted)
    store.check()
    refuse_cancelled(store, run)
    before = run_status.last_start(store, run)
    asked = _as_before(asked, before, store, front)
    checked = open_checked(asked, front.problem)
    if asked.settings.products:
        make_sure(asked.settings.products)
        store.workspace = replace(store.workspace, products=asked.settings.products)
    opened = reopen(store, run, shared=not asked.owns_process)
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
        result_cache = result_cache_of(asked, job, store)
        remove_orphans(opened)
        front.resumes(before, job, result_cache)
        return run, launch(asked, job, opened, result_cache, starting, front)
    finally:
        opened.close()


def _as_before(asked: RunOptions, before: RunStarted, store: Store, front: Frontend) -> RunOptions:
    """Restore the options that the run was started with; those given now take precedence."""
    recorded, now = Settings.of(before), asked.settings
    profile = asked.profile
    if (
        recorded.profile is not None
        and not asked.profile_given
        and (moved := _where(recorded.profile, before, store)).is_file()
    ):
        profile = load_profile(moved)
    settings = replace(
        recorded,
        file=now.file or os.fspath(_file_of(before, store, front)),
        executor=now.executor or known_executor(before.executor, _RECORDED, profile.executors),
        max_parallel=now.max_parallel or recorded.max_parallel,
        memory=now.memory or recorded.memory,
        gpus=recorded.gpus if now.gpus is None else now.gpus,
        library=now.library or recorded.library,
        modules=now.modules or tuple(_where(path, before, store) for path in recorded.modules),
        profile=profile.path,
        products=now.products or _root_of(recorded.products, before, store),
        reuse=now.reuse and recorded.reuse,
        prefect=now.prefect and recorded.prefect,
    )
    # Of secret ones stars are recorded.
    params = {n: value for n, value in before.params.items() if n not in recorded.secrets}
    return replace(asked, settings=settings, profile=profile, params={**params, **asked.params})


def _root_of(root: str | None, before: RunStarted, store: Store) -> str | None:
    """The directory in which the run kept its products. A disk that is not mounted now is not
    replaced by a new directory.
    """
    if root is None or not is_local(root):
        return root
    path = _where(path_of(root), before, store)
    if not path.is_dir():
        raise UsageError(f"{path}: the directory for products is gone; name one with --products")
    return path.as_uri()


def _where(path: Path, before: RunStarted, store: Store) -> Path:
    """A file of the project: where it was or, if the project was moved with its workspace, there.

    Raises UsageError for one among the products: what a run has made, here or where it was
    exported, is not code of this project.
    """
    project = Provenance.of(before).directory
    moved = store.workspace.root.parent
    if not path.exists() and path.is_relative_to(project):
        path = moved / path.relative_to(project)
    if path.resolve().is_relative_to(store.workspace.runs):
        raise UsageError(
            f"{path}: nothing among the products of runs is imported as code; name the file "
            "with --workloads or --profile"
        )
    return path


def _file_of(before: RunStarted, store: Store, front: Frontend) -> Path:
    """The pipeline file: where it was, or beside the workspace, or as the run recorded it."""
    directory = Provenance.of(before).directory
    for place in (directory, store.workspace.root.parent, Path()):
        if (place / before.file).is_file():
            return place / before.file
    texts = Provenance.of(before).sources
    if not texts:
        raise UsageError(f"no such file: {before.file!r}; say where it is with --file")
    folder = store.workspace.run(before.run).path / "pipeline"
    for name, text in texts.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"no such file: {before.file!r}; say where it is with --file")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    front.note(f"{before.file} is gone; using the text that the run has recorded")
    return folder / Path(before.file).name
