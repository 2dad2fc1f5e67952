"""A call in Python to a run, a plan and a result: what `import radps_dag` does."""

from __future__ import annotations

import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from radps_dag.engine.settings import Selection, Settings, checked_name
from radps_dag.facts import Fact, Noted, RunStarted
from radps_dag.opening import apart
from radps_dag.problem import Problem, RadpsDagError
from radps_dag.profile import Profile, find_profile
from radps_dag.runs.frontend import Screen
from radps_dag.runs.options import RunOptions, products_root, with_profile
from radps_dag.workloads.contract.registry import Library

if TYPE_CHECKING:
    from radps_dag.engine.drive import Ended
    from radps_dag.engine.job import Job
    from radps_dag.engine.planning import Planned
    from radps_dag.faults import Faults
    from radps_dag.journal.workspace import RunDirectory
    from radps_dag.outcome import NodeError
    from radps_dag.reuse.cache import ResultCache
    from radps_dag.workloads.contract.context import Context

__all__ = ["RunResult", "plan", "resume", "run"]

Place = str | os.PathLike[str]
Names = str | Sequence[str]
Workloads = Sequence[Place | Callable[..., Any]]
Status = Literal["succeeded", "failed", "interrupted", "paused", "cancelled"]


@dataclass(frozen=True, slots=True)
class RunResult:
    """The end of a run, and where to read about it. `error` is the failure that ended it."""

    run: str
    status: Status
    outputs: Mapping[str, Any]
    error: NodeError | None
    workspace: Path
    store: str | None = field(default=None, repr=False)

    @property
    def directory(self) -> Path:
        """The folder of the run in its workspace."""
        from radps_dag.journal.workspace import Workspace

        return Workspace(self.workspace).run(self.run).path

    def facts(self) -> list[Fact]:
        """All that the journal has of the run, also of the processes that drove it before."""
        from radps_dag.journal.opening import open_store
        from radps_dag.journal.workspace import Workspace

        store = open_store(Workspace(self.workspace), self.store, reading=True)
        try:
            return list(store.facts(self.run))
        finally:
            store.close()

    def context(self, at: str | None = None) -> Context:
        """The context of the run or, with `at`, the context that the node at this place saw when it
        started.
        """
        from radps_dag.context.access import load_context

        return load_context(self.run, workspace=self.workspace, store=self.store, at=at)

    def succeeded(self) -> RunResult:
        """The same, of a run that has succeeded. Raises its failure, or says how it ended."""
        if self.error is not None:
            raise self.error
        if self.status != "succeeded":
            hint = "" if self.status == "cancelled" else "; resume it to go on"
            raise RadpsDagError(f"run {self.run} is {self.status}{hint}")
        return self


def run(
    file: Place,
    *,
    params: Mapping[str, Any] | None = None,
    only: Names = (),
    begin: Names = (),
    until: Names = (),
    seed: int = 0,
    library: str | Library | None = None,
    workloads: Workloads = (),
    executor: str | None = None,
    max_parallel: int | None = None,
    memory: int | None = None,
    gpus: int | None = None,
    reuse: bool = True,
    force: Names = (),
    faults: Place | Faults | None = None,
    workspace: Place = ".radps",
    store: str | None = None,
    products: str | None = None,
    profile: Place | Profile | None = None,
    name: str | None = None,
    prefect: bool = True,
    detach_on_pause: bool = False,
    on_event: Callable[[Fact], object] | None = None,
) -> RunResult:
    """Check a pipeline file and run it to its end, as `radps-dag run` does.

    `params` are values by name. `only`, `begin` (the command's `--from`) and `until` choose stages;
    `force` names places that run again whatever is there. `library` is the name of one, or one that
    is at hand; `workloads` are files with workloads of your own, or functions. `memory` is in
    bytes. `profile` is a `radps-dag.toml`: the nearest one from here upwards, if nothing is said.
    `name` is for people: lists of runs show it.
    With `detach_on_pause` the run ends as "paused" once nothing but questions is left.

    `on_event` is told every fact of the run when it happens, in another thread, and warnings as
    `Noted`. It should return soon; where it raises, it hears no more, and Python warns of that.

    A failed run is a result, too. Raises InvalidPipeline with every mistake and UsageError for what
    does not fit together, before anything runs; RadpsDagError where the journal cannot be written.
    A KeyboardInterrupt ends the run in order and goes on; `resume` takes it up.
    """
    site = _profile(profile)
    settings = Settings(
        file=os.fspath(file),
        executor=executor or "",
        seed=seed,
        library=library if isinstance(library, str) else None,
        part=Selection(_names(only), _names(begin), _names(until)),
        max_parallel=max_parallel,
        memory=memory,
        gpus=gpus,
        reuse=reuse,
        prefect=prefect,
        products=products,
        name=checked_name(name),
    )
    asked = _asked(settings, site, params, library, workloads, workspace, store, force, faults)
    from radps_dag.runs.launching import start

    asked = replace(
        asked, settings=with_profile(asked.settings, site), detach_on_pause=detach_on_pause
    )
    with _listening(on_event) as front:
        return _result(asked, *start(asked, front))


def resume(
    run: str | None = None,
    *,
    file: Place | None = None,
    params: Mapping[str, Any] | None = None,
    library: str | Library | None = None,
    workloads: Workloads = (),
    executor: str | None = None,
    max_parallel: int | None = None,
    memory: int | None = None,
    gpus: int | None = None,
    reuse: bool = True,
    force: Names = (),
    faults: Place | Faults | None = None,
    workspace: Place = ".radps",
    store: str | None = None,
    products: str | None = None,
    profile: Place | Profile | None = None,
    prefect: bool = True,
    detach_on_pause: bool = False,
    on_event: Callable[[Fact], object] | None = None,
) -> RunResult:
    """Go on with a run, or with the last one, where it stopped, as `radps-dag resume` does.

    What is not said here is as it was when the run started. A `library` or `workloads` that were at
    hand then are not recorded: give them again. `on_event` is also told, as `Noted`, which calls
    run again that had ended well, and why. Raises as `run` does.
    """
    site = _profile(profile)
    settings = Settings(
        file="" if file is None else os.fspath(file),
        executor=executor or "",
        library=library if isinstance(library, str) else None,
        max_parallel=max_parallel,
        memory=memory,
        gpus=gpus,
        reuse=reuse,
        prefect=prefect,
        products=products_root(products, site) if products else None,
    )
    asked = _asked(settings, site, params, library, workloads, workspace, store, force, faults)
    asked = replace(asked, profile_given=profile is not None, detach_on_pause=detach_on_pause)
    from radps_dag.runs.resuming import resume

    with _listening(on_event) as front:
        return _result(asked, *resume(asked, run, front))


def plan(
    file: Place,
    *,
    params: Mapping[str, Any] | None = None,
    only: Names = (),
    begin: Names = (),
    until: Names = (),
    seed: int = 0,
    library: str | Library | None = None,
    workloads: Workloads = (),
    executor: str | None = None,
    memory: int | None = None,
    gpus: int | None = None,
    reuse: bool = True,
    force: Names = (),
    workspace: Place = ".radps",
    store: str | None = None,
    profile: Place | Profile | None = None,
) -> list[Planned]:
    """List what a run would run, reuse and skip, and why, node by node; nothing runs or changes.

    Python warns of earlier runs that are damaged. Raises as `run` does, before it would run: also
    for calls that ask for more than the executor has.
    """
    settings = Settings(
        file=os.fspath(file),
        executor=executor or "",
        seed=seed,
        library=library if isinstance(library, str) else None,
        part=Selection(_names(only), _names(begin), _names(until)),
        memory=memory,
        gpus=gpus,
        reuse=reuse,
    )
    asked = _asked(
        settings, _profile(profile), params, library, workloads, workspace, store, force, None
    )
    from radps_dag.runs.preparing import planned_by

    return planned_by(asked, lambda problem: None, lambda why: warnings.warn(why, stacklevel=2))


def _asked(
    settings: Settings,
    profile: Profile,
    params: Mapping[str, Any] | None,
    library: str | Library | None,
    workloads: Workloads,
    workspace: Place,
    store: str | None,
    force: Names,
    faults: Place | Faults | None,
) -> RunOptions:
    from radps_dag.faults import Faults

    modules, functions = apart(workloads)
    return RunOptions(
        settings=replace(settings, modules=modules),
        workspace=Path(workspace).resolve(),
        store=store or profile.store,
        profile=profile,
        library=library if isinstance(library, Library) else None,
        functions=functions,
        values=params or {},
        force=_names(force),
        faults=faults if faults is None or isinstance(faults, Faults) else Path(faults),
    )


def _names(given: Names) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _profile(given: Place | Profile | None) -> Profile:
    return given if isinstance(given, Profile) else find_profile(given)


def _result(asked: RunOptions, run: str, ended: Ended) -> RunResult:
    return RunResult(run, ended.status, ended.outputs, ended.error, asked.workspace, asked.store)


@dataclass(slots=True)
class _Listening:
    """Shows a run to a function: one that raises is not called again."""

    on_event: Callable[[Fact], object] | None
    run: str = ""
    error: Exception | None = None

    def hear(self, fact: Fact) -> None:
        if isinstance(fact, RunStarted):
            self.run = fact.run
        if self.on_event is None or self.error is not None:
            return
        try:
            self.on_event(fact)
        except Exception as error:  # noqa: BLE001  # whatever it is, the run is worth more
            self.error = error

    def problem(self, problem: Problem) -> None:
        self.warn(str(problem))

    def warn(self, message: str) -> None:
        self.hear(Noted(time=time.time(), place="", message=message, level="warning"))

    def note(self, message: str, place: str = "") -> None:
        self.hear(Noted(time=time.time(), place=place, message=message, level="info"))

    def resumes(self, before: RunStarted, job: Job, result_cache: ResultCache) -> None:
        from radps_dag.engine.planning import plan

        if self.on_event is None:
            return
        for node in plan(job, result_cache):
            if node.leaf and node.verdict == "run" and result_cache.had(node.place):
                self.note(f"runs again: {node.why}", node.place)

    @contextlib.contextmanager
    def screen(self, job: Job, directory: RunDirectory) -> Iterator[Screen]:
        yield Screen(self.hear)


@contextlib.contextmanager
def _listening(on_event: Callable[[Fact], object] | None) -> Iterator[_Listening]:
    front = _Listening(on_event)
    try:
        yield front
    except KeyboardInterrupt as interrupt:
        if front.run:
            interrupt.add_note(f"run {front.run} was interrupted; resume({front.run!r}) goes on")
        raise
    if front.error is not None:
        kind = type(front.error).__name__
        warnings.warn(
            f"on_event raised {kind}: {front.error}; it was told nothing after that", stacklevel=4
        )
