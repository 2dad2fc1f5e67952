"""Resources of executors: of this machine, of the workers of a cluster, of kinds of jobs."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from radps_dag.executors.registry import ExecutorChoice, processors
from radps_dag.executors.settings import DaskSettings, ParslSettings
from radps_dag.language.model import Resources

__all__ = ["Offered", "lacking_workers", "offered"]

_MOST = 4  # workers that are named


@dataclass(frozen=True, slots=True)
class Offered:
    """A machine, a worker, or a kind of jobs, by its name, which for a job is its block's. `calls`
    at once share `resources`, each of its `jobs` has so many; `host` is "" where none is known yet.
    """

    name: str
    host: str
    calls: int
    resources: Resources
    jobs: int = 1

    @property
    def words(self) -> str:
        """All of it, in words."""
        jobs = f"up to {self.jobs} nodes, each " if not self.host else ""
        calls = "1 call" if self.calls == 1 else f"{self.calls} calls"
        return f"{self.name}: {jobs}{calls} at once on {self.resources.words}"


def offered(choice: ExecutorChoice, slots: int, memory: int | None, gpus: int) -> Iterator[Offered]:
    """List what an executor has: of one that computes here, `slots`, `memory` and `gpus` say it; a
    Dask scheduler that runs is asked. Raises UsageError where that does not answer."""
    settings = choice.settings
    if isinstance(settings, ParslSettings):
        for block in settings.blocks:
            has = Resources(block.cpus, block.memory, block.gpus, block.walltime)
            jobs = settings.most(block) * block.nodes
            yield Offered(block.name, "", block.at_once, has, jobs)
    elif isinstance(settings, DaskSettings) and settings.scheduler:
        yield from _workers(settings)
    elif not getattr(settings, "cluster", ""):
        host = platform.node()
        calls = slots or getattr(settings, "workers", None) or 1
        yield Offered(host, host, calls, Resources(processors(), memory, gpus))


def lacking_workers(settings: DaskSettings) -> Callable[[Resources], str]:
    """Build a function that says what the workers of a cluster have, where none has the memory or
    the GPUs that a call asks for; "" where one has, or none is there yet. A scheduler that runs is
    asked when that is first needed, and raises UsageError where it does not answer."""

    @cache
    def there() -> list[Offered]:
        if settings.cluster:
            return []
        return list(_workers(settings) if settings.scheduler else _of_this_machine(settings))

    def lacking(asked: Resources) -> str:
        if not asked.memory and not asked.gpus:
            return ""
        offers = there()
        if not offers or any(_fits(asked, offer.resources) for offer in offers):
            return ""
        distinct = dict.fromkeys(f"{each.resources.words} ({each.host})" for each in offers)
        more = len(distinct) - _MOST
        return "; ".join([*distinct][:_MOST]) + (f"; and {more} more" if more > 0 else "")

    return lacking


def _fits(asked: Resources, has: Resources) -> bool:
    return (asked.memory or 0) <= (has.memory or sys.maxsize) and asked.gpus <= has.gpus


def _of_this_machine(settings: DaskSettings) -> Iterator[Offered]:
    """The workers that a cluster of this machine is going to have: Dask shares the memory out."""
    from distributed.worker_memory import parse_memory_limit

    limit = parse_memory_limit("auto", 1, logger=logging.getLogger(__name__))
    host = platform.node()
    yield Offered(host, host, 1, Resources(1, limit), settings.workers or 1)


def _workers(settings: DaskSettings) -> Iterator[Offered]:
    """The workers of a scheduler that runs."""
    from radps_dag.executors.dask_cluster import connect, security_of

    client: Any = connect(settings, None, security_of(settings))
    try:
        workers = client.scheduler_info(n_workers=-1)["workers"]
    finally:
        client.close(timeout=1)
    for address, worker in workers.items():
        threads, limit = worker["nthreads"], worker["memory_limit"] or None
        gpus = int(worker.get("resources", {}).get("GPU", 0))
        name = f"{worker['host']} ({address})"
        yield Offered(name, worker["host"], threads, Resources(threads, limit, gpus))
