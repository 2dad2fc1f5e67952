"""An attempt with its limit in time, and the word that another follows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from radps_dag.engine.attempts import Plan
from radps_dag.engine.run import NodeContext
from radps_dag.facts import Retrying
from radps_dag.outcome import NodeError, Stopped, TimedOut

__all__ = ["telling", "within"]

T = TypeVar("T")


def within(seconds: float | None, place: str, work: Callable[[], Awaitable[T]]) -> Awaitable[T]:
    """Do the work in that time, or cancel it and raise TimedOut."""
    return work() if seconds is None else _within(seconds, place, work)


async def _within(seconds: float, place: str, work: Callable[[], Awaitable[T]]) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work()
    except TimeoutError:
        raise TimedOut(place, seconds) from None


def telling(
    here: NodeContext, plan: Plan, body: Callable[[int], Awaitable[T]]
) -> Callable[[int], Awaitable[T]]:
    """The body, which says so when an attempt fails that another one follows."""

    async def attempt(number: int) -> T:
        if number > 1 and here.halt.cause:
            raise Stopped(here.place.name, here.halt.cause)
        try:
            return await body(number)
        except NodeError as error:
            # A further attempt would be something new, and the run starts nothing new any more.
            error.final = bool(here.halt.cause)
            if plan.again(number, error):
                here.run.say(
                    Retrying(
                        time=time.time(),
                        place=here.place.name,
                        attempt=number + 1,
                        attempts=plan.attempts,
                        delay=plan.delays[number - 1],
                        error=error.error,
                        message=error.message,
                        usage=error.usage if error.place == here.place.name else None,
                    )
                )
                # What a group's next attempt makes again must not pass for what is still there.
                await here.run.settled()
            raise

    return attempt
