"""The same work as a Prefect user writes it by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["burning", "chained", "in_processes", "submitted", "timed"]


def nothing(item: int = 0) -> int:
    return item


def burn(rounds: int) -> float:
    total = 0.0
    for number in range(rounds):
        total += (number * 31 % 7) ** 0.5
    return total


def timed(work: Callable[..., Any], *arguments: Any) -> float:
    """Seconds of the flow that `work` makes, with Prefect imported before."""
    flow = work(*arguments)
    flow_of_one = submitted(1)
    flow_of_one()  # what a process pays once: the client, the workers that send events
    begun = time.perf_counter()
    flow()
    return time.perf_counter() - begun


def submitted(count: int) -> Callable[[], Any]:
    """Tasks submitted to threads, Prefect's default."""
    from prefect import flow, task
    from prefect.futures import wait

    one = task(nothing)

    @flow
    def every() -> None:
        wait([one.submit(number) for number in range(count)])

    return every


def chained(count: int) -> Callable[[], Any]:
    """Tasks called one after another."""
    from prefect import flow, task

    one = task(nothing)

    @flow
    def chain() -> None:
        value = 0
        for _ in range(count):
            value = one(value)

    return chain


def in_processes(count: int) -> Callable[[], Any]:
    """Tasks in Prefect's own process pool."""
    from prefect import flow, task
    from prefect.futures import wait
    from prefect.task_runners import ProcessPoolTaskRunner

    one = task(nothing)

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
    def every() -> None:
        wait([one.submit(number) for number in range(count)])

    return every


def burning(count: int, rounds: int) -> Callable[[], Any]:
    """CPU-bound tasks in Prefect's own process pool, with two workers."""
    from prefect import flow, task
    from prefect.futures import wait
    from prefect.task_runners import ProcessPoolTaskRunner

    one = task(burn)

    @flow(task_runner=ProcessPoolTaskRunner(max_workers=2))
    def every() -> None:
        wait([one.submit(rounds) for _ in range(count)])

    return every
