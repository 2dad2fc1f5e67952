"""Slots, memory, graphics processors and locks that calls hold while they run."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import time
from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from operator import attrgetter

from radps_dag.facts import Usage
from radps_dag.language.model import Resources

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
    """A call in the queue, by the number with which it came."""

    number: int
    amount: Amount
    turn: asyncio.Future[None]


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

    def amount(self, asked: Resources) -> Amount:
        """The resources that a call takes for this request; a part of a processor is a whole
        slot.
        """
        return Amount(
            slots=max(1, min(self.capacity.slots, math.ceil(asked.cpus))),
            memory=min(self.capacity.memory, asked.memory or 0),
            gpus=min(self.capacity.gpus, asked.gpus),
        )

    async def take(self, amount: Amount, locks: Sequence[str] = ()) -> None:
        """Wait until the locks and the amount are free, and take them."""
        number = next(self._numbers)
        held: list[str] = []
        try:
            for name in locks:
                await self._locks.setdefault(name, asyncio.Lock()).acquire()
                held.append(name)
            await self._take(amount, number)
        except asyncio.CancelledError:
            self._unlock(held)
            raise

    def give(self, amount: Amount, locks: Sequence[str] = ()) -> None:
        """Give an amount and locks back, to whoever waits first."""
        self._free += amount
        self._serve()
        self._unlock(locks)

    async def _take(self, amount: Amount, number: int) -> None:
        if not self._queue and amount.fits(self._free):
            self._free -= amount
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(number, amount, turn)
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
            self._locks[name].release()


class Turn:
    """Resources held by one call: taken and given back as often as it likes, never twice. `asked`
    says what an attempt of it asks for."""

    def __init__(self, slots: Slots, asked: Callable[[int], Resources]) -> None:
        self.resources = Resources()
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
            await self._slots.take(self._amount, self.resources.locks)
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
