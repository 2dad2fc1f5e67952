"""A run that is prepared, driven to its end and shown: a new one, or one that is resumed."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from radps_dag.facts import Listener, Noted, Tracked
from radps_dag.runs.frontend import Frontend
from radps_dag.runs.options import RunOptions
from radps_dag.runs.preparing import (
    open_checked,
    open_store_of,
    prepare,
    refuse_too_large,
    result_cache_of,
)

if TYPE_CHECKING:
    from radps_dag.engine.drive import Ended
    from radps_dag.engine.job import Job
    from radps_dag.engine.tracker import Tracker
    from radps_dag.reuse.cache import ResultCache
    from radps_dag.runs.record import OpenRun

__all__ = ["begin_server", "launch", "start"]


def start(asked: RunOptions, front: Frontend) -> tuple[str, Ended]:
    """Begin a run and drive it to its end; its id, and how it ended.

    Raises InvalidPipeline and UsageError for what is wrong before, and leaves nothing then.
    """
    checked = open_checked(asked, front.problem)
    # Here, so that a file with mistakes leaves nothing behind.
    from radps_dag.runs.record import new_run
    from radps_dag.storage.remote import make_sure

    if asked.settings.products:
        make_sure(asked.settings.products)
    store = open_store_of(asked)
    try:
        job = prepare(asked, checked, store)
        refuse_too_large(job)
        starting = begin_server(asked)
        opened = new_run(store, job.pipeline.name, shared=not asked.owns_process)
        try:
            directory = opened.directory
            job = replace(
                job, run=directory.id, workdir=directory.products, publish=directory.published
            )
            result_cache = result_cache_of(asked, job, store)
            return job.run, launch(asked, job, opened, result_cache, starting, front)
        finally:
            opened.close()
    finally:
        store.close()


def begin_server(asked: RunOptions) -> Any:
    """Start the server that is going to be needed, beside everything else."""
    from radps_dag.notify.event_sinks import secret_of
    from radps_dag.runs import session

    secret_of(asked.profile.events)  # before anything is there of a run that could not sign
    if asked.owns_process and asked.settings.prefect:
        logging.raiseExceptions = False  # or Prefect prints what it cannot send
    if asked.owns_process and asked.profile.prefect_api_url is not None:
        os.environ.setdefault("PREFECT_API_URL", asked.profile.prefect_api_url)
    if not asked.settings.prefect:
        return None
    return session.begin_server(asked.profile.prefect_api_url)


def launch(
    asked: RunOptions,
    job: Job,
    opened: OpenRun,
    result_cache: ResultCache,
    starting: Any,
    front: Frontend,
) -> Ended:
    """Drive the run to its end, and show it."""
    from radps_dag.engine.planning import plan, reused_groups
    from radps_dag.notify.event_sinks import announcing, secret_of
    from radps_dag.runs import session

    secret = secret_of(asked.profile.events)
    if not result_cache.empty and asked.settings.prefect:
        job = replace(job, reused_groups=reused_groups(plan(job, result_cache)))
    trackers: list[Tracker] = []
    with (
        _saying_farewell(trackers, front),
        front.screen(job, opened.directory) as screen,
        announcing(
            asked.profile.events, secret, partial(_note, screen.listener, "warning")
        ) as hear,
    ):

        def tracker(record: Listener) -> Tracker:
            trackers.append(_tracker(asked, job, opened, starting, screen.listener, record))
            return trackers[0]

        return session.run_job(
            job,
            opened,
            result_cache,
            screen,
            tracker,
            detach=asked.detach_on_pause,
            also=(hear,),
            owns_process=asked.owns_process,
            flow_run=asked.flow_run,
        )


@contextlib.contextmanager
def _saying_farewell(trackers: list[Tracker], front: Frontend) -> Iterator[None]:
    """Wait a moment, at the end, for events that are still being sent."""
    try:
        yield
    finally:
        # The run is over: a Ctrl-C ends this wait, and changes nothing of how the run ended.
        with contextlib.suppress(KeyboardInterrupt):
            if not all(tracker.farewell() for tracker in trackers):
                front.warn(
                    "Prefect's server does not take the last of what it is told of the run; "
                    "its page may miss some of it, the journal has everything"
                )


def _warning_on(listener: Listener) -> Callable[[str], None]:
    return partial(_note, listener, "warning")


def _note(listener: Listener, level: Literal["info", "warning"], message: str) -> None:
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
    from radps_dag.runs import session

    def begun(flow_run: str, api: str) -> None:
        record(Tracked(time=time.time(), place="", flow_run=flow_run, api=api))

    if not job.settings.prefect:
        return Untracked()
    tell, warn = partial(_note, listener, "info"), _warning_on(listener)
    use = session.into_environment if asked.owns_process else session.into_settings
    url = asked.profile.prefect_api_url
    if url is not None and not os.environ.get("PREFECT_API_URL"):
        use({"PREFECT_API_URL": url})
    depth = asked.profile.prefect.subflow_depth
    return session.prefect_tracker(
        *(job.pipeline.name, starting, tell, warn, begun, opened, use, depth, asked.flow_run)
    )
