"""A call of a workload, ready to be handed to an executor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from radps_dag.facts import Added, Files
from radps_dag.faults import Injection
from radps_dag.sealed import NO_SECRETS, Secrets
from radps_dag.workloads.contract.knowledge import Snapshot

__all__ = ["Call", "Executor", "Performed"]


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of one workload: its name, its inputs as JSON values, where it may write, and
    what it sees of the context, if it asks for that.

    `root` is the directory of the run's products, in which `workdir` lies, if it is in one.
    `publish` is the URL to which what it writes is to go, "" where it stays in its directory.
    Copies of products from elsewhere go to `cache`. `changes` are the addresses of the data that it
    changes in place. `secrets` are the inputs in clear of which `arguments` have stars;
    `hidden` are all secrets of the run, which an error must not tell.
    """

    place: str
    workload: str
    arguments: Mapping[str, Any]
    workdir: Path
    seed: str
    injection: Injection = field(default_factory=Injection)
    root: Path | None = None
    context: Snapshot | None = None
    cache: Path | None = None
    publish: str = ""
    changes: tuple[str, ...] = ()
    secrets: Secrets = NO_SECRETS
    hidden: Secrets = NO_SECRETS


@dataclass(frozen=True, slots=True)
class Performed:
    """What a call has made: its outputs, and what its directory holds, already durable; what it
    adds to the context, and what it has asked there. `workdir` is the URI of the directory,
    wherever that is now, and `marks` and `changed` are as in `Made`."""

    outputs: dict[str, Any]
    files: Files = field(default_factory=dict)
    added: tuple[Added, ...] = ()
    asked: tuple[str, ...] = ()
    workdir: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    changed: Files = field(default_factory=dict)


class Executor(Protocol):
    """Computes calls. Cancelling `run` ends the computation, as far as the executor can."""

    @property
    def slots(self) -> int:
        """How many calls it computes at once."""
        ...

    async def run(self, call: Call) -> Performed:
        """What the call makes. Raises CallFailed with the workload's own error."""
        ...

    async def close(self) -> None:
        """End everything that still computes; nothing of the executor is left behind."""
        ...

    def kill(self) -> None:
        """End at once, from any thread, what would outlive a program that ends here and now."""
        ...
