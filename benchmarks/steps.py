"""Programs as steps against the same commands in a shell script, by processor time.

    python -m benchmarks.steps
    python -m benchmarks.steps 9        # nine pairs

A chain of a copy, AOFlagger, and rounds of WSClean and gains, on a small MeasurementSet. Both are
run in turns; of each the median counts, user and system, of all processes. The start of the command
is that of a run with the copy alone, less the copy; what is left is divided by the steps.
"""

from __future__ import annotations

import resource
import shlex
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.recipe_kills import data
from benchmarks.sim import PIPELINES
from radps_dag.workloads.contract.registry import find_library
from radps_dag.workloads.tools.argv import command_of, names_of

TOOLS = PIPELINES / "programs" / "tools"
ROUNDS = 2
IMAGE = {"size": [64, 64], "scale": "0.04asec", "niter": 100}


def main(arguments: Sequence[str]) -> None:
    pairs = int(arguments[0]) if arguments else 5
    with tempfile.TemporaryDirectory(prefix="radps-dag-steps-") as name:
        folder = Path(name)
        ms = data(folder / "my.ms")
        steps = list(chain())
        write(folder / "steps.yaml", ms, steps)
        write(folder / "copy.yaml", ms, steps[:1])
        costs: dict[str, list[float]] = {"run": [], "start": [], "script": [], "copy": []}
        for number in range(pairs + 1):
            place = folder / str(number)
            place.mkdir()
            once = {
                "run": pipeline(folder / "steps.yaml", place),
                "script": script(place / "all.sh", ms, steps),
                "start": pipeline(folder / "copy.yaml", place),
                "copy": script(place / "copy.sh", ms, steps[:1]),
            }
            for what, cost in once.items():
                if number:  # the first has read all files from the disk
                    costs[what].append(cost)
    cost = {what: statistics.median(each) for what, each in costs.items()}
    for what, seconds in cost.items():
        print(f"{what:8}{seconds:8.3f} s, {min(costs[what]):.3f} to {max(costs[what]):.3f}")
    start = cost["start"] - cost["copy"]
    more = (cost["run"] - start - cost["script"]) / len(steps)
    print(f"{len(steps)} steps: {more:.3f} s more for each than in the script; start {start:.2f} s")


def chain() -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Name, tool and inputs of each step; `@step.output` is that of an earlier one."""
    yield "copy", "copy_data", {"data": "@"}
    yield "flag", "aoflagger", {"ms": "@copy.data"}
    yield "image", "wsclean", {"ms": "@flag.ms", **IMAGE}
    ms, model = "@flag.ms", "@image.model"
    for number in range(ROUNDS):
        yield f"predict{number}", "wsclean_predict", {"ms": ms, "model": model}
        ms = f"@predict{number}.ms"
        yield f"solve{number}", "solve_ms_gains", {"ms": ms, "interval": 60.0}
        yield f"apply{number}", "apply_ms_gains", {"ms": ms, "gains": f"@solve{number}.gains"}
        ms = f"@apply{number}.ms"
        yield f"image{number}", "wsclean", {"ms": ms, "column": "CORRECTED_DATA", **IMAGE}
        model = f"@image{number}.model"


def write(path: Path, ms: Path, steps: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
    """The pipeline of these steps."""
    import json

    stages = {}
    for name, tool, inputs in steps:
        given: dict[str, Any] = {}
        for key, value in inputs.items():
            if value == "@":
                value = {"uri": ms.as_uri(), "kind": "visibilities"}
            elif isinstance(value, str) and value.startswith("@"):
                value = f"${{{{ stages.{value[1:]} }}}}"
            given[key] = value
        stages[name] = {"run": tool, "with": given}
    path.write_text(json.dumps({"version": 1, "name": path.stem, "stages": stages}))


def pipeline(path: Path, place: Path) -> float:
    """Processor time of a run."""
    workspace = place / path.stem
    words = [sys.executable, "-m", "radps_dag", "run", str(path), "--no-prefect", "-q"]
    return spent([*words, "--workloads", str(TOOLS), "--workspace", str(workspace)], place)


def script(path: Path, ms: Path, steps: Sequence[tuple[str, str, Mapping[str, Any]]]) -> float:
    """Processor time of a shell script with the same commands, each in a folder of its own."""
    library = find_library("placeholder", [TOOLS])
    where = {"@": ms.as_uri()}
    lines = ["set -e"]
    for name, tool_name, inputs in steps:
        folder = path.parent / path.stem / name
        folder.mkdir(parents=True)
        tool = library.find(tool_name).tool
        assert tool is not None
        given = {
            key: {"uri": where[value], "kind": "data"} if str(value)[:1] == "@" else value
            for key, value in inputs.items()
        }
        words = [word.decode() for word in command_of(tool, names_of(tool, given))]
        lines.append(f"cd {shlex.quote(str(folder))} && {shlex.join(words)}")
        if "ms" in given:
            where[f"@{name}.ms"] = given["ms"]["uri"]
        files = {"data": "data.ms", "model": "img-model.fits", "gains": "gains.npz"}
        where |= {f"@{name}.{key}": (folder / file).as_uri() for key, file in files.items()}
    path.write_text("\n".join(lines) + "\n")
    return spent(["bash", str(path)], path.parent)


def spent(words: Sequence[str], place: Path) -> float:
    """User and system time of a command with all that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{shlex.join(words)}: {done.stderr or done.stdout}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main(sys.argv[1:])
