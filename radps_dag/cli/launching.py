"""A run that is prepared, driven and shown: the server, the display, the questions."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TextIO

import click

from radps_dag.cli.running import RunOptions
from radps_dag.sealed import Secrets
from radps_dag.visible import hide_in_streams

if TYPE_CHECKING:
    from radps_dag.engine.drive import Ended, Job
    from radps_dag.engine.tracker import Tracker
    from radps_dag.facts import Listener
    from radps_dag.journal.workspace import RunDirectory
    from radps_dag.progress import Display, Mode
    from radps_dag.questions.prompts import PromptChannel
    from radps_dag.reuse.cache import ResultCache
    from radps_dag.runs.record import OpenRun

__all__ = ["begin_server", "launch"]


def begin_server(asked: RunOptions) -> Any:
    """Start the server that is going to be needed, beside everything else."""
    from radps_dag.notify.event_sinks import secret_of
    from radps_dag.runs import session

    secret_of(asked.profile.events)  # before anything is there of a run that could not sign
    if asked.profile.prefect_api_url is not None:
        os.environ.setdefault("PREFECT_API_URL", asked.profile.prefect_api_url)
    return None if asked.no_prefect else session.begin_server()


def launch(
    asked: RunOptions, job: Job, opened: OpenRun, memory: ResultCache, starting: Any
) -> Ended:
    """Drive the run to its end, and show it."""
    from radps_dag import progress
    from radps_dag.engine.planning import plan, whole_groups
    from radps_dag.notify.event_sinks import announcing, secret_of
    from radps_dag.runs import session

    secret = secret_of(asked.profile.events)
    if not memory.empty and not asked.no_prefect:
        job = replace(job, whole=whole_groups(plan(job, memory)))

    secrets = Secrets.of(job.params)
    hide_in_streams(secrets.hide)  # also from what workloads print in threads
    trackers: list[Tracker] = []
    with (
        _saying_farewell(trackers),
        _apart(asked.progress, opened.directory, secrets) as (mode, stream),
        progress.listener(mode, stream, expected=job.graph) as listener,
        announcing(asked.profile.events, secret, partial(_note, listener, "warning")) as hear,
    ):

        def tracker(record: Listener) -> Tracker:
            trackers.append(_tracker(asked, job, opened, starting, listener, record))
            return trackers[0]

        leaving = partial(_show_cursor, stream if mode == "live" else None)
        prompt_channels = _faces(asked, stream, listener)
        return session.run_job(
            job,
            opened,
            memory,
            asked.max_parallel,
            listener,
            tracker,
            leaving,
            prompt_channels,
            asked.detach_on_pause,
            (hear,),
        )


@contextlib.contextmanager
def _saying_farewell(trackers: list[Tracker]) -> Iterator[None]:
    """At the end, when all is recorded and shown, wait a moment for what is sent elsewhere."""
    try:
        yield
    finally:
        # The run is over: a Ctrl-C ends this wait, and changes nothing of how the run ended.
        with contextlib.suppress(KeyboardInterrupt):
            if not all(tracker.farewell() for tracker in trackers):
                click.echo(
                    "radps-dag: warning: Prefect's server does not take the last of what it is "
                    "told of the run; its page may miss some of it, the journal has everything",
                    err=True,
                )


def _faces(asked: RunOptions, stream: TextIO, listener: Display) -> list[PromptChannel]:
    """Where questions are asked by this program itself: in its terminal, if it has one."""
    quiet = asked.progress in ("json", "quiet")
    here = not quiet and sys.stdin.isatty() and stream.isatty()
    here = here and not asked.detach_on_pause  # who leaves does not stay to type
    if asked.interactive == "never" or (asked.interactive == "auto" and not here):
        return []
    from radps_dag.cli.asking import Terminal

    return [Terminal(stream, listener.suspended)]


@contextlib.contextmanager
def _apart(
    progress: Mode, directory: RunDirectory, secrets: Secrets
) -> Iterator[tuple[Mode, TextIO]]:
    """How the run is shown, and on what; what workloads print must not get between it."""
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


def _note(listener: Listener, level: Literal["info", "warning"], message: str) -> None:
    from radps_dag.facts import Noted

    listener(Noted(time=time.time(), place="", message=message, level=level))


def _tracker(
    asked: RunOptions,
    job: Job,
    opened: OpenRun,
    starting: Any,
    listener: Listener,
    record: Listener,
) -> Tracker:
    from radps_dag.engine.tracker import Untracked
    from radps_dag.facts import Tracked
    from radps_dag.runs import session

    def begun(flow_run: str, api: str) -> None:
        record(Tracked(time=time.time(), place="", flow_run=flow_run, api=api))

    if asked.no_prefect:
        return Untracked()
    tell, warn = partial(_note, listener, "info"), partial(_note, listener, "warning")
    depth = asked.profile.prefect.subflow_depth
    return session.prefect_tracker(job.pipeline.name, starting, tell, warn, begun, opened, depth)
