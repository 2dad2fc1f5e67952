"""A run to its end for good: whoever drives it is stopped, and the journal says who wanted it."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from radps_dag.facts import RunEnded
from radps_dag.journal.cancelled import CancelRequest, RunCancelled, cancellation, wishing
from radps_dag.journal.claims import Driven, Driver, driver_of, holder_of, is_here
from radps_dag.journal.overview import overview
from radps_dag.journal.rows import to_row
from radps_dag.journal.run_status import run_status
from radps_dag.journal.store import Store
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.questions import Question, open_questions
from radps_dag.runs.record import reopen
from radps_dag.storage import locks

__all__ = ["Cancelled", "cancel"]

PATIENCE = 20.0  # seconds in which a process that drives the run must have ended; it has 9 itself


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A run that is cancelled. `already`: it was so before; `stopped`: the process that was ended
    for it; `closed`: the questions that were open; `told`: others know, by that process."""

    end: RunEnded
    already: bool = False
    told: bool = True
    stopped: Driver | None = None
    closed: tuple[Question, ...] = ()


def cancel(store: Store, run: str, by: str = "", reason: str = "") -> Cancelled:
    """End a run for good. When this returns that is durable; of several, the first one counts.

    A process on this machine that drives it is told to end, as with SIGTERM, but for one that is
    shared with others, which ends the run itself. Raises UsageError for a run that has succeeded,
    and RadpsDagError where it is driven on another machine, or by what
    does not end; nothing has changed then.
    """
    end = cancellation(store, run)
    if end is not None:
        return Cancelled(end, already=True)
    wish = CancelRequest(by, " ".join(reason.split()), "command")
    # One after another: a second signal would end the process at once, and not in order.
    with wishing(store.workspace.run(run), wish, patience=2 * PATIENCE):
        done = _cancelled(store, run, wish)
    if done.stopped is not None:
        _let_go(done.stopped)
    return done


def _let_go(driver: Driver) -> None:
    """Wait until a process that has let go of its run is gone; it has nothing left to do."""
    give_up = time.monotonic() + PATIENCE
    while driver.birth and is_here(driver) and time.monotonic() < give_up:
        time.sleep(0.02)


def _cancelled(store: Store, run: str, wish: CancelRequest) -> Cancelled:
    give_up = time.monotonic() + PATIENCE
    end = cancellation(store, run)
    if end is not None:  # by whoever had the wish before us
        return Cancelled(end, already=True)
    told: Driver | None = None
    stopped: Driver | None = None
    while True:
        _refuse_succeeded(store, run)
        closed = tuple(open_questions(store, run))
        try:
            opened = reopen(store, run)
        except RunCancelled as error:
            # By the process that has seen our wish, or meanwhile by somebody in Prefect.
            ours = error.end.via == wish.via
            return Cancelled(error.end, already=not ours, stopped=stopped, closed=closed)
        except Driven:
            told = _stop(store, run, told, give_up)
            stopped = None if told is None or told.shared else told
            continue
        try:
            # It may have come to its end just before it was stopped.
            _refuse_succeeded(store, run)
            closed = tuple(open_questions(store, run))
            end = _end(store, run, wish)
            store.append(run, [to_row(run, end, store.workspace)], opened.generation)
            return Cancelled(end, stopped=stopped, closed=closed, told=False)
        finally:
            opened.close()


def _refuse_succeeded(store: Store, run: str) -> None:
    head = store.head(run)
    if head is not None and run_status(store, head, driven=False).status == "succeeded":
        raise UsageError(f"run {run} has succeeded; there is nothing to cancel")


def _stop(store: Store, run: str, told: Driver | None, give_up: float) -> Driver | None:
    """Tell whoever drives the run to end, once, and wait a moment; whom it was told."""
    directory = store.workspace.run(run)
    driver = holder_of(directory)
    if driver is None:
        who = driver_of(directory, store)
        if who and not locks.is_held(directory.lock):
            raise _elsewhere(run, who)
    elif driver.host != os.uname().nodename:
        raise _elsewhere(run, str(driver))
    elif driver != told and is_here(driver):
        try:
            if not driver.shared:  # it sees the wish
                os.kill(driver.pid, signal.SIGTERM)
            told = driver
        except ProcessLookupError:  # in this moment
            pass
        except PermissionError as error:
            raise RadpsDagError(
                f"run {run} is driven by {driver}, of another user, who has to cancel it"
            ) from error
    if time.monotonic() > give_up:
        raise RadpsDagError(
            f"run {run} is still driven by {driver or 'another process'}, {PATIENCE:g} s after "
            "it was told to end; end it (kill -9), then cancel the run again"
        )
    time.sleep(0.1)
    return told


def _elsewhere(run: str, who: str) -> RadpsDagError:
    return RadpsDagError(f"run {run} is driven by {who}; cancel it there")


def _end(store: Store, run: str, wish: CancelRequest) -> RunEnded:
    head = store.head(run)
    assert head is not None
    summary = overview(store, head)
    start, end = summary.run_status.start, summary.run_status.end
    since = summary.last if start is None else start.time
    return RunEnded(
        time=time.time(),
        place="",
        status="cancelled",
        seconds=end.seconds if end is not None else max(0.0, summary.last - since),
        message=wish.reason,
        by=wish.by,
        via=wish.via,
    )
