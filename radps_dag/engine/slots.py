"""Slots, memory, graphics processors and locks that calls hold while they run."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from operator import attrgetter

from radps_dag.facts import Usage
from radps_dag.journal.occupancy import Wait
from radps_dag.language.model import Resources
from radps_dag.language.quantities import in_words

__all__ = ["Amount", "Slots", "Turn"]


@dataclass(frozen=True, slots=True)
class Amount:
    """Resources that a call holds, or that there are. Memory in bytes."""

    slots: int = 1
    memory: int = 0
    gpus: int = 0

    def fits(self, into: Amount) -> bool:
        """Whether the amount is free."""
        return self.slots <= into.slots and self.memory <= into.memory and self.gpus <= into.gpus

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.slots + other.slots, self.memory + other.memory, self.gpus + other.gpus)

    def __sub__(self, other: Amount) -> Amount:
        """Subtract; no part is less than zero."""
        return Amount(
            max(0, self.slots - other.slots),
            max(0, self.memory - other.memory),
            max(0, self.gpus - other.gpus),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A call in the queue, by the number with which it came; `since` is in seconds since the
    epoch."""

    number: int
    amount: Amount
    turn: asyncio.Future[None]
    place: str
    since: float


class Slots:
    """A fair, weighted semaphore: a call takes all that it asks for at once, or waits.

    First come, first served, in each quantity: what a waiting call needs is kept for it, so a call
    with a large request is not starved by small ones; who comes later takes only of what is left
    beyond that. A call that asks for more than there is takes everything.

    Locks come before all else, in the order of their names, so that no two calls wait for each
    other. Who waits for one keeps nothing from others, and does not lose its place in the queue.
    """

    def __init__(self, slots: int, memory: int = sys.maxsize, gpus: int = 0) -> None:
        self.capacity = Amount(slots, memory, gpus)
        self._free = self.capacity
        self._queue: deque[_Waiting] = deque()
        self._numbers = count()
        self._locks: dict[str, asyncio.Lock] = {}
        self._holders: dict[str, str] = {}  # of locks: the places of their calls
        self._locked_out: dict[int, tuple[str, str, float]] = {}  # place, lock, since when
        self.amount = lru_cache(self._amount)  # most calls ask for the same

    @property
    def taken(self) -> int:
        """The number of slots that calls hold."""
        return self.capacity.slots - self._free.slots

    @property
    def waiting(self) -> int:
        """The number of calls that wait."""
        return len(self._queue) + len(self._locked_out)

    def waits(self) -> Iterator[Wait]:
        """Yield the calls that wait, and for what, in the order of the queue; then those that wait
        for locks."""
        free = self._free
        for waiting in self._queue:
            yield self._wait(waiting, free)
            free -= waiting.amount  # it is kept for that call
        for place, lock, since in self._locked_out.values():
            holder = self._holders.get(lock)
            held = f", held by {holder}" if holder else ""
            yield Wait(place, "lock", f"lock {lock}{held}", since)

    def _wait(self, waiting: _Waiting, free: Amount) -> Wait:
        asked, there, place = waiting.amount, self.capacity, waiting.place
        if asked.memory > free.memory:
            words = f"memory, {in_words(asked.memory)} of {in_words(there.memory)}"
            return Wait(place, "memory", words, waiting.since)
        if asked.gpus > free.gpus:
            words = f"{asked.gpus} of {there.gpus} GPU{'' if there.gpus == 1 else 's'}"
            return Wait(place, "gpus", words, waiting.since)
        words = f"{asked.slots} of {there.slots} slot{'' if there.slots == 1 else 's'}"
        return Wait(place, "slots", words, waiting.since)

    def _amount(self, asked: Resources) -> Amount:
        """The resources that a call takes for this request; a part of a processor is a whole
        slot.
        """
        return Amount(
            slots=max(1, min(self.capacity.slots, math.ceil(asked.cpus))),
            memory=min(self.capacity.memory, asked.memory or 0),
            gpus=min(self.capacity.gpus, asked.gpus),
        )

    async def take(self, amount: Amount, locks: Sequence[str] = (), place: str = "") -> None:
        """Wait until the locks and the amount are free, and take them for the call at a place."""
        number = next(self._numbers)
        held: list[str] = []
        since = time.time()
        try:
            for name in locks:
                self._locked_out[number] = place, name, since
                try:
                    await self._locks.setdefault(name, asyncio.Lock()).acquire()
                finally:
                    del self._locked_out[number]
                self._holders[name] = place
                held.append(name)
            await self._take(amount, number, place, since)
        except asyncio.CancelledError:
            self._unlock(held)
            raise

    def give(self, amount: Amount, locks: Sequence[str] = ()) -> None:
        """Give an amount and locks back, to whoever waits first."""
        self._free += amount
        self._serve()
        self._unlock(locks)

    async def _take(self, amount: Amount, number: int, place: str, since: float) -> None:
        if not self._queue and amount.fits(self._free):
            self._free -= amount
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(number, amount, turn, place, since)
        insort(self._queue, waiting, key=attrgetter("number"))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            # Cancelled in the moment the turn came: what it holds is ours, and goes back.
            if turn.done() and not turn.cancelled():
                self.give(amount)
            else:
                # `give` may have passed over it already, if it came before this.
                with contextlib.suppress(ValueError):
                    self._queue.remove(waiting)
                self._serve()
            raise

    def _serve(self) -> None:
        free = self._free
        left: deque[_Waiting] = deque()
        while self._queue and free.slots > 0:  # every call takes a slot at least
            waiting = self._queue.popleft()
            if waiting.turn.done():
                continue
            if waiting.amount.fits(free):
                self._free -= waiting.amount
                waiting.turn.set_result(None)
            else:
                left.append(waiting)
            # Taken by this call, or kept for it.
            free -= waiting.amount
        self._queue.extendleft(reversed(left))

    def _unlock(self, locks: Sequence[str]) -> None:
        for name in locks:
            self._holders.pop(name, None)
            self._locks[name].release()


class Turn:
    """Resources held by one call: taken and given back as often as it likes, never twice. `asked`
    says what an attempt of it asks for; its `place` is shown while it waits."""

    def __init__(self, slots: Slots, asked: Callable[[int], Resources], place: str = "") -> None:
        self.resources = Resources()
        self._place = place
        self._asked_by = asked
        self._slots = slots
        self._amount = Amount()
        self._held = False
        self._ready = self._asked = self._taken = 0.0

    @property
    def ready(self) -> float:
        """Time at which the amount was asked for, in seconds since the epoch."""
        return self._ready

    async def take(self, attempt: int = 1) -> None:
        """Take what the attempt asks for, unless it is held."""
        if not self._held:
            self.resources = self._asked_by(attempt)
            self._amount = self._slots.amount(self.resources)
            self._ready, self._asked = time.time(), time.monotonic()
            await self._slots.take(self._amount, self.resources.locks, self._place)
            self._held, self._taken = True, time.monotonic()

    def usage(self, measured: Usage | None) -> Usage:
        """The usage of the attempt that ends now, with what its worker has measured."""
        held = time.monotonic() - self._taken
        usage = measured if measured is not None else Usage(computing=round(held, 6))
        return replace(
            usage,
            ready=self._ready,
            waited=round(self._taken - self._asked, 6),
            placed=max(0.0, round(held - usage.computing - usage.publishing, 6)),
            slots=self._amount.slots,
            cpus=self.resources.cpus,
            memory=self.resources.memory,
            gpus=self.resources.gpus,
        )

    def give(self) -> None:
        """Give the amount back, if it is held."""
        if self._held:
            self._held = False
            self._slots.give(self._amount, self.resources.locks)
