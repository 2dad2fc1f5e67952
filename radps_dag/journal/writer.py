"""Facts to the journal, durably: many of them share one transaction.

The engine's loop never waits for the disk: a thread commits what has come up to then, and wakes
those who wait until their fact is safe. A fact that nobody waits for is written a moment later.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass

from radps_dag.facts import Fact
from radps_dag.journal.rows import Row, to_row
from radps_dag.journal.store import Store
from radps_dag.problem import RadpsDagError

__all__ = ["Writer"]

MOMENT = 0.1  # seconds that a fact may wait for others


@dataclass(frozen=True, slots=True)
class _Waiter:
    """A waiter for the moment at which so many facts are durable."""

    count: int
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]


class Writer:
    """Appends to one run. Where that fails (a full disk), `broken` is called once, from a thread,
    `error` says why, and nothing is written any more: whoever waits then waits for ever.

    `others` is called with the numbers of rows that somebody else has appended in between, the
    first and the last, from the thread too.
    """

    def __init__(self, store: Store, run: str, generation: int, last: int) -> None:
        self.error: RadpsDagError | None = None
        self.broken: Callable[[], object] = lambda: None
        self.others: Callable[[int, int], object] = lambda first, last: None
        self._store = store
        self._run = run
        self._generation = generation
        self._last = last  # row that is known
        self._rows: list[Row] = []
        self._taken = 0  # facts that were handed over
        self._durable = 0
        self._waiting: list[_Waiter] = []
        self._closing = False
        self._idle = False  # the thread waits for a row
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="radps-dag journal", daemon=True)
        self._thread.start()

    def append(self, fact: Fact) -> None:
        """Hand over a fact, to be written soon."""
        if self.error is not None:
            return
        row = to_row(self._run, fact, self._store.workspace)
        with self._changed:
            self._rows.append(row)
            self._taken += 1
            if self._idle:
                self._idle = False
                self._changed.notify()

    async def settled(self) -> None:
        """Wait until every fact so far is durable."""
        with self._changed:
            if self._durable >= self._taken and self.error is None:
                return
            loop = asyncio.get_running_loop()
            waiter = _Waiter(self._taken, loop, loop.create_future())
            self._waiting.append(waiter)
            self._changed.notify()
        await waiter.done

    def close(self) -> None:
        """Write what is left. Raises RadpsDagError if not everything could be written."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _work(self) -> None:
        while rows := self._batch():
            if self.error is None:
                self._commit(rows)
            if self.error is None:
                self._wake(len(rows))

    def _batch(self) -> list[Row]:
        """Take the rows to write, once somebody waits for them or a moment has passed."""
        with self._changed:
            self._doze()
            while not self._rows and not self._closing:
                self._idle = True
                self._changed.wait()
                self._doze()
            rows, self._rows = self._rows, []
            return rows

    def _doze(self) -> None:
        """Let rows come for a moment: it is ended by whoever waits, and not by each row, for which
        two threads would have to take turns."""
        if not self._waiting and not self._closing:
            self._changed.wait(MOMENT)

    def _commit(self, rows: list[Row]) -> None:
        try:
            first = self._store.append(self._run, rows, self._generation)
        except Exception as error:  # noqa: BLE001
            # Whatever it is: a thread that just ended would let everybody wait for ever.
            self.error = _named(error, self._store.name)
            self.broken()
            return
        if first > self._last + 1:
            self.others(self._last + 1, first - 1)
        self._last = first + len(rows) - 1

    def _wake(self, count: int) -> None:
        with self._changed:
            self._durable += count
            ready = [waiter for waiter in self._waiting if waiter.count <= self._durable]
            if ready:
                self._waiting = [waiter for waiter in self._waiting if waiter.count > self._durable]
        if ready:
            # A loop that is over has nobody who waits.
            with contextlib.suppress(RuntimeError):
                ready[0].loop.call_soon_threadsafe(_settle, ready)


def _named(error: Exception, name: str) -> RadpsDagError:
    if isinstance(error, RadpsDagError):
        return error
    reason = (str(error).splitlines() or [""])[0]
    return RadpsDagError(
        f"{name}: the journal cannot be written: {type(error).__name__}: {reason}; "
        "fix this, then resume the run"
    )


def _settle(waiters: list[_Waiter]) -> None:
    for waiter in waiters:
        if not waiter.done.done():
            waiter.done.set_result(None)
