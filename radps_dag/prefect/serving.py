"""A work pool of processes, served: what is deployed to it runs here until this ends."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from prefect.workers.process import ProcessWorker

__all__ = ["serve"]


async def serve(pool: str, limit: int | None, tell: Callable[[str], None]) -> None:
    """Run what is deployed to the pool, at most `limit` runs at once, until a signal ends it.

    Runs that go on are told to end, as by Ctrl-C, and waited for.
    """
    loop = asyncio.get_running_loop()
    worker = ProcessWorker(work_pool_name=pool, limit=limit, create_pool_if_not_found=False)
    serving = asyncio.create_task(worker.start(printer=tell))
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, serving.cancel)
    try:
        await serving
    except asyncio.CancelledError:
        tell("stopped")
