"""What a report of many calls costs: python -m benchmarks.report [CALLS]

Prints the seconds of wall time and processor, the largest memory and the bytes of the pages. To be
held to: 10,000 calls in 5 s, 300 MB and 3 MB; 100,000 in 60 s and 10 MB.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from radps_dag.facts import Fact, Made, NodeStarted, NodeSucceeded, RunEnded, RunStarted, Scored
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.workspace import Workspace

TEXT = """\
version: 1
name: wide
params: {n: {type: integer, default: 10}}
stages:
  wide:
    for_each: {n: "${{ range(params.n) }}"}
    run: simulate_work
"""


def facts(calls: int) -> list[Fact]:
    """A fan-out in which eight calls go on at once, each with a score."""
    start = 1_760_000_000.0
    sources = {"wide.yaml": TEXT}
    found: list[Fact] = [
        RunStarted(
            time=start, place="", run="r", pipeline="wide", file="wide.yaml", params={"n": calls},
            library="placeholder", executor="threads", seed=0, provenance={"sources": sources},
        ),
        NodeStarted(time=start, place="wide", kind="fan_out", total=calls),
    ]  # fmt: skip
    for n in range(calls):
        place, begun = f"wide[n={n}]", start + n / 8
        took = 0.9 + n % 7 / 100
        found += [
            NodeStarted(time=begun, place=place, kind="task", workload="simulate_work",
                        inputs={"value": n, "seconds": 1.0}),
            NodeSucceeded(time=begun + took, place=place, outputs={"value": n}, seconds=took,
                          made=Made(key=f"{n:032x}")),
            Scored(time=begun + took, place=place, metric="fast", score=n % 101 / 100,
                   verdict="good"),
        ]  # fmt: skip
    return [*found, RunEnded(time=start + calls / 8 + 1, place="", status="succeeded", seconds=1.0)]


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        store = open_store(Workspace(place / "space"))
        store.create("r", "wide", 0.0)
        store.append("r", [to_row("r", fact, store.workspace) for fact in facts(calls)])
        store.close()
        measure(place)


def measure(place: Path) -> None:
    """Write the report in a process of its own, so that its memory is its own."""
    command = [
        sys.executable,
        "-m",
        "radps_dag",
        "report",
        "r",
        "-o",
        "out",
        "--workspace",
        "space",
    ]
    begun = time.monotonic()
    subprocess.run(command, cwd=place, check=True, capture_output=True)
    wall = time.monotonic() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    size = sum(one.stat().st_size for one in (place / "out").rglob("*") if one.is_file())
    cpu = used.ru_utime + used.ru_stime
    print(f"{wall:.1f} s, {cpu:.1f} s of processor, {used.ru_maxrss / 1e3:.0f} MB, "
          f"{size / 1e6:.2f} MB of pages")  # fmt: skip


if __name__ == "__main__":
    main()
