"""Clusters of Dask: one that runs, one of this machine, or one of any cluster class."""

from __future__ import annotations

import asyncio
import concurrent.futures
import importlib
import logging
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, TypeVar

from radps_dag.executors.settings import DaskSettings
from radps_dag.plugins import imported
from radps_dag.problem import UsageError

if TYPE_CHECKING:
    from distributed import Client, Security

T = TypeVar("T")

__all__ = ["CONTACT", "Replaced", "connect", "security_of", "short", "start_cluster"]

CONTACT = 10.0  # seconds in which a scheduler must answer
SHORT = 5.0  # seconds for which a cluster has too few workers before some are started


def connect(settings: DaskSettings, cluster: Any, security: Security | None) -> Client:
    """A client of the cluster, or of the scheduler of the settings where that is None.

    Raises UsageError where it does not answer in time.
    """
    _hush()
    from distributed import Client

    # One that is started here answers, however busy this machine is.
    limit = CONTACT if settings.scheduler else 6 * CONTACT
    begin = partial(
        Client,
        cluster or settings.scheduler,
        timeout=limit,
        security=security,
        set_as_default=False,
    )
    try:
        return _in_time(begin, limit + 2)
    except Exception as error:
        raise UsageError(f"no Dask scheduler at {settings.where}: {short(error)}") from error


def security_of(settings: DaskSettings) -> Security | None:
    """The keys of the settings, or keys of this run's own for a cluster of this machine."""
    from distributed import Security

    if settings.ca_file is not None:
        return Security(
            tls_ca_file=str(settings.ca_file),
            tls_client_cert=str(settings.cert_file),
            tls_client_key=str(settings.key_file),
            require_encryption=True,
        )
    # On a machine that others use too, who reaches a scheduler computes in its owner's name.
    ours = not settings.scheduler and not settings.cluster
    return Security.temporary() if ours and settings.encrypted else None


def start_cluster(settings: DaskSettings, security: Security | None) -> Any:
    """The cluster of the settings: workers of this machine, or of any cluster class.

    Raises UsageError where it cannot be started.
    """
    _hush()
    import dask
    from distributed import LocalCluster

    try:
        if not settings.cluster:
            with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
                cluster = LocalCluster(
                    n_workers=0,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    security=security,
                    # Without an address Dask takes port 8787, or warns that it cannot.
                    scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                    dashboard_address=None,
                    silence_logs=50,
                )
            cluster.sync(_without_pages, cluster.scheduler)
            cluster.sync(_mind_no_interrupt)
            cluster.scale(settings.workers or 1)
            return cluster
        module, _, name = settings.cluster.rpartition(".")
        kind = imported(
            f"cluster {settings.cluster!r}",
            lambda: getattr(importlib.import_module(module), name),
        )
        cluster = kind(**(settings.arguments or {}))
        if settings.workers:
            cluster.scale(settings.workers)
    except UsageError:
        raise
    except Exception as error:
        raise UsageError(f"the Dask cluster cannot be started: {short(error)}") from error
    return cluster


class Replaced:
    """Workers of a cluster of ours that are lost, and others in their place: Dask's nannies start a
    worker anew, but not one that was killed as it started, and one that takes long to come back is
    forgotten."""

    def __init__(self, cluster: Any, workers: int | None) -> None:
        self._cluster = cluster
        self._workers = workers or 0
        self._since: float | None = None  # when there were enough
        self._closing: set[asyncio.Future[Any]] = set()
        self._dead: set[Any] = set()  # names of those without a process, at the last look

    def look(self, there: int) -> None:
        """Start workers where for a while there have been too few."""
        if self._cluster is None or there >= self._workers:
            self._since = None
            self._dead.clear()
            return
        now = time.monotonic()
        if self._since is None:
            self._since = now
        elif now - self._since > SHORT:
            self._since = now
            self._cluster.loop.add_callback(self._start)

    def _start(self) -> None:
        workers = getattr(self._cluster, "workers", {})
        dead = {
            name
            for name, worker in workers.items()
            if hasattr(worker, "is_alive") and not worker.is_alive()
        }
        for name in dead & self._dead:  # and not one that is between two processes
            self._closing.add(asyncio.ensure_future(workers.pop(name).close()))
        self._dead = dead
        self._cluster.scale(self._workers)


def _in_time(connect: Callable[[], T], limit: float) -> T:
    """Start a client: a server that takes a connection and says nothing holds it up for ever,
    whatever its own limit is. Raises TimeoutError."""
    client: concurrent.futures.Future[T] = concurrent.futures.Future()

    def work() -> None:
        try:
            client.set_result(connect())
        except BaseException as error:  # noqa: BLE001  # raised where it is awaited
            client.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return client.result(limit)
    except TimeoutError:
        raise TimeoutError("what is there does not speak as a scheduler does") from None


async def _without_pages(scheduler: Any) -> None:
    """Close a scheduler's pages, which say to whoever is on this machine what is computed, and ask
    for no password."""
    scheduler.http_server.stop()


async def _mind_no_interrupt() -> None:
    """Have the workers that are started from this loop miss a terminal's Ctrl-C, which goes to all
    processes: their end is in the hands of the run."""
    resource_tracker.ensure_running()  # or the first worker starts it, which lets the signal in
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _hush() -> None:
    """Keep Dask's own log out of the terminal: what matters of it is an error of ours."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def short(error: object) -> str:
    """The error in a line."""
    told = str(error).strip().splitlines()
    return f"{type(error).__name__}: {told[0][:200]}" if told else type(error).__name__
