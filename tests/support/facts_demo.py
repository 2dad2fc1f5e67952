"""A realistic run as facts, for tests of whatever listens, and to look at.

PYTHONPATH=tests/support python -m facts_demo --mode live --speed 20
"""

from __future__ import annotations

import argparse
import contextlib
import heapq
import itertools
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

from radps_dag.facts import (
    Fact,
    Iterated,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
    Noted,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
    Verdict,
)

__all__ = ["STAGES", "START", "demo", "many_nodes", "wide"]

START = 1_760_000_000.0
STAGES = (
    "import_calibrators",
    "import_target",
    "calibrate_bandpass",
    "calibrate_gains",
    "image_calibrators",
    "calibrate_target_and_find_continuum",
    "image_continuum",
    "image_cube",
    "image_continuum_per_spw",
    "export",
)

Process = Iterator[float]  # yields how long it waits


class Clock:
    """A simulated engine: processes that wait, in one order, without waiting."""

    def __init__(self, seed: int = 1) -> None:
        self.now = START
        self.facts: list[Fact] = []
        self.random = random.Random(seed)
        self._queue: list[tuple[float, int, Process]] = []
        self._count = itertools.count()
        self._waiting: dict[int, list[Process]] = {}

    def say(self, what: Callable[..., Fact], place: str, **more: Any) -> None:
        self.facts.append(what(time=self.now, place=place, **more))

    def at(self, process: Process, delay: float = 0.0) -> None:
        heapq.heappush(self._queue, (self.now + delay, next(self._count), process))

    def run(self) -> None:
        while self._queue:
            self.now, _, process = heapq.heappop(self._queue)
            with contextlib.suppress(StopIteration):
                self.at(process, next(process))

    def together(self, *processes: Process) -> Process:
        """Runs processes at the same time, and ends with the last."""
        left = [len(processes)]

        def counted(process: Process) -> Process:
            yield from process
            left[0] -= 1

        for process in processes:
            self.at(counted(process))
        while left[0]:
            yield 0.05


def _qa(clock: Clock, place: str, metric: str, score: float, **more: Any) -> None:
    verdict: Verdict = "good" if score >= 0.9 else "warn" if score >= 0.67 else "alert"
    clock.say(Scored, place, metric=metric, score=score, verdict=verdict, **more)


def task(clock: Clock, place: str, seconds: float, **outputs: Any) -> Process:
    clock.say(NodeStarted, place, kind="task", description=f"Placeholder of {seconds:.3g} s")
    took = seconds * clock.random.uniform(0.7, 1.3)
    yield took
    clock.say(NodeSucceeded, place, outputs=outputs, seconds=took)


def group(clock: Clock, place: str, *steps: Process, text: str = "") -> Process:
    clock.say(NodeStarted, place, kind="group", description=text)
    begun = clock.now
    for step in steps:
        yield from step
    clock.say(NodeSucceeded, place, outputs={}, seconds=clock.now - begun)


def loop(
    clock: Clock, place: str, cap: int, last: int, score: Callable[[int], float], *names: str
) -> Process:
    clock.say(NodeStarted, place, kind="loop", total=cap)
    begun = clock.now
    for n in range(1, last + 1):
        here, start = f"{place}#{n}", clock.now
        clock.say(NodeStarted, here, kind="group" if names else "task")
        for name in names:
            yield from task(clock, f"{here}/{name}", 0.5)
        if not names:
            yield clock.random.uniform(0.2, 0.5)
        clock.say(NodeSucceeded, here, outputs={}, seconds=clock.now - start)
        outcome = "" if n < last else "exhausted" if last == cap else "converged"
        clock.say(Iterated, place, iteration=n, cap=cap, score=score(n), outcome=outcome)
    clock.say(NodeSucceeded, place, outputs={"iterations": last}, seconds=clock.now - begun)


def fan_out(
    clock: Clock, place: str, instances: list[tuple[str, Callable[[str], Process]]], width: int = 8
) -> Process:
    clock.say(NodeStarted, place, kind="fan_out", total=len(instances))
    begun = clock.now
    todo = iter(instances)

    def worker() -> Process:
        for key, make in todo:
            yield from make(f"{place}[{key}]")

    yield from clock.together(*(worker() for _ in range(min(width, len(instances)))))
    clock.say(NodeSucceeded, place, outputs={}, seconds=clock.now - begun)


def flaky(clock: Clock, place: str, fails: int, attempts: int, tolerated: bool = True) -> Process:
    begun = clock.now
    for attempt in range(1, attempts + 1):
        clock.say(NodeStarted, place, kind="task", attempt=attempt)
        yield 1.0
        if attempt > fails:
            clock.say(NodeSucceeded, place, outputs={}, seconds=clock.now - begun)
            return
        error: dict[str, Any] = {
            "error": "ConnectionError",
            "message": "archive did not answer within 30 s",
        }
        if attempt == attempts:
            took = clock.now - begun
            clock.say(NodeFailed, place, seconds=took, tolerated=tolerated, **error)
        else:
            delay = 3.0 * attempt
            clock.say(Retrying, place, attempt=attempt + 1, attempts=attempts, delay=delay, **error)
            yield delay


def _with_qa(clock: Clock, process: Process, place: str, metric: str, score: float) -> Process:
    yield from process
    _qa(clock, place, metric, score, units="dB", value=31.4, reason="signal over noise")


def _imports(clock: Clock, stage: str, fails: int) -> Process:
    return group(
        clock,
        stage,
        flaky(clock, f"{stage}/fetch", fails, 4),
        fan_out(
            clock,
            f"{stage}/flag",
            [(f"spw={n}", lambda place: task(clock, place, 1.5)) for n in range(6)],
        ),
        _with_qa(clock, task(clock, f"{stage}/wvr", 1.0), f"{stage}/wvr", "phase_rms_ratio", 0.97),
        text="From the archive to a measurement set",
    )


def _solver(clock: Clock, stage: str, score: float) -> Process:
    def per_spw(place: str) -> Process:
        last = clock.random.randint(5, 12)
        return loop(clock, place, 20, last, lambda n: 2.0 ** (-n))

    solve = fan_out(clock, f"{stage}/solve", [(f"spw={n}", per_spw) for n in range(4)], 3)
    return group(
        clock,
        stage,
        task(clock, f"{stage}/autoflag", 1.0),
        _with_qa(clock, solve, f"{stage}/solve", "snr", score),
        text="Solve for antenna gains",
    )


def _selfcal(clock: Clock, stage: str) -> Process:
    ranges = [155.0, 592.0, 795.0, 885.0, 883.0]
    improve = loop(
        clock, f"{stage}/selfcal", 5, 5, lambda n: ranges[n - 1], "solve", "apply", "image"
    )
    return group(
        clock,
        stage,
        task(clock, f"{stage}/image", 1.0),
        _with_qa(clock, improve, f"{stage}/selfcal", "dynamic_range", 0.98),
        text="Continuum image, self-calibrated",
    )


def _cube(clock: Clock, stage: str, tolerated: bool) -> Process:
    def subtract(place: str) -> Process:
        if place.endswith("[spw=3]"):
            return flaky(clock, place, 4, 4, tolerated=True)
        return task(clock, place, 2.0)

    def cleaned(place: str) -> Process:
        last = clock.random.randint(6, 20)
        return loop(clock, place, 20, last, lambda n: 5 * 0.8**n, "minor_cycle", "major_cycle")

    clean = fan_out(clock, f"{stage}/clean", [(f"spw={n}", cleaned) for n in (0, 1, 2, 4, 5)], 4)
    inside: list[Process] = [
        fan_out(clock, f"{stage}/uvcontsub", [(f"spw={n}", subtract) for n in range(6)])
    ]
    if tolerated:
        inside.append(_with_qa(clock, clean, f"{stage}/clean", "rms_over_thermal", 0.55))
    return group(clock, stage, *inside, text="Spectral-line cube")


def _skip(clock: Clock, place: str, reason: str) -> Process:
    clock.say(NodeSkipped, place, reason=reason)
    yield 0.0


def _fails(clock: Clock, stage: str) -> Process:
    clock.say(NodeStarted, stage, kind="group")
    begun = clock.now
    yield from flaky(clock, f"{stage}/upload", 4, 4, tolerated=False)
    clock.say(
        NodeFailed,
        stage,
        error="RunFailed",
        message="step 'upload' failed",
        seconds=clock.now - begun,
    )


def demo(good: bool = True, seed: int = 1) -> list[Fact]:
    """A whole run of ten stages: loops, fan-outs, retries, a tolerated failure, QA, a warning."""
    clock = Clock(seed)
    s = dict(zip(range(10), STAGES, strict=True))

    def images(stage: str) -> Process:
        keys = [f"J{n:04}+{n}" for n in range(12)]
        return group(
            clock,
            stage,
            fan_out(clock, f"{stage}/clean", [(k, lambda p: task(clock, p, 2)) for k in keys], 4),
        )

    def whole() -> Process:
        clock.say(
            RunStarted,
            "",
            run="keen-otter",
            pipeline="full_cube",
            file="pipelines/full_cube.yaml",
            params={"imaging": "contselfcal"},
            library="placeholder",
            executor="threads",
            seed=seed,
        )
        clock.say(Noted, "", message="starting the local Prefect server")
        yield 0.8
        yield from clock.together(_imports(clock, s[0], 2), _imports(clock, s[1], 0))
        yield from _solver(clock, s[2], 0.93)
        clock.say(
            Noted, s[2], message="antenna DA42 has no Tsys: the mean is used", level="warning"
        )
        yield from _solver(clock, s[3], 0.78)
        target = group(
            clock,
            s[5],
            task(clock, f"{s[5]}/apply", 1.5),
            loop(clock, f"{s[5]}/sigma_clip", 10, 4, lambda n: 1 / n),
        )
        yield from clock.together(images(s[4]), target)
        yield from _selfcal(clock, s[6])
        yield from clock.together(
            _cube(clock, s[7], good), _skip(clock, s[8], "when is false: params.imaging == 'cont'")
        )
        if good:
            yield from group(clock, s[9], task(clock, f"{s[9]}/upload", 1.5))
        else:
            yield from _fails(clock, s[9])
        outputs = {"cube": {"kind": "image", "uri": "products/keen-otter/cube.zarr", "version": 1}}
        outputs |= {"dynamic_range": 885.2, "failed_spws": ["spw=3"]} if good else {}
        clock.say(
            RunEnded,
            "",
            status="succeeded" if good else "failed",
            seconds=clock.now - START,
            outputs=outputs if good else {},
            message="" if good else "stage 'export' failed",
        )

    clock.at(whole())
    clock.run()
    return clock.facts


def wide(instances: int = 1000, width: int = 16, failing: float = 0.01) -> list[Fact]:
    """One stage with a wide fan-out of tasks, some of which fail or are tried again."""
    clock = Clock()

    def item(place: str) -> Process:
        if clock.random.random() < failing:
            return flaky(clock, place, clock.random.choice([1, 2]), 2)
        return task(clock, place, 0.3)

    def whole() -> Process:
        _begin(clock, "wide")
        keys = [f"channel={n}" for n in range(instances)]
        cube = fan_out(clock, "image_cube/clean", [(key, item) for key in keys], width)
        yield from group(clock, "image_cube", cube)
        clock.say(RunEnded, "", status="succeeded", seconds=clock.now - START)

    clock.at(whole())
    clock.run()
    return clock.facts


def many_nodes(nodes: int = 200, width: int = 12) -> list[Fact]:
    """Stages and steps without end, many of them at the same time."""
    clock = Clock()

    def stage(n: int) -> Process:
        name = f"stage_{n:03}"
        return group(
            clock, name, *(task(clock, f"{name}/{s}", 0.6) for s in ("flag", "solve", "apply"))
        )

    def worker(todo: Iterator[int]) -> Process:
        for n in todo:
            yield from stage(n)

    def whole() -> Process:
        _begin(clock, "many")
        todo = iter(range(nodes // 4))
        yield from clock.together(*(worker(todo) for _ in range(width)))
        clock.say(RunEnded, "", status="succeeded", seconds=clock.now - START)

    clock.at(whole())
    clock.run()
    return clock.facts


def _begin(clock: Clock, pipeline: str) -> None:
    clock.say(
        RunStarted,
        "",
        run="keen-otter",
        pipeline=pipeline,
        file=f"{pipeline}.yaml",
        params={},
        library="placeholder",
        executor="threads",
        seed=1,
    )


def main() -> None:
    import dataclasses

    from radps_dag.progress import listener

    parser = argparse.ArgumentParser()
    parser.add_argument("--mode", default="auto")
    parser.add_argument("--speed", type=float, default=5.0)
    parser.add_argument("--what", default="good", choices=["good", "bad", "wide", "many"])
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--stop-at", type=float, default=float("inf"))
    args = parser.parse_args()
    facts = {
        "good": demo,
        "bad": lambda: demo(good=False),
        "wide": lambda: wide(args.size),
        "many": lambda: many_nodes(args.size),
    }[args.what]()
    expected = STAGES if args.what in ("good", "bad") else ()
    begun, spent = time.time(), 0.0
    with listener(args.mode, expected=expected) as listen:
        for fact in facts:
            due = (fact.time - START) / args.speed
            if due > args.stop_at:
                break
            time.sleep(max(0.0, begun + due - time.time()))
            tick = time.perf_counter()
            # A retry counts down in real time, whatever the speed.
            listen(dataclasses.replace(fact, time=begun + due))
            spent += time.perf_counter() - tick
    print(f"{len(facts)} facts, {1e6 * spent / len(facts):.1f} us each in the listener")
    print(f"cpu {time.process_time():.2f} s of {time.time() - begun:.2f} s")


if __name__ == "__main__":
    main()
