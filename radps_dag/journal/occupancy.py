"""Occupancy of an executor: its workers and jobs, and what calls wait for, while a run goes on.

It is kept in a small file in the run's directory, and is gone when the run has ended. Nothing
depends on it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

__all__ = ["Jobs", "Machine", "Occupancy", "Wait", "read", "write"]

Resource = Literal["slots", "memory", "gpus", "lock", "worker", "block"]

_MOST_BYTES = 1_000_000
_MOST_HOSTS = 3  # that are named


@dataclass(frozen=True, slots=True)
class Wait:
    """A call that waits, for what (`words`: "memory, 8 GB of 16 GB"), and since when, in seconds
    since the epoch. Before the run has begun, its place is ""."""

    place: str
    resource: Resource
    words: str
    since: float


@dataclass(frozen=True, slots=True)
class Machine:
    """A host with so many workers, which make so many calls at once, and are making `busy`. 0
    workers where only calls are known that go on there."""

    host: str
    workers: int
    calls: int
    busy: int


@dataclass(frozen=True, slots=True)
class Jobs:
    """Jobs of a block: those that run, with so many workers in all, and those that are pending, and
    why, in the queue's words."""

    block: str
    running: int
    pending: int
    workers: int
    why: str = ""

    @property
    def words(self) -> str:
        """All of it, in words."""
        why = f" ({self.why})" if self.why else ""
        parts = [
            *([_count(self.running, "job") + " running"] if self.running else []),
            *([f"{self.pending} pending{why}"] if self.pending else []),
        ]
        return f"block {self.block}: {', '.join(parts) or 'no job'}"


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Workers, jobs and waiting calls, as the executor of that name knows them now.

    `machines` are None where it has no workers of its own, `taken` of `slots` are held by calls,
    `waiting` counts the calls that wait, of which `waits` are the first. `generation` is that of
    the process that drives the run.
    """

    executor: str = ""
    generation: int = 0
    slots: int = 0
    taken: int = 0
    machines: tuple[Machine, ...] | None = None
    jobs: tuple[Jobs, ...] = ()
    waits: tuple[Wait, ...] = ()
    waiting: int = 0

    @property
    def words(self) -> str:
        """All of it in a line."""
        parts = [*self._workers()]
        if not parts and self.slots:
            parts.append(f"{self.taken} of {_count(self.slots, 'slot')} taken")
        if self.waiting:
            verb = "waits" if self.waiting == 1 else "wait"
            parts.append(f"{_count(self.waiting, 'call')} {verb}{self._for()}")
        parts += [f"waits for {wait.words}" for wait in self.waits if not wait.place]
        return f"{self.executor}: {' · '.join(parts)}"

    def _workers(self) -> Iterator[str]:
        yield from (jobs.words for jobs in self.jobs)
        machines = self.machines
        if machines is None:
            return
        if not machines:
            if not self.jobs:
                yield "no workers"
            return
        hosts = [f"{each.host} ({each.workers or each.busy})" for each in machines]
        hosts = hosts if len(hosts) > 1 else [machines[0].host]
        more = f" and {len(hosts) - _MOST_HOSTS} more" if len(hosts) > _MOST_HOSTS else ""
        where = f"on {', '.join(hosts[:_MOST_HOSTS])}{more}"
        busy = sum(each.busy for each in machines)
        if workers := sum(each.workers for each in machines):
            calls = sum(each.calls for each in machines)
            yield f"{_count(workers, 'worker')} {where}, {busy} of {calls} busy"
        else:
            yield f"{_count(busy, 'call')} {where}"

    def _for(self) -> str:
        """Words for what all of them wait for or, of several things, how many for each."""
        names = {"slots": "slots", "gpus": "GPUs", "lock": "locks", "worker": "workers"}
        names |= {"memory": "memory", "block": "jobs"}
        counts = Counter(names[wait.resource] for wait in self.waits)
        if len(counts) < 2:
            return "".join(f" for {name}" for name in counts)
        return ": " + ", ".join(f"{number} for {name}" for name, number in counts.most_common())


def write(file: Path, occupancy: Occupancy | None) -> None:
    """Put it into the file, at once and as a whole; None removes the file. A full disk is no reason
    for a run to fail."""
    new = file.with_suffix(".new")
    with suppress(OSError):
        if occupancy is None:
            file.unlink(missing_ok=True)
            return
        new.write_text(json.dumps(asdict(occupancy)), encoding="utf-8")
        new.replace(file)


def read(file: Path) -> Occupancy | None:
    """The occupancy in a file; None where there is none, or nothing that can be read."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        with file.open(encoding="utf-8") as stream:
            content: dict[str, Any] = json.loads(stream.read(_MOST_BYTES))
        machines = content["machines"]
        return Occupancy(
            **{
                **content,
                "machines": None if machines is None else tuple(Machine(**m) for m in machines),
                "jobs": tuple(Jobs(**each) for each in content["jobs"]),
                "waits": tuple(Wait(**each) for each in content["waits"]),
            }
        )
    return None


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
