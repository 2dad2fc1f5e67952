"""Front end of a run: where it is shown, and where its questions are asked."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from radps_dag.facts import Listener

if TYPE_CHECKING:
    from radps_dag.engine.job import Job
    from radps_dag.facts import RunStarted
    from radps_dag.journal.workspace import RunDirectory
    from radps_dag.problem import Problem
    from radps_dag.questions.prompts import PromptChannel
    from radps_dag.reuse.cache import ResultCache

__all__ = ["Frontend", "Screen"]


@dataclass(frozen=True, slots=True)
class Screen:
    """The display of a run while it goes on. `restore` is called before a second signal ends the
    program at once: it leaves a terminal as it was.
    """

    listener: Listener
    prompt_channels: tuple[PromptChannel, ...] = ()
    restore: Callable[[], None] = lambda: None


class Frontend(Protocol):
    """A command line, a notebook, a test."""

    def problem(self, problem: Problem) -> None:
        """Show a warning about the pipeline file."""

    def warn(self, message: str) -> None:
        """Show a warning about the run while it is not on the screen."""

    def note(self, message: str) -> None:
        """Show what is good to know, and needs nothing to be done."""

    def resumes(self, before: RunStarted, job: Job, result_cache: ResultCache) -> None:
        """Show what has changed since the run was driven before."""

    def screen(self, job: Job, directory: RunDirectory) -> AbstractContextManager[Screen]:
        """Show the run until the context ends."""
