"""The same work as a Prefect user writes it by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

__all__ = ["burning", "chained", "full_cube", "in_processes", "submitted", "timed"]

# Of each stage of `full_cube.yaml`: the groups, loops and instances in it, and the tasks that
# Prefect's page shows for its calls.
STAGES = {
    "import_calibrators": (4, 27),
    "calibrate_bandpass": (4, 28),
    "calibrate_gains": (0, 25),
    "image_calibrators": (12, 37),
    "import_target": (2, 15),
    "calibrate_target_and_find_continuum": (2, 23),
    "image_continuum": (11, 73),
    "image_continuum_per_spw": (4, 15),
    "image_cube": (8, 28),
    "export": (4, 12),
}


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


def full_cube() -> None:
    """As many tasks as a run of `full_cube.yaml` has, none of which computes anything, with a
    subflow for each stage and each group in it; no QA, no pictures."""
    from prefect import flow, task

    call = task(nothing)

    @flow
    def group(calls: int) -> None:
        for number in range(calls):
            call(number)

    def stage_of(name: str, groups: int, calls: int) -> Callable[[], Any]:
        def body() -> None:
            for number in range(groups):
                group(calls // groups + (number < calls % groups))
            if not groups:
                for number in range(calls):
                    call(number)

        return flow(body, name=name)

    stages = [stage_of(name, groups, calls) for name, (groups, calls) in STAGES.items()]

    @flow
    def cube() -> None:
        call(0)  # the observation
        for stage in stages:
            stage()

    cube()
