"""A path to a pipeline that is known to make sense, with the workloads that it calls."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from radps_dag import checks, loader
from radps_dag.model import Pipeline
from radps_dag.problem import InvalidPipeline, Location, Problem, UsageError
from radps_dag.profile import Profile, find_profile
from radps_dag.source import Report
from radps_dag.workloads.registry import Library, find_library, libraries

__all__ = ["open_pipeline"]


def open_pipeline(
    path: str | os.PathLike[str],
    library: str | None = None,
    modules: Sequence[Path] = (),
    profile: Profile | None = None,
    warn: Report = lambda _: None,
) -> tuple[Pipeline, Library]:
    """The pipeline of a file and its library, after every check that needs no run.

    `library` is used instead of the one that the file names; `modules` are a project's own
    workload files. Both go before the profile, which is the one found from here upwards where none
    is given. Warnings go to `warn`, in the order of the file. Raises InvalidPipeline with every
    error, and UsageError for what is not there.
    """
    chosen = find_profile() if profile is None else profile
    with _no_collection():
        return _opened(path, library or chosen.library, (*chosen.workloads, *modules), warn)


def _opened(
    path: str | os.PathLike[str], library: str | None, modules: Sequence[Path], warn: Report
) -> tuple[Pipeline, Library]:
    pipeline, problems = loader.read(path)
    if pipeline is None:
        raise InvalidPipeline(problems)
    try:
        workloads = find_library(library or pipeline.library, modules)
    except UsageError as error:
        if library is not None or pipeline.library in libraries():
            raise
        problems.append(Problem(_named_at(pipeline), "library", str(error)))
        raise InvalidPipeline(problems) from None
    problems.extend(_not_shown_twice(checks.check(pipeline, workloads), problems))
    errors = [problem for problem in problems if problem.severity == "error"]
    for problem in sorted(set(problems).difference(errors), key=lambda one: one.sort_key):
        warn(problem)
    if errors:
        raise InvalidPipeline(errors)
    return pipeline, workloads


@contextmanager
def _no_collection() -> Iterator[None]:
    """Everything that is made here stays, and looking through it for garbage takes a third."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _named_at(pipeline: Pipeline) -> Location:
    """The line where the file names its library."""
    source = pipeline.at.source
    for number, line in enumerate(source.lines, start=1):
        if line.startswith("library:"):
            return Location(source, number, 1)
    return pipeline.at


def _not_shown_twice(found: Iterator[Problem], known: Sequence[Problem]) -> Iterator[Problem]:
    """A check's problem at the very place of a grammar problem says the same in other words."""
    places = {(problem.at.source.name, problem.at.line, problem.at.column) for problem in known}
    for problem in found:
        if (problem.at.source.name, problem.at.line, problem.at.column) not in places:
            yield problem
