"""What a run costs beside the same work in hand-written Prefect, measured side by side.

    python -m benchmarks.engine            # everything, several minutes
    python -m benchmarks.engine fan_out    # what contains the word
    python -m benchmarks.engine full_cube  # whole programs: beside itself without Prefect, by hand
    python -m benchmarks.engine naps       # whole programs: beside dask's threads

Each row runs ours and the other in turn, each in a process of its own, against one warm local
server, and prints the medians of the time from the flow's call to its end with their ratio. Trust
the ratios: the seconds depend on the machine and on who else uses it.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks import by_hand
from benchmarks.ours import WORKLOADS

ROUNDS = 3
FULL_CUBE = Path(__file__).parent.parent / "pipelines" / "full_cube.yaml"


@dataclass(frozen=True)
class Case:
    """A pipeline of ours, and what it is compared with: other code, or an ideal in seconds."""

    name: str
    pipeline: str
    executor: str = "threads"
    max_parallel: int | None = None
    other: Callable[..., Any] | None = None
    arguments: tuple[Any, ...] = ()
    ideal: float | None = None
    per: int = 1
    limit: str = ""


def fan_out(count: int, batch: int = 1) -> str:
    return f"""
version: 1
name: fan_out_{count}
stages:
  each:
    for_each: {{item: "${{{{ range({count}) }}}}"}}
    {f"batch: {batch}" if batch > 1 else ""}
    run: nothing
    with: {{item: "${{{{ each.item }}}}"}}
"""


def chain(count: int) -> str:
    first = "      s0: {run: nothing}\n"
    rest = "".join(
        f'      s{n}: {{run: nothing, with: {{item: "${{{{ steps.s{n - 1}.item }}}}"}}}}\n'
        for n in range(1, count)
    )
    return f"version: 1\nname: chain\nstages:\n  all:\n    steps:\n{first}{rest}"


LOOP = """
version: 1
name: loop
stages:
  solve:
    run: nothing
    with: {item: "${{ state.n }}"}
    loop:
      max_iterations: 100
      state: {n: {init: 0, next: "${{ state.n + 1 }}"}}
      until: ${{ outputs.item >= 99 }}
"""


def repeated(workload: str, count: int, argument: str) -> str:
    return f"""
version: 1
name: {workload}_{count}
stages:
  each:
    for_each: {{item: "${{{{ range({count}) }}}}"}}
    run: {workload}
    with: {{{argument}}}
"""


# 64 naps of 100 ms, 16 at once, as a program of ours and as one of dask's.
NAPS = repeated("nap", 64, "seconds: 0.1").replace("run:", "max_parallel: 16\n    run:")
DASK = """
import time, dask
def nap(n):
    time.sleep(0.1)
naps = [dask.delayed(nap)(n) for n in range(64)]
dask.compute(naps, scheduler="threads", num_workers=16)
"""

RUN = ["-m", "radps_dag", "run", "--no-reuse", "--quiet"]
FULL_CUBE_BY_HAND = "from benchmarks import by_hand; by_hand.full_cube()"


@dataclass(frozen=True)
class Program:
    """A program that ours is compared with: words after `python`, and the limit of the ratio."""

    name: str
    command: list[str]
    ours: bool = True
    limit: str = "<= 2"


CASES = (
    *(
        Case(
            f"fan_out {n} threads",
            fan_out(n),
            other=by_hand.submitted,
            arguments=(n,),
            per=n,
            limit="<= 1",
        )
        for n in (10, 100, 1000)
    ),
    Case(
        "chain 100 threads",
        chain(100),
        other=by_hand.chained,
        arguments=(100,),
        per=100,
        limit="<= 1",
    ),
    Case("loop 100 threads", LOOP, other=by_hand.chained, arguments=(100,), per=100, limit="<= 1"),
    *(
        Case(
            f"fan_out {n} processes",
            fan_out(n),
            executor="processes",
            other=by_hand.in_processes,
            arguments=(n,),
            per=n,
            limit="<= 0.1",
        )
        for n in (10, 100)
    ),
    Case(
        "batch 10,000 (of one task each)",
        fan_out(10_000, 500),
        other=by_hand.submitted,
        arguments=(1000,),
        per=10_000,
        limit="<= 0.1 per item",
    ),
    Case(
        "64 sleeps of 100 ms, 16 at once",
        repeated("nap", 64, "seconds: 0.1"),
        max_parallel=16,
        ideal=0.4,
    ),
    Case(
        "64 CPU-bound bodies, 2 processes",
        repeated("burn", 64, "rounds: 400000"),
        executor="processes",
        max_parallel=2,
        other=by_hand.burning,
        arguments=(64, 400_000),
        limit="about 1",
    ),
)


def ours(case: Case) -> float:
    """Seconds of one run of ours, from the first call to Prefect to the end of the flow."""
    code = (
        "import sys, json; from benchmarks import ours; print(json.dumps(ours.run(*sys.argv[1:])))"
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pipeline.yaml"
        file.write_text(case.pipeline, encoding="utf-8")
        return _seconds([code, str(file), case.executor, str(case.max_parallel or "")])


def theirs(case: Case) -> float:
    assert case.other is not None
    code = (
        "import sys, json; from benchmarks import by_hand; "
        f"print(json.dumps(by_hand.timed(by_hand.{case.other.__name__}, *{case.arguments!r})))"
    )
    return _seconds([code])


def _seconds(arguments: Sequence[str]) -> float:
    done = subprocess.run(
        [sys.executable, "-c", *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    found: float = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(case: Case) -> None:
    """Run a case in turn with what it is compared to, and print the row."""
    mine, others = [], []
    for _ in range(ROUNDS):
        mine.append(ours(case))
        if case.other is not None:
            others.append(theirs(case))
    taken = statistics.median(mine)
    row = f"{case.name:36} {taken:8.2f} s {1000 * taken / case.per:9.2f} ms each"
    if case.other is not None:
        count = case.arguments[0]
        other = statistics.median(others)
        ratio = (taken / case.per) / (other / count) if case.per > 1 else taken / other
        row += f" | {other:8.2f} s {1000 * other / count:9.2f} ms each | ratio {ratio:5.2f}"
    if case.ideal is not None:
        row += f" | {case.ideal:8.2f} s ideal{'':12} | ratio {taken / case.ideal:5.2f}"
    print(f"{row}  {case.limit}", flush=True)


def whole(command: list[str], ours: bool = True) -> float:
    """Seconds of a whole program; one of ours finds the local server by itself, as a user's."""
    environment = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "naps.yaml").write_text(NAPS, encoding="utf-8")
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, *command],
            cwd=folder,
            env={**(environment if ours else os.environ), "PYTHONPATH": str(FULL_CUBE.parents[1])},
            capture_output=True,
            check=False,
        )
        seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stderr.decode())
    return seconds


def measure_programs(name: str, command: list[str], *others: Program) -> None:
    """Run a program of ours in turn with others, and print a row for each of those."""
    taken: list[list[float]] = []
    for _ in range(ROUNDS):
        taken.append([whole(command), *(whole(other.command, other.ours) for other in others)])
        time.sleep(2)
    mine, *rest = (statistics.median(row) for row in zip(*taken, strict=True))
    for other, seconds in zip(others, rest, strict=True):
        row = f"{name:36} {mine:8.2f} s {'':17} | {seconds:8.2f} s {other.name:18}"
        print(f"{row} | ratio {mine / seconds:5.2f}  {other.limit}", flush=True)


def main() -> None:
    from radps_dag.prefect.server import client_environment, ensure_server

    words = sys.argv[1:]
    server = ensure_server()
    os.environ.update(client_environment(server))
    print(f"{'case':36} {'ours':>10} {'':17} | {'hand-written Prefect':30} |")
    for case in CASES:
        if not words or any(word in case.name for word in words):
            measure(case)
            time.sleep(2)  # the server works off what it was told
    if not words or any(word in "full_cube" for word in words):
        measure_programs(
            "full_cube, 61 groups",
            [*RUN, str(FULL_CUBE), "-p", "pace=0"],
            Program("without Prefect", [*RUN, str(FULL_CUBE), "-p", "pace=0", "--no-prefect"]),
            Program("by hand", ["-c", FULL_CUBE_BY_HAND], ours=False, limit="<= 0.4"),
        )
    if find_spec("dask") and (not words or any(word in "programs, naps" for word in words)):
        measure_programs(
            "64 naps of 100 ms, 16 at once",
            [*RUN, "naps.yaml", f"--workloads={WORKLOADS}"],
            Program("dask's threads", ["-c", DASK], limit="<= 3.5"),
        )


if __name__ == "__main__":
    main()
