"""A work pool of processes, served: what is deployed to it runs here until this ends."""

from __future__ import annotations

import asyncio
import os
import platform
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessWorker

__all__ = ["serve"]

PATIENCE = 15.0  # seconds that runs get to end; they have 9 themselves, and less while they start


async def serve(pool: str, limit: int | None, tell: Callable[[str], None]) -> None:
    """Run what is deployed to the pool, at most `limit` runs at once, until a signal ends it.

    Runs that go on are told to end, as by Ctrl-C, and waited for; a second signal waits no longer.
    """
    worker = ProcessWorker(
        work_pool_name=pool,
        name=f"{platform.node()}-{os.getpid()}",
        limit=limit,
        create_pool_if_not_found=False,
    )
    runs = _Runs(worker)
    serving = asyncio.create_task(worker.start(printer=lambda text: None))
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        await runs.end(tell)
        serving.cancel()

    def told() -> None:
        if ending:
            serving.cancel()
        else:
            ending.append(asyncio.create_task(end()))

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # `nohup` has SIGHUP ignored, and means it.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, told)
    with suppress(asyncio.CancelledError):
        await serving


class _Runs:
    """The processes that a worker has started: it kills them where it ends."""

    def __init__(self, worker: ProcessWorker) -> None:
        self._ending = False
        self._going: dict[asyncio.Task[Any], int] = {}
        self._poll, self._run = worker.get_and_submit_flow_runs, worker.run
        # A subclass would take the place of Prefect's worker wherever one is looked for.
        worker.get_and_submit_flow_runs = self._begin_due  # type: ignore[method-assign]
        worker.run = self._drive  # type: ignore[method-assign]

    async def end(self, tell: Callable[[str], None]) -> None:
        """Begin no more runs, tell those that go on to end, and wait a while until they have."""
        self._ending = True
        if self._going:
            tell(f"interrupting {len(self._going)} run{'s' * (len(self._going) > 1)}")
            for pid in self._going.values():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            await asyncio.wait(self._going, timeout=PATIENCE)

    async def _begin_due(self) -> list[FlowRun]:
        return [] if self._ending else await self._poll()

    async def _drive(self, flow_run: FlowRun, configuration: Any, task_status: Any = None) -> Any:
        task = asyncio.current_task()
        assert task is not None
        status = _Status(task_status, lambda pid: self._going.setdefault(task, pid))
        try:
            return await self._run(flow_run, configuration, status)  # type: ignore[arg-type]
        finally:
            self._going.pop(task, None)


class _Status:
    """Receiver of the id of the process that a worker has started."""

    def __init__(self, inner: Any, started: Callable[[int], object]) -> None:
        self._inner = inner
        self._started = started

    def started(self, pid: int) -> None:
        self._started(pid)
        if self._inner is not None:
            self._inner.started(pid)
