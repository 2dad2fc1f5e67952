"""A task run of Prefect's engine, which calls an ordered end by its name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from prefect import Task
from prefect.client.schemas.objects import State
from prefect.task_engine import AsyncTaskRunEngine

__all__ = ["run_task"]


async def run_task(task: Task[Any, Any], early: Callable[[], State[Any]]) -> None:
    """Run a task without parameters, as Prefect's `run_task_async` does. `early` is the state of
    one that is told to end."""
    engine = _Engine(
        task=task, parameters={}, task_run=None, wait_for=None, context=None, early=early
    )
    async with engine.start():
        while engine.is_running():
            await engine.wait_until_ready()
            async with engine.run_context(), engine.transaction_context() as transaction:
                await engine.call_task_fn(transaction)


@dataclass(kw_only=True)
class _Engine(AsyncTaskRunEngine[Any, Any]):
    early: Callable[[], State[Any]]

    async def handle_crash(self, exc: BaseException) -> None:
        """A run that is told to end while a task waits for its next attempt has not crashed."""
        if not isinstance(exc, asyncio.CancelledError):
            return await super().handle_crash(exc)
        await self.set_state(self.early(), force=True)
        self._raised = exc
        return None
