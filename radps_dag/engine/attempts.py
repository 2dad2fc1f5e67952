"""Attempts after the first: which errors deserve one, and how long to wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from radps_dag.language.model import Retries
from radps_dag.outcome import NodeError

__all__ = ["NO_RETRY", "Plan", "attempt", "plan"]

T = TypeVar("T")

# A wait longer than a day is a mistake in the backoff, not a policy.
LONGEST_DELAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The delays in seconds before each further attempt, and the exception types that get one."""

    delays: tuple[float, ...] = ()
    on: tuple[str, ...] = ()

    @property
    def attempts(self) -> int:
        """Number of attempts, the first one included."""
        return len(self.delays) + 1

    def again(self, number: int, error: NodeError) -> bool:
        """Whether attempt `number`, which ended with `error`, is followed by another."""
        if number >= self.attempts or error.final or error.certain:
            return False
        return not self.on or bool(set(self.on) & set(error.kinds))


NO_RETRY = Plan()


def plan(retries: Retries | None, seed: str) -> Plan:
    """The attempts of one call, the same for the same seed.

    The delay before attempt n + 1 is `delay * backoff ** (n - 1)`, plus at random up to the share
    `jitter` of it, so that calls that failed together do not come back together.
    """
    if retries is None or retries.max == 0:
        return NO_RETRY
    # Reproducible, not secret.
    chance = random.Random(f"retry {seed}")  # noqa: S311
    delays = []
    for number in range(retries.max):
        delay = retries.delay * min(retries.backoff**number, LONGEST_DELAY)
        delays.append(min(delay * (1 + retries.jitter * chance.random()), LONGEST_DELAY))
    return Plan(tuple(delays), retries.on)


async def attempt(plan: Plan, body: Callable[[int], Awaitable[T]]) -> T:
    """Call `body(attempt)` until it succeeds or the plan ends; the last error is raised."""
    number = 1
    while True:
        try:
            return await body(number)
        except NodeError as error:
            if not plan.again(number, error):
                raise
        await asyncio.sleep(plan.delays[number - 1])
        number += 1
