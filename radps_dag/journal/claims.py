"""Who drives a run: one process at a time, and the kernel knows when it has gone."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from dataclasses import dataclass
from zlib import crc32

from sqlalchemy import Connection, func, select

from radps_dag import locks
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import RunDirectory
from radps_dag.problem import RadpsDagError

__all__ = ["Claim", "claim", "driver_of"]

PATIENCE = 1.0  # somebody who only looks whether the lock is held holds it for an instant


@dataclass(slots=True)
class Claim:
    """The right to drive a run, until it is released or this process has gone."""

    lock: locks.Lock
    connection: Connection | None = None

    def release(self) -> None:
        if self.connection is not None:
            # The database frees what this session had locked.
            self.connection.invalidate()
            self.connection.close()
            self.connection = None
        self.lock.release()


def claim(store: Store, directory: RunDirectory) -> Claim:
    """Become the one that drives the run. Raises RadpsDagError, with who does, if somebody does."""
    lock = locks.take(directory.lock, patience=PATIENCE)
    if lock is None:
        raise _taken(directory, driver_of(directory) or "another process")
    connection = None
    if store.postgres:
        # Directories on several machines may share one database.
        connection = store.connect()
        number = crc32(directory.id.encode())
        if not connection.scalar(select(func.pg_try_advisory_lock(0x7AD95, number - 2**31))):
            connection.close()
            lock.release()
            raise _taken(directory, "a process on another machine")
        connection.commit()
    # A process that a workload forks off does not drive the run, though it may outlive who does.
    os.register_at_fork(after_in_child=lock.release)
    says = {"pid": os.getpid(), "host": platform.node(), "since": time.time()}
    os.truncate(lock.descriptor, 0)
    os.pwrite(lock.descriptor, json.dumps(says).encode(), 0)
    return Claim(lock, connection)


def driver_of(directory: RunDirectory) -> str:
    """Who drives the run now, in words; "" if nobody does."""
    with contextlib.suppress(RadpsDagError):
        if not locks.is_held(directory.lock):
            return ""
    try:
        says = json.loads(directory.lock.read_text(encoding="utf-8"))
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(says["since"]))
        return f"process {says['pid']} on {says['host']}, since {since}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def _taken(directory: RunDirectory, who: str) -> RadpsDagError:
    return RadpsDagError(
        f"run {directory.id} is driven by {who}; wait for it, or end it first "
        f"(`radps-dag status {directory.id} --follow` shows it)"
    )
