"""Seconds that `radps-dag prune` takes for many runs: `python -m benchmarks.prune [RUNS]`.

Each run has 130 calls with a row for their start and end, and a small file each.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from radps_dag.facts import Made, NodeStarted, NodeSucceeded, RunEnded, RunStarted
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import Head, to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.pruning import Choice, plan, prune

CALLS = 130


def main() -> None:
    """Lay out a workspace, prune it to its newest ten runs, and print what that took."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(prefix="radps-dag-") as folder:
        workspace = Workspace(Path(folder).resolve() / ".radps")
        store = open_store(workspace)
        for number in range(runs):
            _lay_out(store, number)
        store.close()
        before = os.path.getsize(workspace.journal)  # noqa: PTH202
        store = open_store(workspace)
        began = time.perf_counter()
        planned = plan(store, Choice(keep_last=10))
        planning = time.perf_counter() - began
        began, used = time.perf_counter(), time.process_time()
        done = prune(store, planned)
        print(f"{len(done.runs):,} runs of {CALLS} calls, journal of {before / 1e6:.0f} MB")
        print(f"planned in {planning:.1f} s, removed in {time.perf_counter() - began:.1f} s")
        print(f"processor: {time.process_time() - used:.1f} s of the removal")
        print(f"{done.journal / 1e6:.0f} MB of the journal given back")


def _lay_out(store: Store, number: int) -> None:
    run = f"20261130-{number:06}-p"
    products = store.workspace.run(run).products
    facts: list[RunStarted | NodeStarted | NodeSucceeded | RunEnded] = [
        RunStarted(
            time=float(number),
            place="",
            run=run,
            pipeline="p",
            file="p.yaml",
            params={},
            library="placeholder",
            executor="threads",
            seed=0,
            provenance={"sources": {"p.yaml": "x" * 4000}},
        )
    ]
    for call in range(CALLS):
        place = f"stage/call[{call}]"
        workdir = products / f"call.{call}"
        workdir.mkdir(parents=True)
        (workdir / "out").write_bytes(b"0123456789" * 20)
        inputs = {"ms": f"{workdir.as_uri()}/in", "threshold": 5.0}
        made = Made(key=f"{number}-{call}", workdir=workdir.as_uri(), files={"out": (200, "x")})
        facts.append(NodeStarted(time=1.0, place=place, kind="task", inputs=inputs))
        outputs = {"out": {"uri": f"{workdir.as_uri()}/out", "kind": "table"}}
        facts.append(NodeSucceeded(time=1.0, place=place, outputs=outputs, seconds=1.0, made=made))
    facts.append(RunEnded(time=float(number), place="", status="succeeded", seconds=1.0))
    rows = [to_row(run, fact, store.workspace) for fact in facts]
    store.add_run(Head(run, "p", float(number), 1, 0), rows)


if __name__ == "__main__":
    main()
