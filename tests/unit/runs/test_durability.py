"""Who waits for the disk: what stands on a result, and nobody else."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import pytest

from radps_dag import run, workload
from radps_dag.facts import Fact, NodeStarted, NodeSucceeded
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import Row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace

PATIENCE = 60.0
PIPELINE = """\
version: 1
name: wide
stages:
  each:
    for_each: {item: [0, 1, 2, 3]}
    BATCH
    max_parallel: 1
    run: same
    with: {item: "${{ each.item }}"}
  after: {run: same, with: {item: "${{ stages.each.item[3] }}"}}
"""


class Same(TypedDict):
    item: int


@workload
def same(item: int) -> Same:
    """Give it back."""
    return {"item": item}


@pytest.mark.parametrize("batch", ["", "batch: 2"])
def test_a_fan_out_waits_for_all_its_instances_at_once(
    batch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last instance begins while the disk still writes the first; what reads the results
    begins when all of them are durable."""
    last_began = threading.Event()
    held: list[bool] = []
    durable: set[str] = set()
    append = Store.append

    def slow(self: Store, run: str, rows: Sequence[Row], generation: int | None = None) -> int:
        if any(row.kind == "node_succeeded" and row.place.startswith("each[") for row in rows):
            held.append(last_began.wait(PATIENCE))
        return append(self, run, rows, generation)

    def listen(fact: Fact) -> None:
        if isinstance(fact, NodeStarted) and fact.place == "each[item=3]":
            last_began.set()
        if isinstance(fact, NodeStarted) and fact.place == "after":
            store = open_store(Workspace(tmp_path / "w"), reading=True)
            (head,) = store.heads()
            facts = store.facts(head.run)
            durable.update(fact.place for fact in facts if isinstance(fact, NodeSucceeded))
            store.close()

    monkeypatch.setattr(Store, "append", slow)
    file = tmp_path / "wide.yaml"
    file.write_text(PIPELINE.replace("BATCH", batch), encoding="utf-8")
    where = {"workloads": [same], "workspace": tmp_path / "w"}
    run(file, prefect=False, on_event=listen, **where).succeeded()  # type: ignore[arg-type]
    assert all(held)
    assert {f"each[item={item}]" for item in range(4)} <= durable
