"""What real processing costs on a laptop: `full_cube.yaml` with the sim library.

    python -m benchmarks.sim                # the small profile, with Prefect and without
    python -m benchmarks.sim large          # 64 channels, 256 x 256 pixels
    python -m benchmarks.sim cube           # the cube alone: one worker process against two
    python -m benchmarks.sim all

Each run is a command of its own in a new workspace, as a person gives it. Memory is the most that
the command and its worker processes held at one time, as the kernel counts it (resident, what they
share counted for each).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PIPELINES = Path(__file__).parent.parent / "pipelines"
SMALL = {"channels": 16, "channels_per_block": 8, "pixels": 128}
LARGE = {"channels": 64, "channels_per_block": 16, "pixels": 256}
EVERY = 0.05  # s, between two looks at the memory


@dataclass(frozen=True, slots=True)
class Cost:
    """Of a run: seconds by the clock and of the processors, MB, and seconds of each stage."""

    clock: float
    processor: float
    megabytes: float
    stages: Mapping[str, float]


def main(arguments: Sequence[str]) -> None:
    what = arguments[0] if arguments else "small"
    if what in ("small", "all"):
        show("small, with Prefect", cost("full_cube.yaml", SMALL), 60.0, 500.0)
        show("small, without", cost("full_cube.yaml", SMALL, "--no-prefect"), 60.0, 500.0)
    if what in ("large", "all"):
        show("large, without Prefect", cost("full_cube.yaml", LARGE, "--no-prefect"))
        two = ("--no-prefect", "--executor=processes", "--max-parallel=2")
        show("large, in two processes", cost("full_cube.yaml", LARGE, *two))
    if what in ("cube", "all"):
        cube()


def cube() -> None:
    """The cube alone, of visibilities that are made up: blocks of channels are independent."""
    params = {"channels_per_block": 4, "pixels": 256}
    times = []
    for workers in (1, 2):
        options = ("--no-prefect", "--executor=processes", f"--max-parallel={workers}")
        found = cost("stages/image_cube.yaml", params, *options)
        times.append(found.stages["block"])
        show(f"cube, {workers} worker processes", found)
    print(f"two workers are {times[0] / times[1]:.2f} times as fast as one in the cube's blocks")


def cost(file: str, params: Mapping[str, object], *options: str) -> Cost:
    """Run a pipeline with the sim library, and what that took."""
    given = [part for name, value in params.items() for part in ("-p", f"{name}={value}")]
    with tempfile.TemporaryDirectory(prefix="radps-dag-sim-") as folder:
        command = [sys.executable, "-m", "radps_dag", "run", str(PIPELINES / file)]
        command += ["--library=sim", "--json", *given, *options]
        begun = time.perf_counter()
        with Path(folder, "facts").open("w", encoding="utf-8") as facts:
            process = subprocess.Popen(command, cwd=folder, stdout=facts)
            memory = Memory(process.pid)
            _, status, usage = os.wait4(process.pid, 0)
            clock = time.perf_counter() - begun
            most = memory.stop()
        if status:
            raise SystemExit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
        lines = Path(folder, "facts").read_text(encoding="utf-8").splitlines()
    return Cost(clock, usage.ru_utime + usage.ru_stime, most, stages(map(json.loads, lines)))


def stages(facts: object) -> dict[str, float]:
    """Seconds of each node at the top, in their order."""
    begun: dict[str, float] = {}
    found: dict[str, float] = {}
    for fact in facts:  # type: ignore[attr-defined]
        place = fact.get("place", "")
        if not place or "/" in place or "[" in place or "#" in place:
            continue
        if fact["fact"] == "node_started":
            begun.setdefault(place, fact["time"])
        elif fact["fact"] in ("node_succeeded", "node_failed") and place in begun:
            found[place] = fact["time"] - begun[place]
    return found


class Memory:
    """Looks at a process and all that it has started, again and again, until told to stop."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._most = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """The most that was seen, in MB."""
        self._done.set()
        self._thread.join()
        return self._most

    def _look(self) -> None:
        while not self._done.wait(EVERY):
            self._most = max(self._most, sum(map(resident, family(self._pid))))


def family(pid: int) -> list[int]:
    """A process and those below it, but for the Prefect server, which serves other runs too."""
    found = [pid]
    for one in found:
        try:
            tasks = list(Path(f"/proc/{one}/task").iterdir())
        except OSError:
            continue
        for task in tasks:
            try:
                found += map(int, (task / "children").read_text().split())
            except OSError:
                continue
    return found


def resident(pid: int) -> float:
    """MB that a process holds; 0 for one that is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        if b"radps_dag.prefect.server" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return 0.0
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def show(what: str, found: Cost, seconds: float = 0.0, megabytes: float = 0.0) -> None:
    """Print a run's cost, with its limits where there are any."""
    limits = f" (limits {seconds:.0f} s, {megabytes:.0f} MB)" if seconds else ""
    print(
        f"{what}: {found.clock:.1f} s, {found.processor:.1f} s of processors, "
        f"{found.megabytes:.0f} MB{limits}"
    )
    for stage, took in found.stages.items():
        print(f"    {stage:40} {took:6.1f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
