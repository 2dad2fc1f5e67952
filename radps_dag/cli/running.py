"""A pipeline file and what is asked of it, to a run: shared by `run`, `resume` and `plan`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from radps_dag.problem import InvalidPipeline, Problem
from radps_dag.profile import Profile
from radps_dag.sealed import Secrets

if TYPE_CHECKING:
    from radps_dag.engine.drive import Job
    from radps_dag.executors.call import Capabilities
    from radps_dag.faults import Faults
    from radps_dag.journal.rows import DamagedRun
    from radps_dag.journal.store import Store
    from radps_dag.language.model import Pipeline
    from radps_dag.progress import Mode
    from radps_dag.reuse.cache import ResultCache

__all__ = [
    "Part",
    "RunOptions",
    "exit_code",
    "memory_of",
    "open_journal",
    "open_store_of",
    "opened_pipeline",
    "prepare",
    "products_root",
    "refuse_too_large",
    "shown",
]


@dataclass(frozen=True, slots=True)
class Part:
    """The stages that are asked for; nothing at all is everything."""

    only: tuple[str, ...] = ()
    begin: tuple[str, ...] = ()
    until: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What the command line says, with what the profile and an earlier run add."""

    file: Path
    workspace: Path
    profile: Profile
    profile_given: bool = False
    arguments: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)  # of the run that is resumed
    params_files: tuple[Path, ...] = ()
    part: Part = Part()
    executor: str = ""  # "" for the default
    max_parallel: int | None = None
    memory: int | None = None
    gpus: int | None = None
    faults_file: Path | None = None
    seed: int = 0
    library: str | None = None
    modules: tuple[Path, ...] = ()
    store: str | None = None
    products: str | None = None
    force: tuple[str, ...] = ()
    reuse: bool = True
    progress: Mode = "auto"
    no_prefect: bool = False
    interactive: Literal["auto", "always", "never"] = "auto"
    detach_on_pause: bool = False
    thresholds: Mapping[str, Any] | None = None  # of the run that is resumed

    @property
    def settings(self) -> dict[str, Any]:
        """What `resume` asks for again, where its command line says nothing else."""
        return {
            "library": self.library,
            "modules": [os.fspath(path.resolve()) for path in self.modules],
            "profile": None if self.profile.path is None else os.fspath(self.profile.path),
            "only": list(self.part.only),
            "from": list(self.part.begin),
            "until": list(self.part.until),
            "max_parallel": self.max_parallel,
            "memory": self.memory,
            "gpus": self.gpus,
            "reuse": self.reuse,
            "prefect": not self.no_prefect,
            "products": self.products,
            "thresholds": self.limits,
        }

    @property
    def limits(self) -> Mapping[str, Any]:
        """Thresholds of QA that go before the file's; a resumed run keeps those it had."""
        return self.profile.thresholds if self.thresholds is None else self.thresholds


def exit_code(status: str) -> int:
    """Of the program, for how a run ended."""
    return {"succeeded": 0, "paused": 3}.get(status, 1)


def shown(quiet: bool, as_json: bool, progress: Mode) -> Mode:
    """How the run is to be shown, from three options that say it."""
    if as_json:
        return "json"
    return "quiet" if quiet else progress


def open_store_of(asked: RunOptions, *, reading: bool = False) -> Store:
    """The journal of the workspace that is asked for; `reading` changes nothing."""
    from radps_dag.journal.opening import open_store
    from radps_dag.journal.workspace import Workspace

    workspace = Workspace(asked.workspace.resolve(), asked.products or "")
    return open_store(workspace, asked.store, reading=reading, empty=reading)


def open_journal(workspace: Path, url: str | None) -> Store:
    """The journal that options, or else the profile, name."""
    from radps_dag.journal.opening import open_store
    from radps_dag.journal.workspace import Workspace
    from radps_dag.profile import find_profile

    return open_store(Workspace(workspace.resolve()), url or find_profile().store)


def products_root(given: str | None, profile: Profile) -> str | None:
    """Where products are to go, as a URL; None for the workspace."""
    from radps_dag.storage.remote import root_of

    return root_of(given or profile.products or "") or None


def opened_pipeline(asked: RunOptions) -> tuple[Pipeline, Any, dict[str, Any]]:
    """The pipeline, its library and its params, after every check that can be made before."""
    # Imported late, so that the shell completes the command's options at once.
    from radps_dag.cli.opening import open_pipeline, params_of, settle

    pipeline, library = open_pipeline(
        asked.file, asked.library, asked.modules, asked.profile, _show_warning
    )
    params = params_of(pipeline, asked.profile, asked.arguments, asked.params_files, asked.params)
    settle(pipeline, library, params, _show_warning, _chosen(asked.part, pipeline))
    return pipeline, library, params


def _chosen(part: Part, pipeline: Pipeline) -> tuple[str, ...] | None:
    """The stages that would run; None for all of them."""
    if part == Part():
        return None
    from radps_dag.builder import build
    from radps_dag.engine import selection

    wish = selection.Selection(part.only, part.begin, part.until)
    return selection.choose(build(pipeline), wish)


def _show_warning(problem: Problem) -> None:
    from radps_dag.cli.problems import as_text, wants_colour

    click.echo(as_text(problem, wants_colour(sys.stderr)), err=True)


def prepare(asked: RunOptions, checked: tuple[Pipeline, Any, dict[str, Any]], store: Store) -> Job:
    """What is to run; its id is still to be given."""
    pipeline, library, params = checked
    # Imported when the file is known to be good: the graph library takes its time.
    from radps_dag.builder import build
    from radps_dag.engine import selection
    from radps_dag.engine.capacity import memory_for
    from radps_dag.engine.drive import Job
    from radps_dag.engine.forcing import refuse_unmatched
    from radps_dag.engine.live_context import asks_for_context
    from radps_dag.executors.registry import DEFAULT, find_executor
    from radps_dag.qa import Overrides
    from radps_dag.reuse.revisions import changes_in_place
    from radps_dag.reuse.stages import earlier_outputs
    from radps_dag.runs.provenance import describe

    executor = asked.executor or DEFAULT
    capabilities = find_executor(executor).capabilities
    secrets = Secrets.of(params)
    faults = _faults(asked.faults_file, pipeline, capabilities)
    graph = build(pipeline)
    wish = selection.Selection(asked.part.only, asked.part.begin, asked.part.until)
    chosen = selection.choose(graph, wish)
    refuse_unmatched(asked.force, pipeline, chosen, params)
    required = selection.needed(graph, chosen)
    looks_back = asks_for_context(pipeline, library) or changes_in_place(pipeline.stages, library)
    before = selection.before(graph, chosen) if looks_back else ()
    damaged: list[DamagedRun] = []
    left = earlier_outputs(store, pipeline.name, {*required, *before}, damaged.append)
    if damaged:
        store.check(thorough=True)
    return Job(
        run="",
        pipeline=pipeline,
        graph=selection.subgraph(graph, chosen),
        library=library,
        params=params,
        executor_name=executor,
        workdir=asked.workspace,
        faults=faults,
        seed=asked.seed,
        file=str(asked.file),
        reused=selection.reuse(pipeline, required, left),
        left={id: left[id].run for id in before if id in left},
        settings=asked.settings | ({"secrets": [*secrets.contents]} if secrets.contents else {}),
        provenance=describe(pipeline, library, secrets),
        damaged={error.run: error.warning for error in damaged},
        limits=Overrides.of(asked.limits),
        memory=asked.memory or memory_for(capabilities),
        gpus=asked.gpus or 0,
    )


def refuse_too_large(job: Job) -> None:
    """Raise InvalidPipeline for calls that could never run here."""
    from radps_dag.engine.capacity import refuse_too_large

    refuse_too_large(job.pipeline, job.graph, job.executor_name, job.memory, job.gpus)


def memory_of(asked: RunOptions, job: Job, store: Store, run: str) -> ResultCache:
    """What need not run again, for a run of the job."""
    from radps_dag.reuse.cache import Policy, ResultCache, patterns
    from radps_dag.reuse.keys import Keys

    policy = Policy(asked.reuse, patterns(asked.force))
    keys = Keys(job.library, store.workspace, remember=not store.reading)
    memory = ResultCache(store, keys, run, job.pipeline.name, policy, job.faults)
    memory.damaged.update(job.damaged)
    return memory


def _faults(path: Path | None, pipeline: Pipeline, executor: Capabilities) -> Faults:
    from radps_dag.faults import Faults, load_faults

    if path is None:
        return Faults()
    faults = load_faults(path)
    problems = list(faults.unmatched(pipeline))
    if not executor.isolates:
        problems += faults.fatal()
    if problems:
        raise InvalidPipeline(problems)
    return faults
