"""Occupancy of the executor during a run, kept in a file for those who look at the run."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from radps_dag.engine.job import Job
from radps_dag.engine.slots import Slots
from radps_dag.executors.call import Executor
from radps_dag.journal.occupancy import Occupancy, write

__all__ = ["keeping_occupancy"]

LOOK = 1.0  # seconds between two looks
_MOST = 200  # waiting calls that are named


@contextlib.asynccontextmanager
async def keeping_occupancy(
    file: Path | None, job: Job, slots: Slots, executor: Executor
) -> AsyncIterator[None]:
    """Keep what calls wait for, and the workers that there are, in a file meanwhile. It is written
    once a second at most, where something of it has changed."""
    if file is None:
        yield
        return
    keeping = asyncio.create_task(_keep(file, job, slots, executor))
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        write(file, None)


async def _keep(file: Path, job: Job, slots: Slots, executor: Executor) -> None:
    written: Occupancy | None = None
    ask: Callable[[], Awaitable[Occupancy]] | None = getattr(executor, "occupancy", None)
    while True:
        await asyncio.sleep(LOOK)
        there = Occupancy()
        if ask is not None:
            # Of a plug-in, and about the run, not of it: whatever goes wrong in it.
            with contextlib.suppress(Exception):
                there = await ask()
        seen = _whole(there, job, slots)
        if seen != written:
            await asyncio.to_thread(write, file, seen)
            written = seen


def _whole(there: Occupancy, job: Job, slots: Slots) -> Occupancy | None:
    """All that is known; None if nothing waits, and the executor has no workers of its own."""
    waiting = slots.waiting + len(there.waits)
    if not waiting and there.machines is None and not there.jobs:
        return None
    return replace(
        there,
        executor=job.executor.name,
        generation=job.generation,
        slots=slots.capacity.slots,
        taken=slots.taken,
        waits=tuple(islice(chain(there.waits, slots.waits()), _MOST)),
        waiting=waiting,
    )
