"""A worker of a Dask cluster: what it has, and what of it calls have taken."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from radps_dag.executors.live_output import KeptOutput
from radps_dag.language.model import Resources

__all__ = ["Share", "Worker"]


@dataclass(frozen=True, slots=True)
class Share:
    """Threads, bytes and graphics processors of a worker: what it has, or a call takes of it."""

    threads: int
    memory: int = 0
    gpus: int = 0

    @classmethod
    def of(cls, asked: Resources) -> Share:
        """Share that a call takes; a part of a processor is a whole thread."""
        return cls(max(1, math.ceil(asked.cpus)), asked.memory or 0, asked.gpus)

    @classmethod
    def had_by(cls, identity: Mapping[str, Any]) -> Share:
        """Share that a worker has, as its scheduler knows it. Without a limit, its memory is
        endless; its graphics processors are Dask's resource GPU."""
        gpus = int(identity.get("resources", {}).get("GPU", 0))
        return cls(identity["nthreads"], identity["memory_limit"] or sys.maxsize, gpus)

    def within(self, other: Share) -> bool:
        """Whether there is so much."""
        enough = self.memory <= other.memory and self.gpus <= other.gpus
        return enough and self.threads <= other.threads

    def plus(self, other: Share, sign: int = 1) -> Share:
        """Both together or, with the sign -1, what is left."""
        return Share(
            self.threads + sign * other.threads,
            self.memory + sign * other.memory,
            self.gpus + sign * other.gpus,
        )


@dataclass(eq=False)
class Worker:
    """A worker of the cluster: where it is, its process, what it has, and what of it is `free`.
    `gone` says why it is no longer there; `wrong`, why it cannot be used. `calls` are
    those of which the output is kept."""

    address: str
    host: str
    has: Share
    free: Share
    process: str = ""
    wrong: str = ""
    calls: set[KeptOutput] = field(default_factory=set)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    why: str = ""

    def part(self, asked: Share) -> Share:
        """Share that a call takes here: all threads where it asks for more."""
        return replace(asked, threads=min(asked.threads, self.has.threads))

    @property
    def loss(self) -> str:
        """The reason for which calls on it are lost, in words."""
        return f"the Dask worker {self.address} on {self.host} {self.why or 'is gone'}"
