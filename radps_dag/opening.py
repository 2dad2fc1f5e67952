"""A path to a pipeline that is known to make sense, with the workloads that it calls."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag import checks, loader
from radps_dag.checks.resources import Refusals, no_refusals
from radps_dag.checks.settled import settled
from radps_dag.language.model import Pipeline
from radps_dag.language.params import absences, defaults, resolve
from radps_dag.language.paths import located
from radps_dag.language.shape import mismatch
from radps_dag.language.source import Report
from radps_dag.problem import InvalidPipeline, Location, Problem, UsageError
from radps_dag.profile import Profile, find_profile
from radps_dag.sealed import Sealed, variable
from radps_dag.workloads.contract.registry import (
    Library,
    find_library,
    in_containers,
    libraries,
    tools_in,
    with_functions,
    with_tools,
)

if TYPE_CHECKING:
    from radps_dag.overlays import Overlay

__all__ = [
    "apart",
    "check",
    "examine",
    "open_pipeline",
    "params_of",
    "project_library",
    "settle",
]


def open_pipeline(
    path: str | os.PathLike[str] | Pipeline,
    library: str | Library | None = None,
    modules: Sequence[Path] = (),
    profile: Profile | None = None,
    warn: Report = lambda _: None,
    functions: Sequence[Callable[..., Any]] = (),
    tools: bool = True,
) -> tuple[Pipeline, Library]:
    """The pipeline of a file and its library, after every check that needs no run.

    `library` is used instead of the one that the file names; `modules` are a project's own
    workload files, `functions` workloads that are at hand. They go before the profile, which is the
    one found from here upwards where none is given. Without `tools`, the folder beside the pipeline
    is not looked into. Warnings go to `warn`, in the order of the
    file. Raises InvalidPipeline with every error, and UsageError for what is not there.
    """
    chosen = find_profile() if profile is None else profile
    with _no_collection():
        folders = [] if chosen.path is None else [chosen.path.resolve().parent]
        if tools and (file := path.path if isinstance(path, Pipeline) else os.fspath(path)):
            folders.append(Path(file).resolve().parent)
        own_tools = [tool for folder in dict.fromkeys(folders) for tool in tools_in(_shown(folder))]
        modules = (*chosen.workloads, *modules)
        pipeline, workloads = _opened(
            path, library or chosen.library, own_tools, modules, functions, warn, chosen.nodes
        )
        return pipeline, in_containers(workloads, chosen.containers)


def project_library(name: str, profile: Profile, modules: Sequence[Path] = ()) -> Library:
    """A library with a project's own workloads: those that the profile names, those of its tool
    files (of a profile's folder or, without one, of this one), and `modules`."""
    folder = Path.cwd() if profile.path is None else profile.path.resolve().parent
    library = find_library(name, (*tools_in(_shown(folder)), *profile.workloads, *modules))
    return in_containers(library, profile.containers)


def settle(
    pipeline: Pipeline,
    library: Library,
    params: Mapping[str, Any],
    warn: Report = lambda _: None,
    stages: Collection[str] | None = None,
    refusals: Refusals = no_refusals,
) -> None:
    """Evaluate what rests on these params alone, in these stages or in all, and ask `refusals` for
    the reasons why calls with such resources could never run.

    Warnings go to `warn`. Raises InvalidPipeline with all that would fail in the middle of a run.
    """
    # What a secret is decides about nothing that could be told here.
    open_params = {name: value for name, value in params.items() if not isinstance(value, Sealed)}
    _sort_out(list(settled(pipeline, library.workloads, open_params, stages, refusals)), warn)


def check(
    pipeline: str | os.PathLike[str] | Pipeline,
    *,
    params: Mapping[str, Any] | None = None,
    library: str | Library | None = None,
    workloads: Sequence[str | os.PathLike[str] | Callable[..., Any]] = (),
    profile: str | os.PathLike[str] | Profile | None = None,
) -> list[Problem]:
    """Every mistake in a pipeline, and what surely does not do what was meant, in their order.

    That is what `radps-dag validate` prints: an empty list is a pipeline that can run, with these
    params or else with its defaults. `library` and `workloads` (files, or functions) are used
    as in `run`. Raises UsageError for what is not there.
    """
    site = profile if isinstance(profile, Profile) else find_profile(profile)
    modules, functions = apart(workloads)
    problems: list[Problem] = []
    examine(pipeline, library, modules, site, problems.append, functions, values=params)
    return sorted(set(problems), key=lambda problem: problem.sort_key)


def examine(
    pipeline: str | os.PathLike[str] | Pipeline,
    library: str | Library | None,
    modules: Sequence[Path],
    profile: Profile,
    report: Report,
    functions: Sequence[Callable[..., Any]] = (),
    *,
    arguments: Sequence[str] = (),
    files: Sequence[Path] = (),
    values: Mapping[str, Any] | None = None,
    refusals: Refusals = no_refusals,
) -> Pipeline | None:
    """The pipeline, where it can run with these params, or with its defaults if none are given.
    `refusals` are as in `settle`.

    Every problem is reported. Raises UsageError for what is not there.
    """
    try:
        opened, chosen = open_pipeline(pipeline, library, modules, profile, report, functions)
        if arguments or files or values is not None:
            params = params_of(opened, profile, arguments, files, values=values, take_secrets=False)
        else:
            params = defaults(opened)
            own = [param for param in opened.params if param.name not in profile.params]
            for problem in absences(own, params):
                report(problem)
        settle(opened, chosen, params, report, refusals=refusals)
    except InvalidPipeline as error:
        for problem in error.problems:
            report(problem)
        return None
    return opened


def apart(
    workloads: Iterable[str | os.PathLike[str] | Callable[..., Any]],
) -> tuple[tuple[Path, ...], tuple[Callable[..., Any], ...]]:
    """Workload files, and workloads that are functions."""
    given = tuple(workloads)
    functions = tuple(item for item in given if callable(item))
    return tuple(Path(item) for item in given if not callable(item)), functions


def _opened(
    path: str | os.PathLike[str] | Pipeline,
    library: str | Library | None,
    tools: Sequence[Path],
    modules: Sequence[Path],
    functions: Sequence[Callable[..., Any]],
    warn: Report,
    nodes: Sequence[Overlay] = (),
) -> tuple[Pipeline, Library]:
    pipeline, problems = (path, []) if isinstance(path, Pipeline) else loader.read(path)
    if pipeline is None:
        raise InvalidPipeline(problems)
    if nodes:
        from radps_dag.overlays import overlaid, unmatched  # here: most profiles have none

        pipeline, problems = overlaid(pipeline, nodes), [*problems, *unmatched(pipeline, nodes)]
    try:
        if isinstance(library, Library):
            workloads = with_functions(with_tools(library, tools), functions)
        else:
            base = find_library(library or pipeline.library, (*tools, *modules))
            workloads = with_functions(base, functions)
    except InvalidPipeline as error:
        raise InvalidPipeline([*problems, *error.problems]) from None
    except UsageError as error:
        if library is not None or pipeline.library in libraries():
            raise
        problems.append(Problem(_named_at(pipeline), "library", str(error)))
        raise InvalidPipeline(problems) from None
    problems.extend(_not_shown_twice(checks.check(pipeline, workloads), problems))
    _sort_out(problems, warn)
    return pipeline, workloads


def _sort_out(problems: Collection[Problem], warn: Report) -> None:
    errors = [problem for problem in problems if problem.severity == "error"]
    for problem in sorted(set(problems).difference(errors), key=attrgetter("sort_key")):
        warn(problem)
    if errors:
        raise InvalidPipeline(errors)


def params_of(
    pipeline: Pipeline,
    profile: Profile,
    arguments: Iterable[str],
    files: Iterable[Path],
    before: Mapping[str, Any] | None = None,
    *,
    values: Mapping[str, Any] | None = None,
    take_secrets: bool = True,
    partial: bool = False,
) -> dict[str, Any]:
    """All params: from values, else arguments, else files, else the run `before`, else the profile,
    else their defaults. With `take_secrets` those that the environment gives are taken out of it;
    with `partial` those that nobody gives are left out. Raises InvalidPipeline, or UsageError for
    what the profile says."""
    params = {name: value for name, value in (before or {}).items() if _is_open(pipeline, name)}
    params = {**_from_profile(profile, pipeline), **params}
    return resolve(
        pipeline,
        arguments,
        files,
        params,
        values=values,
        take_secrets=take_secrets,
        partial=partial,
    )


def _is_open(pipeline: Pipeline, name: str) -> bool:
    """Whether there is such a param, of which an earlier run has recorded the value."""
    param = pipeline.param(name)
    return param is not None and not param.secret


def _from_profile(profile: Profile, pipeline: Pipeline) -> dict[str, Any]:
    """The params of the pipeline that the profile sets. Raises UsageError for a misfit."""
    params = {}
    folder = Path() if profile.path is None else profile.path.parent
    for name, value in profile.params.items():
        param = pipeline.param(name)
        if param is None:
            continue  # a profile serves more than one pipeline
        if param.secret:
            raise UsageError(
                f"{profile.path}: params.{name}: a secret param of {pipeline.name} does not stand "
                f"in a profile; set the environment's {variable(name)}, or name a --params-file"
            )
        if reason := mismatch(param.shape, value):
            raise UsageError(f"{profile.path}: params.{name}: {reason}")
        params[name] = located(param.schema, value, folder)
    return params


@contextmanager
def _no_collection() -> Iterator[None]:
    """Everything that is made here stays, and looking through it for garbage takes a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        # To the oldest generation as it is, instead of a look at all of it now.
        gc.freeze()
        gc.unfreeze()
        if enabled:
            gc.enable()


def _shown(folder: Path) -> Path:
    """A folder as messages name it: from here, where it is in here."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def _named_at(pipeline: Pipeline) -> Location:
    """The line where the file names its library."""
    source = pipeline.at.source
    for number, line in enumerate(source.lines, start=1):
        if line.startswith("library:"):
            return Location(source, number, 1)
    return pipeline.at


def _not_shown_twice(new: Iterator[Problem], shown: Sequence[Problem]) -> Iterator[Problem]:
    """A check's problem at the very place of a grammar problem says the same in other words."""
    places = {(problem.at.source.name, problem.at.line, problem.at.column) for problem in shown}
    for problem in new:
        if (problem.at.source.name, problem.at.line, problem.at.column) not in places:
            yield problem
