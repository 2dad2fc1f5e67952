"""From the command to the first task: a hand-written Prefect flow, and a pipeline of one task.

    python -m benchmarks.startup [ROUNDS]

Seconds from the start of the process until the body of its first task runs. A fresh home is an
empty one (the first run on a machine), a warm server one that an earlier run has left. The rounds
take turns, so that a busy machine is busy for all; trust the ratios.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from radps_dag.prefect import server

BY_HAND = """
import os, pathlib, time
from prefect import flow, task

@task
def first():
    pathlib.Path(os.environ["BENCHMARK_MARK"]).write_text(repr(time.time()))

@flow
def one():
    first()

one()
"""

WORKLOADS = '''
import os, pathlib, time
from typing import TypedDict
from radps_dag.workloads import workload

class Marked(TypedDict):
    at: float

@workload
def mark() -> Marked:
    """Note the time."""
    now = time.time()
    pathlib.Path(os.environ["BENCHMARK_MARK"]).write_text(repr(now))
    return {"at": now}
'''

PIPELINE = "version: 1\nname: one\nstages:\n  first:\n    run: mark\n"


class Bench:
    """The programs, and the homes they use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = folder / "by_hand.py"
        self.program.write_text(BY_HAND)
        (folder / "workloads.py").write_text(WORKLOADS)
        (folder / "one.yaml").write_text(PIPELINE)
        self.count = 0

    def fresh(self) -> Path:
        self.count += 1
        return self.folder / f"home{self.count}"

    def by_hand(self, **variables: str) -> float:
        return self._seconds([sys.executable, str(self.program)], variables)

    def ephemeral(self, home: Path) -> float:
        # The limit is not the question here; the default of 20 s is exceeded on a busy machine.
        return self.by_hand(
            PREFECT_HOME=str(home),
            DO_NOT_TRACK="1",
            PREFECT_SERVER_ANALYTICS_ENABLED="false",
            PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS="300",
        )

    def on_our_server(self, home: Path) -> float:
        address = server.ensure_server(home)
        try:
            return self.by_hand(**server.client_environment(address))
        finally:
            address.release()

    def ours(self, home: Path) -> float:
        # What an earlier round has made would be used again, and no task would run.
        command = [sys.executable, "-m", "radps_dag", "run", "one.yaml", "--quiet", "--no-reuse"]
        return self._seconds(
            [*command, "--workloads", "workloads.py"], {"RADPS_DAG_HOME": str(home)}
        )

    def _seconds(self, command: list[str], variables: dict[str, str]) -> float:
        mark = self.folder / "mark"
        mark.unlink(missing_ok=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "RADPS_DAG_"))}
        begun = time.time()
        done = subprocess.run(
            command,
            check=False,
            env={**kept, **variables, "BENCHMARK_MARK": str(mark)},
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        if done.returncode or not mark.exists():
            raise SystemExit(f"{command} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        return float(mark.read_text()) - begun


@contextmanager
def _stopped(home: Path) -> Iterator[Path]:
    server.stop(home, force=True)
    yield home


def _round(bench: Bench, warm: Path, ephemeral: Path) -> Iterator[tuple[str, float]]:
    cases: list[tuple[str, Callable[[], float]]] = [
        ("by hand, ephemeral server, fresh home", lambda: bench.ephemeral(bench.fresh())),
        ("by hand, ephemeral server, home kept", lambda: bench.ephemeral(ephemeral)),
        ("by hand, our warm server", lambda: bench.on_our_server(warm)),
        ("radps-dag run, fresh home", lambda: _fresh(bench)),
        ("radps-dag run, home kept, no server", lambda: _cold(bench, warm)),
        ("radps-dag run, warm server", lambda: bench.ours(warm)),
    ]
    for name, measure in cases:
        yield name, measure()


def _fresh(bench: Bench) -> float:
    home = bench.fresh()
    try:
        return bench.ours(home)
    finally:
        server.stop(home, force=True)


def _cold(bench: Bench, home: Path) -> float:
    with _stopped(home):
        return bench.ours(home)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    taken: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        warm, ephemeral = bench.fresh(), bench.fresh()
        bench.ephemeral(ephemeral)
        try:
            for _ in range(rounds):
                for name, seconds in _round(bench, warm, ephemeral):
                    taken.setdefault(name, []).append(seconds)
        finally:
            server.stop(warm, force=True)
    against = statistics.median(taken["by hand, ephemeral server, home kept"])
    for name, seconds in taken.items():
        middle = statistics.median(seconds)
        print(f"{name:40} {middle:7.2f} s   {middle / against:5.2f} of ephemeral, home kept")


if __name__ == "__main__":
    main()
