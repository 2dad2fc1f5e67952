"""Settings of our executors, as the tables `[executors.NAME]` of a profile give them.

They stand apart from the executors, so that a profile is read without Dask or Parsl.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from radps_dag.executors import tables
from radps_dag.executors.tables import At, option
from radps_dag.language.model import Resources
from radps_dag.problem import UsageError, did_you_mean

__all__ = ["SETTINGS", "Block", "DaskSettings", "ParslSettings", "PoolSettings"]

_HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Threads or processes of this machine: `slots` calls at once."""

    slots: int | None = option(tables.count)

    @property
    def where(self) -> str:
        """Place of the calls, in words."""
        return "this machine"


@dataclass(frozen=True, slots=True)
class DaskSettings:
    """A Dask cluster: one that runs at the address `scheduler`; `workers` of this machine; or a
    `cluster` class by its dotted name, made with `arguments` and scaled to `workers`.

    `wait` is how many seconds the first worker may take to come.
    """

    scheduler: str = option(tables.text, "")
    workers: int | None = option(tables.count)
    cluster: str = option(tables.text, "")
    arguments: Mapping[str, Any] = option(tables.free)
    ca_file: Path | None = option(tables.file)
    cert_file: Path | None = option(tables.file)
    key_file: Path | None = option(tables.file)
    encrypted: bool = option(tables.flag, default=True)
    wait: float = option(tables.duration, 30.0)
    slots: int | None = option(tables.count)

    @property
    def where(self) -> str:
        """Place of the calls, in words."""
        if self.scheduler:
            return self.scheduler
        return self.cluster or f"{self.workers} workers on this machine"

    def check(self, at: At) -> None:
        """Raise UsageError for what does not go together."""
        if bool(self.scheduler) == bool(self.cluster or self.workers):
            raise UsageError(
                f'{at} needs one of: scheduler = "tls://host:8786", workers = 4 for this machine, '
                'cluster = "package.Class"'
            )
        if self.arguments is not None and not self.cluster:
            raise UsageError(f"{at}.arguments are of a cluster class; give {at.key}.cluster")
        if self.cluster and "." not in self.cluster:
            raise UsageError(f"{at}.cluster must be a dotted name such as dask_jobqueue.PBSCluster")
        files = {"ca_file": self.ca_file, "cert_file": self.cert_file, "key_file": self.key_file}
        missing = [name for name, path in files.items() if path is None]
        if missing and len(missing) < len(files):
            raise UsageError(f"{at}.{missing[0]} is missing; TLS takes {', '.join(files)}")
        if self.scheduler:
            self._check_address(at, tls=not missing)

    def _check_address(self, at: At, *, tls: bool) -> None:
        where = f"{at}.scheduler"
        try:
            parts = urlsplit(self.scheduler)
            port = parts.port
        except ValueError as error:
            raise UsageError(f"{where}: {self.scheduler!r:.60}: {error}") from error
        if parts.scheme not in ("tcp", "tls") or not parts.hostname or not port:
            example = "tls://host:8786 or tcp://127.0.0.1:8786"
            raise UsageError(
                f"{where} must be an address such as {example}, not {self.scheduler!r:.60}"
            )
        if parts.scheme == "tls" and not tls:
            raise UsageError(f"{where} is tls://; give ca_file, cert_file and key_file as well")
        if parts.scheme == "tcp" and parts.hostname not in _HERE and self.encrypted:
            raise UsageError(
                f"{where} leaves this machine in clear; write tls://, with ca_file, cert_file and "
                f"key_file, or {at.key}.encrypted = false where the network is trusted"
            )


@dataclass(frozen=True, slots=True)
class Block:
    """A kind of job that Parsl submits: so many `nodes`, on each `cpus`, `memory` (in bytes) and
    `gpus`, shared evenly by so many `calls` at once. `walltime` is its limit in seconds; after
    `drain`, half of it unless it is given, it takes no further calls."""

    name: str = option(tables.text, "")
    partition: str = option(tables.text, "")
    nodes: int = option(tables.count, 1)
    cpus: int = option(tables.count, 1)
    memory: int | None = option(tables.amount)
    gpus: int = option(tables.number, 0)
    calls: int | None = option(tables.count)
    walltime: float | None = option(tables.duration)
    drain: float | None = option(tables.duration)
    max_blocks: int | None = option(tables.count)
    arguments: Mapping[str, Any] = option(tables.free)

    def check(self, at: At) -> None:
        """Raise UsageError for what does not go together."""
        if not self.name.isidentifier():
            raise UsageError(f"{at}.name must be a word such as gpu, not {self.name!r:.60}")
        if self.calls is not None and self.calls > self.cpus:
            raise UsageError(f"{at}.calls is more than cpus; each call takes a processor")
        if self.walltime is not None and self.walltime < 60:
            raise UsageError(f"{at}.walltime is less than a minute, which queues count in")
        if self.drain is not None and self.drain >= (self.walltime or float("inf")):
            raise UsageError(f"{at}.drain must be before walltime, so that calls can end")

    @property
    def at_once(self) -> int:
        """The number of calls that a node makes at once."""
        return self.calls or self.cpus

    @property
    def drained(self) -> float | None:
        """Seconds after which a job takes no further calls; None if it has no limit."""
        return self.drain or (self.walltime and self.walltime / 2)

    def share(self) -> Resources:
        """The resources of one call. One that a job takes at the last moment has the time from
        then on to the job's limit."""
        memory = None if self.memory is None else self.memory // self.at_once
        left = None if self.walltime is None else self.walltime - (self.drained or 0.0)
        return Resources(self.cpus / self.at_once, memory, self.gpus // self.at_once, left)

    def fits(self, asked: Resources) -> bool:
        """Whether a call that asks for this fits."""
        share = self.share()
        memory = share.memory is None or (asked.memory or 0) <= share.memory
        time = share.walltime is None or (asked.walltime or 0) <= share.walltime
        return asked.cpus <= share.cpus and asked.gpus <= share.gpus and memory and time


@dataclass(frozen=True, slots=True)
class ParslSettings:
    """Pilots of Parsl: jobs of a `provider`, in which many calls compute one after another.

    `arguments` go to the provider as they are. `setup` are lines of the shell before a worker
    starts. A job that has been idle for `idle` seconds ends. `address` is where workers reach this
    machine. `wait` is how many seconds a test of it waits for the first worker.
    """

    provider: str = option(tables.text, "local")
    account: str = option(tables.text, "")
    setup: tuple[str, ...] = option(tables.lines, ())
    max_blocks: int = option(tables.count, 1)
    idle: float = option(tables.duration, 120.0)
    address: str = option(tables.text, "")
    wait: float = option(tables.duration, 300.0)
    arguments: Mapping[str, Any] = option(tables.free)
    blocks: tuple[Block, ...] = option(tables.tables_of(Block), ())

    @property
    def where(self) -> str:
        """Place of the calls, in words."""
        return f"{self.provider}: {', '.join(block.name for block in self.blocks)}"

    @property
    def slots(self) -> int:
        """The largest number of processors of all blocks."""
        return sum(self.most(block) * block.nodes * block.cpus for block in self.blocks)

    @property
    def memory(self) -> int | None:
        """Bytes that all blocks have, at most; None where it is not said of each."""
        amounts = [self.most(block) * block.nodes * (block.memory or 0) for block in self.blocks]
        return sum(amounts) if all(amounts) else None

    @property
    def gpus(self) -> int:
        """The largest number of graphics processors of all blocks."""
        return sum(self.most(block) * block.nodes * block.gpus for block in self.blocks)

    def lacking(self, asked: Resources) -> str:
        """The limits of a call in each block, if it fits none; "" if it fits one."""
        if any(block.fits(asked) for block in self.blocks):
            return ""
        return "; ".join(f"{block.share().words} ({block.name})" for block in self.blocks)

    def most(self, block: Block) -> int:
        """The largest number of jobs of a block at once."""
        return block.max_blocks or self.max_blocks

    def check(self, at: At) -> None:
        """Raise UsageError for what does not go together."""
        if not self.blocks:
            raise UsageError(f"{at} needs a block at least: [[{at.key}.blocks]] with name and cpus")
        names = [block.name for block in self.blocks]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UsageError(f"{at}.blocks: two are called {min(twice)!r}; rename one")
        if self.provider not in PROVIDERS:
            hint = did_you_mean(self.provider, PROVIDERS) or f"; known: {', '.join(PROVIDERS)}"
            raise UsageError(f"{at}.provider: there is no {self.provider!r:.60}{hint}")


# By the words of a profile; Parsl's classes.
PROVIDERS: Mapping[str, str] = {
    "local": "LocalProvider",
    "slurm": "SlurmProvider",
    "pbs": "PBSProProvider",
    "torque": "TorqueProvider",
    "lsf": "LSFProvider",
    "grid_engine": "GridEngineProvider",
    "condor": "CondorProvider",
    "kubernetes": "KubernetesProvider",
}

SETTINGS: Mapping[str, type[Any]] = {
    "threads": PoolSettings,
    "processes": PoolSettings,
    "dask": DaskSettings,
    "parsl": ParslSettings,
}
