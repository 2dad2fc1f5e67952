"""A run in a terminal: how it is shown, where it asks, and what workloads print meanwhile."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TextIO

import click

from radps_dag.runs.frontend import Screen
from radps_dag.sealed import Sealed, Secrets
from radps_dag.visible import hide_in_streams

if TYPE_CHECKING:
    from radps_dag.engine.job import Job
    from radps_dag.facts import RunStarted
    from radps_dag.journal.workspace import RunDirectory
    from radps_dag.problem import Problem
    from radps_dag.progress import Display, Mode
    from radps_dag.questions.prompts import PromptChannel
    from radps_dag.reuse.cache import ResultCache

__all__ = ["Interactive", "TerminalFrontend", "exit_code", "show_problem", "show_warning"]

Interactive = Literal["auto", "always", "never"]
MOST = 20  # calls that are said to run again


def exit_code(status: str) -> int:
    """The exit code of the program, by the status of the run."""
    return {"succeeded": 0, "paused": 3}.get(status, 1)


def show_problem(problem: Problem) -> None:
    """Print a warning about the pipeline file."""
    from radps_dag.cli.problems import as_text, wants_colour

    click.echo(as_text(problem, wants_colour(sys.stderr)), err=True)


def show_warning(message: str) -> None:
    """Print what a plan warns of."""
    click.echo(f"warning: {message}", err=True)


@dataclass(frozen=True, slots=True)
class TerminalFrontend:
    """This program's terminal, or what takes its place."""

    progress: Mode
    interactive: Interactive = "auto"
    detach_on_pause: bool = False

    def problem(self, problem: Problem) -> None:
        """Show a problem of the file."""
        show_problem(problem)

    def warn(self, message: str) -> None:
        """Print a warning."""
        click.echo(f"radps-dag: warning: {message}", err=True)

    def note(self, message: str) -> None:
        """Print what somebody may want to know."""
        click.echo(message, err=True)

    def resumes(self, before: RunStarted, job: Job, result_cache: ResultCache) -> None:
        """Show what has been edited since, and which calls that had ended well run again for it."""
        from radps_dag.cli.plan import brief, lines
        from radps_dag.engine.planning import plan
        from radps_dag.engine.provenance import Provenance
        from radps_dag.engine.settings import Settings

        old, new = Provenance.of(before).sources, job.provenance.sources
        for name in sorted({*old, *new}):
            if old.get(name) != new.get(name):
                gone = "no longer used" if name not in new else "edited"
                self.note(f"{name} is {'new' if name not in old else gone} since")
        secret = Settings.of(before).secrets
        for name, value in job.params.items():
            if isinstance(value, Sealed) or name in secret:
                continue  # a call that runs again for it says so
            if name in before.params and before.params[name] != value:
                self.note(f"param {name!r} was {before.params[name]!r}, is {value!r}")
        again = [
            node for node in plan(job, result_cache) if node.leaf and result_cache.had(node.place)
        ]
        rows = [row for row in brief(again) if row.verdict == "run"]
        for line in lines(rows[:MOST], colour=False):
            self.note(f"  {line}")
        if len(rows) > MOST:
            self.note(f"  and {len(rows) - MOST} more; `radps-dag plan` tells all")

    @contextlib.contextmanager
    def screen(self, job: Job, directory: RunDirectory) -> Iterator[Screen]:
        """Show the run while it goes on."""
        from radps_dag import progress
        from radps_dag.workloads.contract.percents import FOLDER

        secrets = Secrets.of(job.params)
        hide_in_streams(secrets.hide)  # also from what workloads print in threads
        with (
            _apart(self.progress, directory, secrets) as (mode, stream),
            progress.listener(
                mode,
                stream,
                expected=job.graph,
                percents=directory.products / FOLDER,
                occupancy=directory.occupancy,
            ) as listener,
        ):
            restore = partial(_show_cursor, stream if mode == "live" else None)
            yield Screen(listener, self._prompt_channels(stream, listener), restore)

    def _prompt_channels(self, stream: TextIO, listener: Display) -> tuple[PromptChannel, ...]:
        """The channels through which this program itself asks: its terminal, if it has one."""
        quiet = self.progress in ("json", "quiet")
        here = not quiet and sys.stdin.isatty() and stream.isatty()
        here = here and not self.detach_on_pause  # who leaves does not stay to type
        if self.interactive == "never" or (self.interactive == "auto" and not here):
            return ()
        from radps_dag.cli.asking import Terminal

        return (Terminal(stream, listener.suspended),)


@contextlib.contextmanager
def _apart(
    progress: Mode, directory: RunDirectory, secrets: Secrets
) -> Iterator[tuple[Mode, TextIO]]:
    """Give the progress mode and its stream; what workloads print is kept out of the display."""
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
    if mode == "live" and secrets.contents and log.exists():
        # What did not pass Python's streams came there as it was.
        log.write_bytes(secrets.hide_bytes(log.read_bytes()))
    if mode in ("live", "plain") and log.exists() and log.stat().st_size:
        click.echo(f"What the workloads printed: {log}", err=True)


def _show_cursor(stream: TextIO | None) -> None:
    """A live display hides it."""
    if stream is not None:
        os.write(stream.fileno(), b"\x1b[?25h\n")
