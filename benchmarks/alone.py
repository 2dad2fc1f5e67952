"""What a run without Prefect costs: processor time of a call, and whole processes beside others.

    python -m benchmarks.alone [ROUNDS]

Of each case the processor time (user and system) of what many calls take more than few, and of 64
naps of 100 ms, 16 at once, the seconds of the whole process, beside dask's threads where dask is
installed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from benchmarks.engine import DASK, LOOP, NAPS, fan_out
from benchmarks.ours import WORKLOADS

FEW = 20
CASES = {
    "call": (fan_out, 3_000),
    "iteration": (
        lambda count: LOOP.replace("100", str(count)).replace("99", str(count - 1)),
        1_000,
    ),
    "item of a batch of 500": (lambda count: fan_out(count, 500), 10_000),
}


def cost(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds of a process, and its processor time with that of its children."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command} failed:\n{said}")
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime


def ours(pipeline: str, folder: Path) -> tuple[float, float]:
    (folder / "pipeline.yaml").write_text(pipeline, encoding="utf-8")
    run = [sys.executable, "-m", "radps_dag", "run", "pipeline.yaml", "--no-prefect", "--quiet"]
    return cost([*run, "--no-reuse", f"--workloads={WORKLOADS}"], folder)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, (pipeline, many) in CASES.items():
            each = [
                (ours(pipeline(many), folder)[1] - ours(pipeline(FEW), folder)[1]) / (many - FEW)
                for _ in range(rounds)
            ]
            print(f"{what:24} {1000 * statistics.median(each):6.2f} ms of processor time")
        own, dask = [], []
        for _ in range(rounds):
            own.append(ours(NAPS, folder)[0])
            if find_spec("dask"):
                dask.append(cost([sys.executable, "-c", DASK], folder)[0])
        taken = statistics.median(own)
        beside = f", {taken / statistics.median(dask):.1f} times dask's threads" if dask else ""
        print(f"64 naps, 16 at once      {taken:6.2f} s{beside}")


if __name__ == "__main__":
    main()
