"""Results are on the disk before anything goes on."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TypedDict

import pytest

from radps_dag import run, workload
from radps_dag.facts import Fact, NodeStarted, NodeSucceeded
from radps_dag.journal.opening import open_store
from radps_dag.journal.workspace import Workspace

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
def test_what_comes_after_a_call_begins_when_its_result_is_on_the_disk(
    batch: str, tmp_path: Path
) -> None:
    """The next instance where one runs at a time, with and without batches; and what reads them."""
    missing: dict[str, set[str]] = {}
    ended: list[str] = []

    def listen(fact: Fact) -> None:
        if isinstance(fact, NodeSucceeded) and fact.made is not None:
            ended.append(fact.place)
        if isinstance(fact, NodeStarted) and fact.place.startswith(("each[", "after")):
            with closing(open_store(Workspace(tmp_path / "w"), reading=True)) as store:
                (head,) = store.heads()
                facts = store.facts(head.run)
                durable = {fact.place for fact in facts if isinstance(fact, NodeSucceeded)}
            missing[fact.place] = set(ended) - durable

    file = tmp_path / "wide.yaml"
    file.write_text(PIPELINE.replace("BATCH", batch), encoding="utf-8")
    workspace = tmp_path / "w"
    run(file, workloads=[same], workspace=workspace, prefect=False, on_event=listen).succeeded()
    assert missing == {f"each[item={item}]": set() for item in range(4)} | {"after": set()}
    assert len(ended) == 5
