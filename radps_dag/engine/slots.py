"""How much runs at once: slots that calls take, by the processors they ask for."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque

__all__ = ["Slots", "Turn"]


class Slots:
    """A fair, weighted semaphore: a call that asks for two processors takes two slots.

    First come, first served, so that a wide call is not starved by narrow ones. A call that asks
    for more than there is takes everything.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._free = capacity
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    def weight(self, cpus: float) -> int:
        return max(1, min(self.capacity, math.ceil(cpus)))

    async def take(self, weight: int) -> None:
        if not self._queue and weight <= self._free:
            self._free -= weight
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            # Cancelled in the moment the turn came: the slots are ours, and go back.
            if turn.done() and not turn.cancelled():
                self.give(weight)
            else:
                # `give` may have passed over it already, if it came before this.
                with contextlib.suppress(ValueError):
                    self._queue.remove((weight, turn))
                self._serve()
            raise

    def give(self, weight: int) -> None:
        self._free += weight
        self._serve()

    def _serve(self) -> None:
        while self._queue and self._queue[0][0] <= self._free:
            weight, turn = self._queue.popleft()
            if turn.done():
                continue
            self._free -= weight
            turn.set_result(None)


class Turn:
    """One caller's slots: taken and given back as often as it likes, never twice."""

    def __init__(self, slots: Slots, weight: int) -> None:
        self._slots = slots
        self._weight = weight
        self._held = False

    async def take(self) -> None:
        if not self._held:
            await self._slots.take(self._weight)
            self._held = True

    def give(self) -> None:
        if self._held:
            self._held = False
            self._slots.give(self._weight)
