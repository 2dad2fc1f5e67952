"""Resources that an executor offers to calls, and calls that ask for more."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from radps_dag.executors.call import Capabilities
from radps_dag.executors.registry import ExecutorChoice, find_executor
from radps_dag.language.model import Resources
from radps_dag.language.quantities import in_words

__all__ = ["Offer", "compared_with_workers", "memory_for", "offer_of"]

# Where Linux says how much a container may use, as it has done it since 2016 and before.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_for(executor: Capabilities) -> int:
    """The memory in bytes that calls share if no limit is given: that of this machine or container
    for an executor that computes here.
    """
    return _machine_memory() if executor.here else sys.maxsize


def _machine_memory() -> int:
    limits = [sys.maxsize]
    with contextlib.suppress(ValueError, OSError, AttributeError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for file in _LIMITS:
        with contextlib.suppress(ValueError, OSError):  # "max", or no such file
            limits.append(int(Path(file).read_text(encoding="ascii")))
    return min(amount for amount in limits if amount > 0)


@dataclass(frozen=True, slots=True)
class Offer:
    """The resources that an executor has for one call, at most. `lacking` says what they are, of
    one that computes on machines of several kinds; "" if they are enough. `more` is what there
    may be more of."""

    executor: str = ""
    memory: int = sys.maxsize
    gpus: int = sys.maxsize
    lacking: Callable[[Resources], str] | None = None
    more: str = "block"

    def refusals(self, asked: Resources) -> Iterator[str]:
        """The reasons why a call that asks for so much can never run."""
        who = f"executor {self.executor!r} offers"
        if self.lacking is not None and (there := self.lacking(asked)):
            what = f"asks for {asked.words}; {who} a call {there}"
            yield f"{what}; ask for less, or add a {self.more} that has it"
            return
        if (asked.memory or 0) > self.memory:
            wanted, there = in_words(asked.memory or 0), in_words(self.memory)
            hint = "ask for less, or say with --memory what there is"
            yield f"asks for {wanted} of memory; {who} {there}; {hint}"
        if asked.gpus > self.gpus:
            hint = "say with --gpus how many there are, or take a machine that has them"
            yield f"asks for {_gpus(asked.gpus)}; {who} {self.gpus}; {hint}"


def offer_of(choice: ExecutorChoice, memory: int | None, gpus: int | None) -> Offer:
    """The resources that a call can have: what is said of `memory` (in bytes) and `gpus` goes
    before what the executor is set up with, and that before what this machine has."""
    said: int | None = getattr(choice.settings, "memory", None)
    here = memory_for(find_executor(choice.kind).capabilities)
    there: int = getattr(choice.settings, "gpus", 0)
    lacking = getattr(choice.settings, "lacking", None)
    return Offer(choice.name, memory or said or here, there if gpus is None else gpus, lacking)


def compared_with_workers(offer: Offer, choice: ExecutorChoice) -> Offer:
    """The same for an executor whose workers are known before it is open: a call asks for too much
    if none of them has it. They are asked once a call asks for memory or a GPU."""
    lacking_of = getattr(find_executor(choice.kind), "lacking_of", None)
    if lacking_of is None or offer.lacking is not None:
        return offer
    return replace(offer, lacking=lacking_of(choice.settings), more="worker")


def _gpus(number: int) -> str:
    return f"{number} GPU" if number == 1 else f"{number} GPUs"
