"""What a command pays before it does anything: processor time of whole commands on a small run.

    python -m benchmarks.commands [ROUNDS] [OTHER]

OTHER is another checkout, of the state before a change, that takes turns with this one. Of each
command the least of the rounds, user and system time, and its ratio to the import of the libraries
that a pipeline file needs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.validate import MODULES

HERE = Path(__file__).parent.parent
FULL_CUBE = HERE / "pipelines" / "full_cube.yaml"
IMPORTS = ["-c", f"import {', '.join(MODULES)}"]
PIPELINE = """
version: 1
name: one
stages:
  first: {run: nothing}
"""
OURS = ["-m", "radps_dag"]
ONE = ["one.yaml", f"--workloads={HERE / 'benchmarks' / 'workloads.py'}"]
RUN = [*OURS, "run", *ONE, "--no-prefect", "--quiet", "--no-reuse"]
COMMANDS = {
    "--help": [*OURS, "--help"],
    "validate full_cube": [*OURS, "validate", str(FULL_CUBE)],
    "graph": [*OURS, "graph", *ONE, "--output=one.svg"],
    "runs": [*OURS, "runs"],
    "status": [*OURS, "status"],
    "plan": [*OURS, "plan", *ONE],
    "run --no-prefect": RUN,
}


def cost(arguments: list[str], folder: Path, tree: Path) -> float:
    """Processor time of Python with these arguments, in seconds."""
    kept = {name: said for name, said in os.environ.items() if not name.startswith("PREFECT_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(tree)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{said}")
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    trees = [*(Path(other).resolve() for other in sys.argv[2:]), HERE]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "one.yaml").write_text(PIPELINE, encoding="utf-8")
        for tree in trees:
            cost(RUN, folder, tree)  # one to look at; and everything is compiled
        libraries = min(cost(IMPORTS, folder, HERE) for _ in range(rounds))
        print(f"{'importing ' + ', '.join(MODULES):32} {libraries:6.3f} s")
        for what, arguments in COMMANDS.items():
            taken: dict[Path, list[float]] = {tree: [] for tree in trees}
            for _ in range(rounds):
                for tree in trees:
                    taken[tree].append(cost(arguments, folder, tree))
            least = [min(taken[tree]) for tree in trees]
            before = f"{least[0]:6.3f} s before, " if len(least) > 1 else ""
            print(f"{what:32} {before}{least[-1]:6.3f} s  {least[-1] / libraries:5.2f} times those")


if __name__ == "__main__":
    main()
