"""A call of a workload, and what an executor is that computes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from radps_dag.facts import Added, Files, Usage
from radps_dag.faults import Injection
from radps_dag.language.model import Resources
from radps_dag.sealed import NO_SECRETS, Secrets
from radps_dag.workloads.contract.knowledge import Snapshot
from radps_dag.workloads.contract.registry import Library

__all__ = ["MOMENT", "Call", "Capabilities", "Executor", "Performed", "Setup"]

# Seconds that a signal to the whole process group may take to be seen here.
MOMENT = 0.05


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of one workload: its name, its inputs as JSON values, where it may write, and
    what it sees of the context, if it asks for that.

    `root` is the directory of the run's products, in which `workdir` lies, if it is in one.
    `publish` is the URL to which what it writes is to go, "" where it stays in its directory.
    Copies of products from elsewhere go to `cache`. `changes` are the addresses of the data that it
    changes in place. `secrets` are the inputs in clear of which `arguments` have stars;
    `hidden` are all secrets of the run, which an error must not tell. `resources` are what it may
    use, `limit` the seconds that it may take.
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
    resources: Resources = Resources()
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Performed:
    """Result of a call: its outputs, and the files in its directory, already durable; its additions
    to the context, and its queries there. `workdir` is the URI of the directory, wherever that is
    now, and `marks` and `changed` are as in `Made`. `notes` are lines to warn whoever
    watches. `usage` is measured where the call is performed.
    """

    outputs: dict[str, Any]
    files: Files = field(default_factory=dict)
    added: tuple[Added, ...] = ()
    asked: tuple[str, ...] = ()
    workdir: str = ""
    marks: Mapping[str, str] = field(default_factory=dict)
    changed: Files = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Properties of an executor that others need to know before it computes anything."""

    isolates: bool  # a call may kill the process that computes it, and the run goes on
    ends_calls: bool  # one that is out of time or cancelled ends, with all that it has started
    tells_prints: bool  # it is known which call printed what
    here: bool  # it computes on this machine: this one's memory is what calls may ask for
    keeps_limits: bool = False  # it ends a call at its limit itself: waiting for a machine is free


def _nothing(_words: str) -> None:
    """Nobody hears it."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Settings of an executor for a run: at most `slots` calls of the library's workloads at once;
    `log` is for what they print, without the `secrets`. `settings` are those of the profile.

    What whoever waits for it to open should know, it may `say`.

    `products` is the directory below which calls are to write, None where that is not known; with
    `publish`, the URL to which they write what they have made, nobody else needs the directory.
    """

    library: Library
    slots: int
    log: Path
    secrets: Secrets = NO_SECRETS
    settings: Any = None
    products: Path | None = None
    publish: str = ""
    say: Callable[[str], None] = _nothing


class Executor(Protocol):
    """Computes calls. Cancelling `run` ends the computation, as far as the executor can.

    It may also have a coroutine `occupancy()` that gives its `Occupancy`, and a class method
    `lacking_of(settings)` that compares what calls ask for with the workers before it is open.
    """

    capabilities: ClassVar[Capabilities]

    @classmethod
    def slots_for(cls, library: Library) -> int:
        """The number of calls at once that suits the machine, if none is given; 0 if the executor
        knows it only when it is open.
        """
        ...

    def __init__(self, setup: Setup) -> None: ...

    @property
    def slots(self) -> int:
        """The number of calls that it computes at once."""
        ...

    async def run(self, call: Call) -> Performed:
        """Run the call and return its result. Raises CallFailed with the workload's own error."""
        ...

    async def close(self) -> None:
        """End everything that still computes; nothing of the executor is left behind."""
        ...

    def kill(self) -> None:
        """End at once, from any thread, what would outlive a program that ends here and now."""
        ...
