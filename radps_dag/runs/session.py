"""A job to its end: the server at hand, the executor open, the loop running, signals minded."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import shutil
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from radps_dag.engine.drive import Ended, drive, end_early
from radps_dag.engine.job import Job
from radps_dag.engine.live_context import LiveContext
from radps_dag.engine.tracker import Tracker, Untracked
from radps_dag.executors import Executor, open_executor
from radps_dag.facts import Fact, Listener, Noted, Tracked
from radps_dag.journal.cancelled import wished
from radps_dag.journal.occupancy import Occupancy, Wait, write
from radps_dag.prefect.server import Starting, begin, client_environment
from radps_dag.prefect.server.links import Link, no_link
from radps_dag.problem import RadpsDagError
from radps_dag.questions.folder import Folder
from radps_dag.questions.prompts import PromptChannel, Prompts
from radps_dag.reuse.cache import ResultCache
from radps_dag.runs.frontend import Screen
from radps_dag.runs.record import OpenRun, Recorder, recording
from radps_dag.runs.signals import run_apart, run_minding_signals
from radps_dag.sealed import Secrets

T = TypeVar("T")

LOOK = 0.5  # seconds between two looks for a wish, which is a look at a file
PATIENCE = 2.0  # seconds that a run which has ended waits until Prefect is told of others

__all__ = [
    "UseVariables",
    "begin_server",
    "into_environment",
    "into_settings",
    "prefect_tracker",
    "run_job",
]


UseVariables = Callable[[Mapping[str, str]], None]


def begin_server(other: str | None = None, idle_timeout: float | None = None) -> Starting | None:
    """Start our own server beside everything else, unless another one is to be used: that of the
    environment, or else this one."""
    if os.environ.get("PREFECT_API_URL") or other:
        return None
    return begin(idle_timeout=idle_timeout)


def into_environment(variables: Mapping[str, str]) -> None:
    """Have Prefect find the variables where it looks: the process is ours, and has one run."""
    os.environ.update(variables)


def into_settings(variables: Mapping[str, str]) -> None:
    """Give the variables to Prefect as settings of what this thread, or task, begins from now on:
    nobody else in the process sees them."""
    from radps_dag.prefect.client_settings import enter

    enter(variables)


def run_job(
    job: Job,
    opened: OpenRun,
    result_cache: ResultCache,
    screen: Screen,
    open_tracker: Callable[[Listener], Tracker],
    *,
    detach: bool = False,
    also: Sequence[Listener] = (),
    owns_process: bool = False,
    flow_run: str = "",
) -> Ended:
    """Run the job of a run that is open. Raises Interrupted if a signal ended it.

    Questions are shown on the `screen`, in the run's folder and by the tracker; with `detach` the
    run ends once nothing but questions is left. `also` hear what the journal has, beside the
    screen. Signals are minded where the process is ours; the worker that ends the process of a
    deployment's `flow_run` sends several.
    """
    executor = _open(job, opened, screen)
    others = list(also)
    trackers: list[Tracker] = []

    def emit(fact: Fact) -> None:
        screen.listener(fact)
        for listener in others:
            # What they tell elsewhere is news; no mistake in it is worth the run.
            try:  # noqa: SIM105  # a `suppress` for each fact costs more
                listener(fact)
            except Exception:  # noqa: BLE001, S110
                pass

    def leave_at_once() -> None:
        screen.restore()
        executor.kill()

    def hurry() -> None:
        for tracker in trackers:
            tracker.hurry()

    async def drive_job(record: Recorder) -> Ended:
        run = asyncio.current_task()
        assert run is not None
        loop = asyncio.get_running_loop()
        record.when_broken(partial(_cancel, loop, run))
        live_context = _knowing(job, opened, record, loop)
        # Prefect takes seconds to import, and its server to start: a signal finds them in a thread.
        try:
            tracker = await _in_thread(lambda: open_tracker(record))
        except asyncio.CancelledError:
            await executor.close()
            return end_early(job, record)
        repairs = asyncio.create_task(_repairs(tracker, opened, flow_run))
        others.append(tracker.on_fact)
        trackers.append(tracker)

        def leave() -> None:
            tracker.leave()
            run.cancel()

        watch = asyncio.create_task(_cancel_when_wished(opened, run, owns_process))
        prompts = _prompts(opened, tracker, screen.prompt_channels, leave if detach else None)
        try:
            return await drive(
                job,
                executor,
                tracker,
                record,
                result_cache,
                record.settled,
                live_context,
                prompts,
                emit,
                opened.directory.occupancy,
            )
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError, TimeoutError):
                await asyncio.wait_for(repairs, PATIENCE)

    try:
        with recording(opened, emit) as record:
            run = partial(run_minding_signals, once=bool(flow_run)) if owns_process else run_apart
            return run(lambda: drive_job(record), leave_at_once, hurry)
    finally:
        _tidy(job)


def _open(job: Job, opened: OpenRun, screen: Screen) -> Executor:
    """Open the executor; what it waits for is shown, here and by `status`."""
    occupancy, name = opened.directory.occupancy, job.executor.name
    write(occupancy, None)  # of a process that is gone

    def say(words: str) -> None:
        now = time.time()
        screen.listener(Noted(time=now, place="", message=f"{name}: waits for {words}"))
        wait = Wait("", "worker", words, now)
        write(occupancy, Occupancy(name, opened.generation, waits=(wait,)))

    try:
        return open_executor(
            job.executor,
            job.library,
            job.settings.max_parallel,
            opened.directory.workers_log,
            Secrets.of(job.params),
            job.workdir,
            job.publish,
            say,
        )
    finally:
        write(occupancy, None)


async def _cancel_when_wished(opened: OpenRun, run: asyncio.Task[Any], owns_process: bool) -> None:
    """End the run when another process wants it cancelled; it sends no signal to one that is
    shared."""
    while not owns_process:
        if wished(opened.directory) is not None:
            run.cancel()
            return
        await asyncio.sleep(LOOK)


def _prompts(
    opened: OpenRun,
    tracker: Tracker,
    prompt_channels: Sequence[PromptChannel],
    leave: Callable[[], object] | None,
) -> Prompts:
    """Build the prompts of the run; the tracker shows questions, too."""
    folder = Folder(opened.directory.path / "answers")
    return Prompts(
        opened.store,
        opened.directory.id,
        (*prompt_channels, folder, *tracker.prompt_channels),
        leave,
    )


def _repairs(tracker: Tracker, opened: OpenRun, flow_run: str) -> Coroutine[Any, Any, None]:
    """Tell Prefect which earlier processes have gone, where it is at hand; `flow_run` goes on."""
    if isinstance(tracker, Untracked):
        return asyncio.sleep(0)
    from radps_dag.prefect.flow_states import run_name
    from radps_dag.prefect.repair import repair, untold

    # Known now, before this process has begun a flow run of its own.
    run = opened.directory.id
    waiting, earlier = untold(opened.store, run), _flow_runs_of(opened)
    earlier = tuple(id for id in earlier[-1:] if id != flow_run)
    return repair(opened.store, waiting, earlier, run_name(run, opened.generation), flow_run)


def _knowing(
    job: Job, opened: OpenRun, record: Recorder, loop: asyncio.AbstractEventLoop
) -> LiveContext | None:
    """The context of the run, which hears of what others add to it."""
    run, store = opened.directory.id, opened.store
    live_context = job.live_context(store)
    if live_context is not None:

        def others(_first: int, _last: int) -> None:
            # What cannot be read now is there for the next process that drives the run.
            with contextlib.suppress(RuntimeError, RadpsDagError):
                loop.call_soon_threadsafe(live_context.on_fact, live_context.news(store, run))

        record.when_others(others)
    return live_context


def _cancel(loop: asyncio.AbstractEventLoop, run: asyncio.Task[Any]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is over, and so is the run
        loop.call_soon_threadsafe(run.cancel)


def _tidy(job: Job) -> None:
    """Remove copies of products, and the folders out of which everything has been published."""
    shutil.rmtree(job.cache, ignore_errors=True)
    if job.publish:
        for folder, _, _ in os.walk(job.workdir, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()


async def _in_thread(work: Callable[[], T]) -> T:
    """The result of work in a daemon thread, which a cancelled caller leaves behind. The context
    variables that it sets, such as Prefect's settings, are the caller's then."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(settled: Callable[[], None]) -> None:
        if not result.done():
            settled()

    def run() -> None:
        try:
            value = context.run(work)
        except BaseException as error:  # noqa: BLE001  # raised where it is awaited
            told = partial(settle, partial(result.set_exception, error))
        else:
            told = partial(settle, partial(result.set_result, value))
        with contextlib.suppress(RuntimeError):  # the loop is gone
            loop.call_soon_threadsafe(told)

    threading.Thread(target=run, name="radps-dag start", daemon=True).start()
    value = await result
    for variable, content in context.items():
        variable.set(content)
    return value


def prefect_tracker(
    pipeline: str,
    starting: Starting | None,
    tell: Callable[[str], None],
    warn: Callable[[str], None] = lambda message: None,
    begun: Callable[[str, str], None] = lambda flow_run, api: None,
    opened: OpenRun | None = None,
    use: UseVariables = into_environment,
    subflow_depth: int = 1,
    flow_run: str = "",
) -> Tracker:
    """A tracker on the server. Prefect is imported here, when its environment is known: `use` makes
    the variables known that say it. Products of the run that is `opened` have links where the
    server is ours. A `flow_run` is there where a deployment has made it. Where this Prefect lacks
    what a tracker relies on, the run is not tracked."""
    server = None
    link: Link = no_link
    report = ""
    if starting is not None:
        server = starting.soon(tell)
        if opened is not None:
            link = server.links(opened.directory.products, opened.directory.id).of
            report = server.report_of(opened.directory.path)
        # It is on this machine: where it does not answer soon, it is gone.
        retries = os.environ.get("PREFECT_CLIENT_MAX_RETRIES", "3")
        use({**client_environment(server), "PREFECT_CLIENT_MAX_RETRIES": retries})
    from radps_dag.prefect import seam_check, seams

    try:
        seam_check.check(seams.CLIENT, "or run with --no-prefect")
    except seam_check.Moved as error:
        warn(f"{error}; this run goes on without Prefect's page")
        return Untracked()
    from radps_dag.prefect.tracker import PrefectTracker, Shown

    if starting is None:
        from radps_dag.prefect.contact import make_sure

        make_sure()
    else:
        starting.wait(tell)  # only now: Prefect was imported while the server started
    page = server.page_of if server is not None else None
    shown = Shown(pipeline)
    if opened is not None:
        shown = Shown(
            pipeline,
            opened.directory.id,
            opened.generation,
            _flow_runs_of(opened),
            partial(wished, opened.directory),
            subflow_depth,
            flow_run,
        )
    return PrefectTracker(shown, tell, server, warn, begun, link, page, report)


def _flow_runs_of(opened: OpenRun) -> tuple[str, ...]:
    """The flow runs that the run has had, the oldest first."""
    rows = opened.store.rows(opened.directory.id, kinds=("tracked",))
    facts = [opened.store.fact(row) for row in rows]
    return tuple(dict.fromkeys(fact.flow_run for fact in facts if isinstance(fact, Tracked)))
