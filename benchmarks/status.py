"""How soon a run of many nodes is read: rows to facts to state, and what the list of runs costs.

    python -m benchmarks.status [NODES] [RUNS]

Makes a journal in a temporary directory: one run with a fan-out of so many calls, as the engine
records them, and so many runs of 200 calls each. Prints the best of five rounds.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from radps_dag.facts import Fact, Made, NodeStarted, NodeSucceeded, RunEnded, RunStarted, Scored
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.progress.state import fold
from radps_dag.views.places import find_places
from radps_dag.views.runs import list_runs
from radps_dag.views.state import Following, all_of, state_of
from radps_dag.views.tree import tree

ROUNDS = 5


def facts(run: str, calls: int, products: str) -> Iterator[Fact]:
    """What the engine says of a stage with a fan-out over channels."""
    now = time.time()
    text = "# a pipeline of some length\n" * 400
    yield RunStarted(
        time=now, place="", run=run, pipeline="wide", file="wide.yaml", params={}, seed=0,
        library="placeholder", executor="threads", provenance={"sources": {"wide.yaml": text}},
    )  # fmt: skip
    yield NodeStarted(time=now, place="image", kind="group")
    yield NodeStarted(time=now, place="image/clean", kind="fan_out", total=calls)
    for n in range(calls):
        place = f"image/clean[channel={n}]"
        inputs = {
            "ms": {"kind": "ms", "uri": f"{products}/import/target.ms", "version": "12ab"},
            "channel": n,
            "threshold": 0.001,
        }
        outputs = {
            "image": {"kind": "image", "uri": f"{products}/{n}/image.zarr", "version": "1"},
            "rms": 0.00123 * n,
        }
        made = Made(
            key=f"{n:032x}",
            workdir=f"{products}/image/clean.channel-{n}",
            files={"image.zarr": (123456 + n, "0123456789abcdef" * 2)},
        )
        yield NodeStarted(
            time=now, place=place, kind="task", workload="clean", source="9" * 32, inputs=inputs
        )
        if n % 10 == 0:
            yield Scored(time=now, place=place, metric="rms", score=0.97, verdict="good")
        yield NodeSucceeded(time=now, place=place, outputs=outputs, seconds=0.5, made=made)
    yield NodeSucceeded(time=now, place="image/clean", outputs={}, seconds=9.0)
    yield NodeSucceeded(time=now, place="image", outputs={}, seconds=9.0)
    yield RunEnded(time=now, place="", status="succeeded", seconds=9.5)


def record(store: Store, run: str, calls: int) -> None:
    products = store.workspace.run(run).products.as_uri()
    store.create(run, "wide", time.time())
    generation = store.next_generation(run)
    rows = [to_row(run, fact, store.workspace) for fact in facts(run, calls, products)]
    store.append(run, rows, generation)


def best(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def main() -> None:
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(Path(folder))
        store = open_store(workspace)
        record(store, "big", nodes)
        for number in range(runs):
            record(store, f"small-{number}", 200)
        store.close()
        store = open_store(workspace, reading=True)

        def every_node() -> object:
            return tree(all_of(Following(store, "big")), "succeeded", "")

        found = list(store.rows("big"))
        read = [store.fact(row) for row in found]
        print(f"{nodes:,} calls, {len(found):,} rows")
        for what, work in (
            ("rows", lambda: list(store.rows("big"))),
            ("rows to facts", lambda: [store.fact(row) for row in found]),
            ("facts to state", lambda: fold(read)),
            ("status", lambda: state_of(Following(store, "big"))),
            (
                "status --json, as an object",
                lambda: tree(all_of(Following(store, "big")), "succeeded", ""),
            ),
            ("show: the places", lambda: find_places(store, "big", "image/clean[channel=77]")),
            ("runs -n 20", lambda: list_runs(store, 20)),
            (f"runs --all, {runs + 1} runs", lambda: list_runs(store)),
        ):
            print(f"  {what:30} {1000 * best(work):8.1f} ms")
        store.close()


if __name__ == "__main__":
    main()
