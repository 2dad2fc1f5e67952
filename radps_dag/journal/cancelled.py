"""Cancel requests: who wants a run cancelled, whether it was, and the error for who would go on."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from radps_dag.facts import RunEnded, RunStarted, cancelled_text
from radps_dag.journal.rows import CANCELLED
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import RunDirectory
from radps_dag.problem import RadpsDagError
from radps_dag.storage import locks

__all__ = ["CancelRequest", "RunCancelled", "cancellation", "refuse_cancelled", "wished", "wishing"]


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """Request to cancel a run: by whom, why, and how it came."""

    by: str = ""
    reason: str = ""
    via: Literal["command", "prefect"] = "prefect"


@contextlib.contextmanager
def wishing(directory: RunDirectory, wish: CancelRequest, patience: float) -> Iterator[None]:
    """Let whoever drives the run know the wish while the block lasts; no longer, however that ends.

    Raises RadpsDagError where somebody else wishes the same for longer than `patience` seconds.
    """
    with contextlib.suppress(OSError):
        directory.path.mkdir(parents=True, exist_ok=True)
    lock = locks.take(_lock(directory), patience=patience)
    if lock is None:
        raise RadpsDagError(f"run {directory.id} is being cancelled by another process; see `runs`")
    try:
        os.truncate(lock.descriptor, 0)
        os.pwrite(lock.descriptor, json.dumps([wish.by, wish.reason]).encode(), 0)
        yield
    finally:
        lock.release()


def wished(directory: RunDirectory) -> CancelRequest | None:
    """The wish of a process that waits for the end of the run, if there is one."""
    try:
        if not locks.is_held(_lock(directory)):
            return None
        by, reason = json.loads(_lock(directory).read_text(encoding="utf-8"))
        return CancelRequest(str(by), str(reason), "command")
    except (RadpsDagError, OSError, ValueError, TypeError):
        return None


def _lock(directory: RunDirectory) -> Path:
    return directory.path / "cancel.lock"


class RunCancelled(RadpsDagError):
    """The run is over for good; `end` says who cancelled it, when and why."""

    def __init__(self, message: str, end: RunEnded) -> None:
        self.end = end
        super().__init__(message)


def cancellation(store: Store, run: str) -> RunEnded | None:
    """Find the cancellation of the run, if there is one. Raises Damaged."""
    for row in store.rows(run, kinds=("run_ended",)):
        fact = store.fact(row) if row.key == CANCELLED else None
        if isinstance(fact, RunEnded):
            return fact
    return None


def refuse_cancelled(store: Store, run: str) -> None:
    """Raises RunCancelled, with how to begin anew, for a run that nobody may go on with."""
    end = cancellation(store, run)
    if end is None:
        return
    starts = [store.fact(row) for row in store.rows(run, kinds=("run_started",))]
    file = starts[-1].file if starts and isinstance(starts[-1], RunStarted) else "FILE"
    raise RunCancelled(
        f"run {run} was {cancelled_text(end)}; `radps-dag run {shlex.quote(file)}` begins anew, "
        "and uses again what had ended well",
        end,
    )
