"""A request to a job: the pipeline opened and checked, and all that a run of it needs to know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag.executors.capacity import compared_with_workers
from radps_dag.executors.registry import DEFAULT, ExecutorChoice, choose, find_executor
from radps_dag.language.model import Task, walk
from radps_dag.opening import open_pipeline, params_of, settle
from radps_dag.problem import InvalidPipeline, Problem, UsageError
from radps_dag.runs.options import RunOptions, with_profile
from radps_dag.sealed import Secrets
from radps_dag.workloads.contract.asking import asked_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from radps_dag.engine.job import Job
    from radps_dag.engine.planning import Planned
    from radps_dag.engine.settings import Selection
    from radps_dag.executors.call import Capabilities
    from radps_dag.faults import Faults
    from radps_dag.journal.rows import DamagedRun
    from radps_dag.journal.store import Store
    from radps_dag.language.model import Pipeline
    from radps_dag.reuse.cache import ResultCache
    from radps_dag.reuse.stages import StageResult
    from radps_dag.workloads.contract.registry import Library

__all__ = [
    "Checked",
    "open_checked",
    "open_journal",
    "open_store_of",
    "planned_by",
    "prepare",
    "refuse_too_large",
    "result_cache_of",
]


@dataclass(frozen=True, slots=True)
class Checked:
    """A pipeline that is known to make sense, with the workloads that it calls and its params."""

    pipeline: Pipeline
    library: Library
    params: Mapping[str, Any]


def open_store_of(asked: RunOptions, *, reading: bool = False) -> Store:
    """The journal of the workspace that is asked for; `reading` changes nothing."""
    from radps_dag.journal.opening import open_store
    from radps_dag.journal.workspace import Workspace

    workspace = Workspace(asked.workspace.resolve(), asked.settings.products or "")
    return open_store(workspace, asked.store, reading=reading, empty=reading)


def open_journal(workspace: Path, url: str | None) -> Store:
    """The journal that options, or else the profile, name."""
    from radps_dag.journal.opening import open_store
    from radps_dag.journal.workspace import Workspace
    from radps_dag.profile import find_profile

    return open_store(Workspace(workspace.resolve()), url or find_profile().store)


def open_checked(asked: RunOptions, warn: Callable[[Problem], None]) -> Checked:
    """The pipeline, its library and its params, after every check that can be made before."""
    settings = asked.settings
    executor = _executor_of(asked)
    if asked.functions and find_executor(executor.kind).capabilities.isolates:
        raise UsageError(
            "workloads that are functions compute in threads, not with the executor "
            f"{executor.name!r}; put them into a file, and name that"
        )
    pipeline, library = open_pipeline(
        settings.file,
        asked.library or settings.library,
        settings.modules,
        asked.profile,
        warn,
        asked.functions,
        tools=not _is_of_a_run(asked),
    )
    params = params_of(
        pipeline,
        asked.profile,
        asked.arguments,
        asked.params_files,
        asked.params,
        values=asked.values,
        take_secrets=asked.owns_process,
    )
    settle(pipeline, library, params, warn, _chosen(settings.part, pipeline))
    return Checked(pipeline, library, params)


def _executor_of(asked: RunOptions) -> ExecutorChoice:
    name = asked.settings.executor or asked.profile.executor or DEFAULT
    return choose(name, asked.profile.executors)


def _is_of_a_run(asked: RunOptions) -> bool:
    """Whether the file lies among what runs have recorded: who wrote that is not trusted, and what
    is beside it is not run."""
    runs = asked.workspace.resolve() / "runs"
    return bool(asked.settings.file) and Path(asked.settings.file).resolve().is_relative_to(runs)


def _chosen(part: Selection, pipeline: Pipeline) -> tuple[str, ...] | None:
    """The stages that would run; None for all of them."""
    if not part:
        return None
    from radps_dag.builder import build
    from radps_dag.engine import selection

    return selection.choose(build(pipeline), part)


def prepare(asked: RunOptions, checked: Checked, store: Store) -> Job:
    """Build the job to run; its id is still to be given."""
    # Imported when the file is known to be good: the graph library takes its time.
    from radps_dag.engine.forcing import refuse_unmatched
    from radps_dag.engine.job import job_of
    from radps_dag.overlays import overlay_words
    from radps_dag.reuse.stages import earlier_outputs
    from radps_dag.runs.provenance import describe

    pipeline, library, params = checked.pipeline, checked.library, checked.params
    secrets = Secrets.of(params)
    executor = _executor_of(asked)
    faults = _faults(asked.faults, pipeline, find_executor(executor.kind).capabilities)
    damaged: list[DamagedRun] = []

    def earlier(stages: AbstractSet[str]) -> Mapping[str, StageResult]:
        outputs = earlier_outputs(store, pipeline.name, stages, damaged.append)
        if damaged:
            store.check(thorough=True)
        return outputs

    settings = replace(
        asked.settings,
        secrets=tuple(secrets.contents),
        site=overlay_words(pipeline, asked.profile.nodes),
    )
    job = job_of(pipeline, library, params, settings, earlier)
    refuse_unmatched(asked.force, pipeline, tuple(job.graph), params)
    return replace(
        job,
        chosen=executor,
        faults=faults,
        provenance=describe(pipeline, library, secrets),
        damaged={error.run: error.warning for error in damaged},
    )


def refuse_too_large(job: Job) -> None:
    """Raise InvalidPipeline for calls that could never run here. Raises UsageError where a cluster
    does not answer."""
    offer = compared_with_workers(job.offer, job.executor)
    workloads = job.library.workloads
    tasks = (node for _, node in walk(job.pipeline) if isinstance(node, Task))
    # All else was settled when the file was opened.
    if any(asked_by(task, workloads) for task in tasks):
        settle(job.pipeline, job.library, job.params, stages=job.graph, refusals=offer.refusals)


def result_cache_of(asked: RunOptions, job: Job, store: Store) -> ResultCache:
    """Open the result cache for a run of the job."""
    from radps_dag.language.params import named_paths
    from radps_dag.reuse.cache import Policy, ResultCache, patterns
    from radps_dag.reuse.keys import Keys
    from radps_dag.workloads.tools.used import used_tools

    policy = Policy(asked.settings.reuse, patterns(asked.force))
    keys = Keys(job.library, store.workspace, remember=not store.reading)
    keys.paths |= named_paths(job.pipeline, job.params)
    result_cache = ResultCache(store, keys, job.run, job.pipeline.name, policy, job.faults)
    result_cache.damaged.update(job.damaged)
    for workload in used_tools(job.pipeline, job.library):
        keys.source(workload)  # asks the program for its version, which may take a while
    return result_cache


def planned_by(
    asked: RunOptions,
    problem: Callable[[Problem], None],
    warn: Callable[[str], None],
    site: Callable[[Mapping[str, str]], None] = lambda _: None,
) -> list[Planned]:
    """List what a run would run, reuse and skip; nothing is changed. `site` gets what the profile
    says of calls, by their paths. Raises InvalidPipeline for calls that could never run."""
    checked = open_checked(asked, problem)
    from radps_dag.engine.planning import plan

    store = open_store_of(asked, reading=True)
    try:
        job = prepare(asked, checked, store)
        try:
            refuse_too_large(replace(job, settings=with_profile(job.settings, asked.profile)))
        except UsageError as error:
            warn(f"{error}; what calls ask for was not compared with what workers have")
        job = replace(job, run="plan", workdir=store.workspace.run("plan").products)
        result_cache = result_cache_of(asked, job, store)
        planned = plan(job, result_cache)
        result_cache.tell(warn)
        site(job.settings.site)
        return planned
    finally:
        store.close()


def _faults(given: Faults | Path | None, pipeline: Pipeline, executor: Capabilities) -> Faults:
    from radps_dag.faults import Faults, load_faults

    if given is None:
        return Faults()
    faults = given if isinstance(given, Faults) else load_faults(given)
    problems = list(faults.unmatched(pipeline))
    if not executor.isolates:
        problems += faults.fatal()
    if problems:
        raise InvalidPipeline(problems)
    return faults
