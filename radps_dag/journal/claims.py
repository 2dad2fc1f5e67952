"""Claims on runs: one process at a time drives a run, and the kernel knows when it has gone."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from radps_dag.journal.rows import DamagedRun
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import RunDirectory
from radps_dag.problem import RadpsDagError
from radps_dag.storage import locks

if TYPE_CHECKING:
    from radps_dag.journal.server import Session

__all__ = [
    "Claim",
    "Driven",
    "Driver",
    "claim",
    "driven_elsewhere",
    "driver_of",
    "holder_of",
    "is_here",
]

_SPACE = 0x7AD95  # of our locks among those of a database
PATIENCE = 1.0  # somebody who only looks whether the lock is held holds it for an instant


class Driven(RadpsDagError):
    """Another process drives the run."""


@dataclass(frozen=True, slots=True)
class Driver:
    """The process that drives a run; `since` is in seconds since the epoch, `birth` the kernel's
    word for when it was started, where it has one. One that is `shared`, such as a notebook's, does
    more than this run: it is not ended for it, and looks itself whether somebody wants that."""

    pid: int
    host: str
    since: float
    birth: str = ""
    shared: bool = False

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"process {self.pid} on {self.host}, since {since}"


@dataclass(slots=True)
class Claim:
    """The right to drive a run, until it is released or this process has gone."""

    lock: locks.Lock
    session: Session | None = None

    def release(self) -> None:
        """Give the run up for others to drive."""
        if self.session is not None:
            self.session.end()
            self.session = None
        self.lock.release()


def claim(store: Store, directory: RunDirectory, shared: bool = False) -> Claim:
    """Become the one that drives the run. Raises RadpsDagError, with who does, if somebody does."""
    lock = locks.take(directory.lock, patience=PATIENCE)
    if lock is None:
        raise _taken(directory, driver_of(directory) or "another process")
    session = None
    if store.postgres:
        # Directories on several machines may share one database.
        try:
            session = _elsewhere(store, directory)
        except BaseException:
            lock.release()
            raise
    # A process that a workload forks off does not drive the run, though it may outlive who does.
    os.register_at_fork(after_in_child=lock.release)
    pid = os.getpid()
    says = asdict(Driver(pid, platform.node(), time.time(), locks.birth_of(pid), shared))
    os.fchmod(lock.descriptor, 0o644)  # whoever may read the run may see whether it goes on
    os.truncate(lock.descriptor, 0)
    os.pwrite(lock.descriptor, json.dumps(says).encode(), 0)
    return Claim(lock, session)


def _elsewhere(store: Store, directory: RunDirectory) -> Session:
    """A session of the database that holds the run, until it ends."""
    from radps_dag.journal.server import Server

    assert isinstance(store.database, Server)
    with store.told("opened"):
        session = store.database.session()
    try:
        with store.told("opened"):
            got = session.lock(_SPACE, _number(directory), PATIENCE)
        if not got:
            raise _taken(directory, _holder(store, directory) or "a process on another machine")
    except BaseException:
        session.close()
        raise
    return session


def _number(directory: RunDirectory) -> int:
    return crc32(directory.id.encode()) - 2**31


def driver_of(directory: RunDirectory, store: Store | None = None) -> str:
    """The driver of the run, in words; "" if nobody drives it, or this process may not know.

    Raises DamagedRun where its lock is broken.
    """
    try:
        if not locks.is_held(directory.lock):
            return _holder(store, directory) if store is not None and store.postgres else ""
    except locks.NotHere:
        return ""
    except RadpsDagError as error:
        raise DamagedRun(str(error), directory.id) from error
    return str(_said(directory) or "another process")


def holder_of(directory: RunDirectory) -> Driver | None:
    """The process that drives the run with this workspace, as far as it can be told."""
    return _said(directory) if locks.is_held(directory.lock) else None


def is_here(driver: Driver) -> bool:
    """Whether that very process is on this machine, and not another one with its number."""
    return driver.host == platform.node() and locks.birth_of(driver.pid) == driver.birth


def driven_elsewhere(store: Store) -> bool:
    """Whether a run of another workspace with the same database is driven."""
    if not store.postgres:
        return False
    here: set[int] = set()
    with contextlib.suppress(OSError):
        here = {_number(store.workspace.run(path.name)) for path in store.workspace.runs.iterdir()}
    query = (
        "SELECT objid FROM pg_locks JOIN pg_database d ON d.oid = database WHERE granted"
        " AND locktype = 'advisory' AND classid = :space AND d.datname = current_database()"
    )
    with store.begin() as connection:
        held = {row[0] for row in connection.execute(query, {"space": _SPACE}).fetchall()}
    return bool(held - {number % 2**32 for number in here})


def _said(directory: RunDirectory) -> Driver | None:
    """Read what a process has written into its lock; it may be half written, or left by an earlier
    process.
    """
    try:
        says = json.loads(directory.lock.read_text(encoding="utf-8"))
        time.localtime(says["since"])
        birth, shared = says.get("birth", ""), says.get("shared") is True
        return Driver(int(says["pid"]), says["host"], says["since"], birth, shared)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _holder(store: Store, directory: RunDirectory) -> str:
    """The session of the database that holds the run."""
    query = (
        "SELECT a.client_addr, a.backend_start FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE l.locktype = 'advisory' AND l.granted AND l.database = a.datid"
        " AND l.classid = :space AND l.objid = :number"
    )
    # The server shows the two halves without their signs.
    values = {"space": _SPACE, "number": _number(directory) % 2**32}
    with store.begin() as connection:
        session = connection.execute(query, values).fetchone()
    if session is None:
        return ""
    host = session[0] or "this machine, from another workspace"
    return f"a process on {host}, since {session[1]:%Y-%m-%d %H:%M:%S}"


def _taken(directory: RunDirectory, who: str) -> Driven:
    return Driven(
        f"run {directory.id} is driven by {who}; wait for it, or end it first "
        f"(`radps-dag status {directory.id} --follow` shows it)"
    )
