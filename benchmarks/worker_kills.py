"""Random kills of what computes calls: workers, pilots, jobs; outputs are those of quiet runs.

python -m benchmarks.worker_kills --kills 20                      # Dask and Parsl on this machine
python -m benchmarks.worker_kills --kills 20 --profile FILE --executor hpc [--scancel]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

PIPELINE = """
version: 1
name: kills
stages:
  work:
    for_each: {i: "${{ range(40) }}"}
    run: simulate_work
    with: {value: "${{ each.i }}"}
    retries: {max: 50, on: [WorkerDied]}
outputs: {values: "${{ stages.work.value }}"}
"""
PROFILE = """
[executors.dask_here]
kind = "dask"
workers = 2
wait = "3m"
[executors.pilots]
kind = "parsl"
max_blocks = 2
[[executors.pilots.blocks]]
name = "small"
"""
LIMIT = 600.0  # seconds in which a run must end


def main() -> None:
    """Kill until there were so many kills; print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--profile", type=Path)
    parser.add_argument("--executor", action="append")
    parser.add_argument("--scancel", action="store_true", help="also cancel jobs of Slurm")
    given = parser.parse_args()
    chance = random.Random(given.seed)  # reproducible, not secret
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        profile = given.profile or folder / "radps-dag.toml"
        (folder / "p.yaml").write_text(PIPELINE, encoding="utf-8")
        if given.profile is None:
            profile.write_text(PROFILE, encoding="utf-8")
        quiet = _ended(_begun(folder, profile, "threads", "quiet"))
        for executor in given.executor or ("dask_here", "pilots"):
            killed: list[str] = []
            runs = 0
            while len(killed) < given.kills:
                runs += 1
                run = _begun(folder, profile, executor, f"{executor}-{runs}")
                _kill(run, folder, chance, killed, given.kills, scancel=given.scancel)
                if _ended(run) != quiet:
                    sys.exit(f"{executor}: outputs of run {runs} differ, seed {given.seed}")
            kinds = ", ".join(f"{killed.count(kind)} {kind}" for kind in sorted(set(killed)))
            print(f"{executor}: {len(killed)} kills ({kinds}) in {runs} runs; outputs equal")


def _begun(folder: Path, profile: Path, executor: str, name: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "radps_dag", "run", str(folder / "p.yaml"), "--no-prefect"]
    command += ["--json", "--executor", executor, "--profile", str(profile)]
    command += ["--workspace", str(folder / name)]
    with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)


def _ended(run: subprocess.Popen[str]) -> Any:
    """The outputs of a run that has succeeded."""
    run.wait(LIMIT)
    lines = _log_of(run).read_text(encoding="utf-8").splitlines()
    if run.returncode:
        sys.exit(f"a run failed: {lines[-3:]}")
    return json.loads(next(line for line in reversed(lines) if '"outputs"' in line))["outputs"]


def _log_of(run: subprocess.Popen[str]) -> Path:
    """The file beside the workspace, which is the last word of the command."""
    assert isinstance(run.args, list)
    return Path(f"{run.args[-1]}.jsonl")


def _kill(
    run: subprocess.Popen[str],
    folder: Path,
    chance: random.Random,
    killed: list[str],
    most: int,
    *,
    scancel: bool,
) -> None:
    """Kill at random, once the first call is done."""
    log = _log_of(run)
    while run.poll() is None and '"node_succeeded"' not in log.read_text(encoding="utf-8"):
        time.sleep(0.2)
    while run.poll() is None and len(killed) < most:
        time.sleep(chance.uniform(0.3, 2.0))
        if scancel and chance.random() < 0.3:
            subprocess.run(["scancel", "--state=RUNNING", "--me"], check=False)
            killed.append("scancel")
            continue
        victims = list(_victims(run.pid, str(folder)))
        if victims:
            kind, victim = chance.choice(victims)
            try:
                victim.kill()
                killed.append(kind)
            except psutil.NoSuchProcess:
                pass


def _victims(driver: int, folder: str) -> Iterator[tuple[str, psutil.Process]]:
    """Processes that compute calls of a run: of calls, of workers, of pilots."""
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            ours = folder in words or driver in [each.pid for each in process.parents()]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if "radps_dag.executors.worker" in words and (ours or _of_pilot(process, folder)):
            yield "call process", process
        elif ours and ("multiprocessing.spawn" in words or "Dask Worker" in words):
            yield "Dask worker", process
        elif ours and "radps_dag.executors.pool" in words:
            yield "pilot", process


def _of_pilot(process: psutil.Process, folder: str) -> bool:
    try:
        return any(folder in " ".join(each.cmdline()) for each in process.parents())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


if __name__ == "__main__":
    main()
