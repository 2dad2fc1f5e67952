"""RADPS's benchmark of workflow managers: sleeps, 16 at once, summed up by a binary tree.

    python -m benchmarks.managers                      # beside hand-written Prefect on Dask
    python -m benchmarks.managers --alone 1000 128000  # ours, without Prefect, on threads

The overhead is (t - ideal) / ideal, where the ideal is the sum of all sleeps through 16. Beside
each other both run in turn, each in a process of its own, against one local Prefect server and
one Dask cluster of two workers with eight threads each. The other is a flow of prefect-dask (`pip
install --no-deps prefect-dask`), whose arrays go from worker to worker in memory; ours are files
that are safe on the disk. The time is that from the call of the flow, or of `radps_dag.run`, to
its end; the processor time and the memory are those of the process that drives. Alone the sleeps
are short, so that what is not sleep is seen.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import radps_dag
from benchmarks.ours import WARM_UP, WORKLOADS
from radps_dag.facts import Fact, RunEnded, RunStarted

AT_ONCE = 16
TREES = Path(__file__).with_name("trees.py")


@dataclass(frozen=True)
class Size:
    """A tree: so many sleeps of about so many seconds; results of so many megabytes, 0 for a
    number."""

    sleeps: int
    seconds: float
    megabytes: float

    @property
    def ideal(self) -> float:
        """Seconds that the sleeps alone take."""
        return sum(seconds_of(number, self.seconds) for number in range(self.sleeps)) / AT_ONCE

    @property
    def calls(self) -> int:
        """Number of sleeps and sums."""
        widths = [self.sleeps]
        while widths[-1] > 1:
            widths.append(-(-widths[-1] // 2))
        return sum(widths)


@dataclass(frozen=True)
class Taken:
    """What a run took: seconds, seconds of a processor and megabytes of the driver."""

    seconds: float
    processor: float
    memory: float


def seconds_of(number: int, about: float) -> float:
    """The length of a sleep: within a tenth of what is said."""
    return round(about * (0.9 + 0.2 * (number * 7919 % 1000) / 999), 6)


def pipeline(size: Size) -> str:
    """The tree as a pipeline: a stage for each level."""
    kind = "array" if size.megabytes else "number"
    many = min(size.sleeps, 1000)
    of, rest = divmod(size.sleeps, many)
    if rest:
        sys.exit(f"{size.sleeps} sleeps: more than a thousand must be whole thousands")
    number = "(1000 * each.thousand + each.one) * 7919 % 1000"
    given = f'seconds: "${{{{ {size.seconds} * (0.9 + 0.2 * ({number}) / 999) }}}}"'
    if size.megabytes:
        given += f", megabytes: {size.megabytes}"
    text = f"""
version: 1
name: tree_{size.sleeps}
stages:
  level0:
    for_each: {{thousand: "${{{{ range({of}) }}}}", one: "${{{{ range({many}) }}}}"}}
    max_parallel: {AT_ONCE}
    run: sleep_for_{kind}
    with: {{{given}}}
"""
    level, width = 0, size.sleeps
    while width > 1:
        level, width = level + 1, -(-width // 2)
        pair = f"stages.level{level - 1}.part[2 * each.pair:2 * each.pair + 2]"
        text += f"""
  level{level}:
    for_each: {{pair: "${{{{ range({width}) }}}}"}}
    max_parallel: {AT_ONCE}
    run: add_{kind}s
    with: {{parts: "${{{{ {pair} }}}}"}}
"""
    return f'{text}\noutputs: {{total: "${{{{ stages.level{level}.part[0] }}}}"}}\n'


def ours(size: Size, cluster: str, *, prefect: bool) -> None:
    """Run the tree on the cluster, or on threads where there is none; print what it took."""
    times: list[Any] = []

    def listen(fact: Fact) -> None:
        if isinstance(fact, RunStarted | RunEnded):
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        profile = folder / "radps-dag.toml"
        table = f'kind = "dask"\nscheduler = "{cluster}"\nslots = {AT_ONCE}\n' if cluster else ""
        profile.write_text(f"[executors.cluster]\n{table}" if table else "", encoding="utf-8")
        (folder / "warm.yaml").write_text(WARM_UP, encoding="utf-8")
        (folder / "tree.yaml").write_text(pipeline(size), encoding="utf-8")
        asked: dict[str, Any] = {"workspace": folder, "profile": profile, "prefect": prefect}
        radps_dag.run(folder / "warm.yaml", workloads=[WORKLOADS], **asked).succeeded()
        executor = "cluster" if cluster else "threads"
        begun, used = time.perf_counter(), processor()
        done = radps_dag.run(
            folder / "tree.yaml",
            workloads=[TREES],
            executor=executor,
            max_parallel=AT_ONCE,
            on_event=listen,
            **asked,
        ).succeeded()
        total = done.outputs["total"]
        if size.megabytes:
            from urllib.parse import unquote, urlsplit

            import numpy as np

            total = np.load(unquote(urlsplit(total["uri"]).path))[0]
        tell(size, total, times[-1] - begun, processor() - used)


def by_hand(size: Size, cluster: str) -> None:
    """Run the tree as a flow of prefect-dask; print what it took."""
    from prefect import flow, task
    from prefect_dask import DaskTaskRunner  # type: ignore[import-not-found,unused-ignore]

    from benchmarks.by_hand import submitted

    sleep_one, add = task(one_sleep), task(one_sum)

    @flow(task_runner=DaskTaskRunner(address=cluster))
    def tree() -> Any:
        level = [
            sleep_one.submit(seconds_of(number, size.seconds), size.megabytes)
            for number in range(size.sleeps)
        ]
        while len(level) > 1:
            level = [add.submit(level[at : at + 2]) for at in range(0, len(level), 2)]
        return level[0].result()

    submitted(1)()  # as with ours: what a process pays once
    begun, used = time.perf_counter(), processor()
    total = tree()
    seconds = time.perf_counter() - begun
    tell(size, total[0] if size.megabytes else total, seconds, processor() - used)


def one_sleep(seconds: float, megabytes: float) -> Any:
    import numpy as np

    time.sleep(seconds)
    return np.ones(round(megabytes * 1e6 / 8)) if megabytes else 1.0


def one_sum(parts: list[Any]) -> Any:
    return sum(parts)


def processor() -> float:
    """Seconds of a processor that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def tell(size: Size, total: float, seconds: float, used: float) -> None:
    if total != size.sleeps:
        sys.exit(f"the sum is {total}, not {size.sleeps}")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(json.dumps(asdict(Taken(seconds, used, memory))))


def taken(call: str) -> Taken:
    """What a run of a process of its own took."""
    code = f"from benchmarks.managers import *; {call}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return Taken(**json.loads(done.stdout.strip().splitlines()[-1]))


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a Dask cluster of this machine."""
    from distributed import LocalCluster

    options: dict[str, Any] = {
        "n_workers": 2,
        "threads_per_worker": AT_ONCE // 2,
        "silence_logs": 50,
    }
    with LocalCluster(host="127.0.0.1", dashboard_address=None, **options) as running:
        yield running.scheduler_address


def row(name: str, size: Size, runs: list[Taken]) -> None:
    seconds, used, memory = (
        statistics.median(getattr(run, of) for run in runs)
        for of in ("seconds", "processor", "memory")
    )
    more = seconds - size.ideal
    print(
        f"{name:24} {size.sleeps:7,} | {seconds:7.1f} s, ideal {size.ideal:6.1f} s, overhead "
        f"{100 * more / size.ideal:6.1f} % | {1000 * more / size.calls:6.2f} ms more a call, "
        f"{1000 * used / size.calls:5.2f} ms of processor | {memory:5.0f} MB",
        flush=True,
    )


def beside(size: Size, rounds: int) -> None:
    """Run ours and the other in turn."""
    from radps_dag.prefect.server import client_environment, ensure_server

    os.environ.update(client_environment(ensure_server()))
    with cluster() as address:
        runs: dict[str, list[Taken]] = {}
        calls: dict[str, str] = {
            "ours with Prefect": f"ours({size}, {address!r}, prefect=True)",
            "prefect-dask": f"by_hand({size}, {address!r})",
            "ours without Prefect": f"ours({size}, {address!r}, prefect=False)",
        }
        # Workers import Prefect once; our processes there start in each run.
        taken(f"by_hand({Size(2 * AT_ONCE, 0.1, size.megabytes)}, {address!r})")
        for _ in range(rounds):
            for name, call in calls.items():
                runs.setdefault(name, []).append(taken(call))
                time.sleep(2)  # the server works off what it was told
        for name, each in runs.items():
            row(name, size, each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sleeps", type=int, default=1000)
    parser.add_argument("--seconds", type=float, help="of a sleep; 1, or 0.02 alone")
    parser.add_argument("--megabytes", type=float, help="of a result; 0.1, or a number alone")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--alone", type=int, nargs="+", metavar="SLEEPS")
    given = parser.parse_args()
    if not given.alone:
        megabytes = 0.1 if given.megabytes is None else given.megabytes
        beside(Size(given.sleeps, given.seconds or 1.0, megabytes), given.rounds)
    for sleeps in given.alone or ():
        size = Size(sleeps, given.seconds or 0.02, given.megabytes or 0.0)
        call = f"ours({size}, '', prefect=False)"
        row("ours, threads", size, [taken(call) for _ in range(given.rounds)])


if __name__ == "__main__":
    main()
