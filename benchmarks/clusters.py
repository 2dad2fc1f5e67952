"""What a call costs where it computes: time, and processor time of the driver and of the others.

    python -m benchmarks.clusters                            # 1,000 calls on each executor
    python -m benchmarks.clusters --calls 10000 --on slurm   # in two pilots (root starts Slurm)

Calls that do nothing, two at once, in a run without Prefect; counted from the fiftieth, by which
all have started. The others are all processes that the driver, Dask, Parsl and Slurm have started:
schedulers, workers, processes of calls.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

import radps_dag
from benchmarks.engine import fan_out
from benchmarks.ours import WORKLOADS
from radps_dag.facts import Fact, NodeSucceeded

FIRST = 50
PROFILE = """
[executors.threads]
slots = 2
[executors.processes]
slots = 2
[executors.dask]
workers = 2
[executors.parsl]
max_blocks = 2
[[executors.parsl.blocks]]
name = "here"
[executors.slurm]
kind = "parsl"
provider = "slurm"
max_blocks = 2
[[executors.slurm.blocks]]
name = "short"
partition = "short"
"""
NAMES = ("threads", "processes", "dask", "parsl", "slurm")


def run(executor: str, calls: int, place: str) -> None:
    """Run so many calls; print what each took more than the first ones."""
    folder = Path(place)
    (folder / "p.yaml").write_text(fan_out(calls), encoding="utf-8")
    (folder / "radps-dag.toml").write_text(PROFILE, encoding="utf-8")
    seen: list[tuple[float, float, float]] = []
    count = 0

    def listen(fact: Fact) -> None:
        nonlocal count
        if isinstance(fact, NodeSucceeded) and "[" in fact.place:
            count += 1
            if count in (FIRST, calls):
                seen.append((time.perf_counter(), *used(str(folder))))

    radps_dag.run(
        folder / "p.yaml",
        workloads=[WORKLOADS],
        workspace=folder / "ws",
        profile=folder / "radps-dag.toml",
        executor=executor,
        prefect=False,
        on_event=listen,
    ).succeeded()
    each = [(end - begin) / (calls - FIRST) for begin, end in zip(*seen, strict=True)]
    print(json.dumps(each))


def used(folder: str) -> tuple[float, float]:
    """Processor seconds so far of this process, and of all that it has started, itself or by a
    queue."""
    others: dict[int, psutil.Process] = {}
    for process in psutil.process_iter():
        try:
            if process.pid == os.getpid() or folder in " ".join(process.cmdline()):
                others.update((one.pid, one) for one in process.children(recursive=True))
                others[process.pid] = process
        except psutil.Error:
            continue
    total = 0.0
    for process in others.values():
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    mine = psutil.Process().cpu_times()
    mine_alone = mine.user + mine.system
    return mine_alone, total - mine_alone - mine.children_user - mine.children_system


def folder_for(prefix: str) -> tempfile.TemporaryDirectory[str]:
    """A folder that goes; what writes there may still be ending."""
    return tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)


def measured(executor: str, calls: int) -> tuple[float, float, float]:
    """What `run` prints, of a process of its own."""
    with folder_for("calls-") as place:
        code = f"from benchmarks.clusters import run; run({executor!r}, {calls}, {place!r})"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
    if done.returncode:
        sys.exit(done.stderr)
    each, driver, others = json.loads(done.stdout.strip().splitlines()[-1])
    return each, driver, others


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--on", action="append", choices=NAMES, help="all but slurm")
    given = parser.parse_args()
    names = given.on or NAMES[:-1]
    with ExitStack() as stack:
        if "slurm" in names:
            sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
            import slurm_server

            folder = Path(stack.enter_context(folder_for("slurm-")))
            stack.enter_context(slurm_server.serving(folder))
        for _ in range(given.rounds):
            for name in names:
                each, driver, others = measured(name, given.calls)
                print(
                    f"{name:10} {given.calls:6,} calls: {1000 * each:6.2f} ms a call; processor "
                    f"time {1000 * driver:5.2f} ms of the driver, {1000 * others:5.2f} of others",
                    flush=True,
                )


if __name__ == "__main__":
    main()
