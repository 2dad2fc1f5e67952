"""Calls for ten minutes in jobs of two: does one die with its job, and how many jobs are there?

python -m benchmarks.walltimes [CALLS]    # 60 calls of 20 s, two at once; root starts Slurm
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import radps_dag
from benchmarks.ours import WORKLOADS
from radps_dag.facts import NodeFailed, Retrying

PIPELINE = """
version: 1
name: walltimes
stages:
  naps:
    for_each: {{i: "${{{{ range({calls}) }}}}"}}
    run: nap
    with: {{seconds: 20}}
    resources: {{walltime: 50s}}
"""
PROFILE = """
[executors.slurm]
kind = "parsl"
provider = "slurm"
max_blocks = 2
[[executors.slurm.blocks]]
name = "short"
partition = "short"
walltime = "2m"
"""


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))
    import slurm_server

    with tempfile.TemporaryDirectory(prefix="walltimes-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "p.yaml").write_text(PIPELINE.format(calls=calls), encoding="utf-8")
        (folder / "radps-dag.toml").write_text(PROFILE, encoding="utf-8")
        (folder / "slurm").mkdir()
        with slurm_server.serving(folder / "slurm"):
            begun = time.monotonic()
            done = radps_dag.run(
                folder / "p.yaml",
                workloads=[WORKLOADS],
                workspace=folder / "ws",
                profile=folder / "radps-dag.toml",
                executor="slurm",
                prefect=False,
            )
            seconds = time.monotonic() - begun
            command = ["squeue", "--states=all", "--noheader", "--format=%i %T"]
            told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        lost = [fact for fact in done.facts() if isinstance(fact, NodeFailed | Retrying)]
    for fact in lost:
        print(f"{fact.place}: {fact.message}")
    jobs = dict(line.split() for line in told.splitlines())
    print(
        f"{done.status}: {calls} calls of 20 s in {seconds:.0f} s (at best {10 * calls} s), "
        f"{len(lost)} lost; {max(map(int, jobs))} jobs, the last ones {' '.join(jobs.values())}"
    )


if __name__ == "__main__":
    main()
