"""Calls that are counted and not decoded: nobody sees a difference, and damage is still found."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.facts import (
    Fact,
    Made,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
    Noted,
    QuestionAsked,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
)
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import Damaged, Row, to_fact, to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.progress.state import RunState
from radps_dag.views.condensed import CountedCall, condensed
from radps_dag.views.state import Following, state_of
from radps_dag.views.tree import tree

T = 1000.0
ENDS = (
    *("well", "well", "well", "reused", "picture", "image"),
    *("low", "warned", "failed", "retried", "skipped", "goes on", "asks", "group"),
)
WORKSPACE = Workspace(Path("/somewhere"))


def begun(generation: int = 1) -> RunStarted:
    return RunStarted(
        time=T, place="", run="r1", pipeline="p", file="p.yaml", params={}, library="placeholder",
        executor="threads", seed=1, generation=generation,
    )  # fmt: skip


def start(place: str, kind: Any = "task") -> NodeStarted:
    return NodeStarted(time=T, place=place, kind=kind, workload="give", inputs={"value": 3})


def success(place: str, outputs: Any = None, **more: Any) -> NodeSucceeded:
    made = Made(key=f"key {place}", workdir=f"file:///runs/r1/{place}", **more)
    return NodeSucceeded(time=T + 2, place=place, seconds=2.0, outputs=outputs or {}, made=made)


def instance(place: str, end: str) -> Iterator[Fact]:
    """Facts of an instance that ends like this."""
    if end == "skipped":
        yield NodeSkipped(time=T, place=place, reason="when is false")
        return
    if end == "group":
        yield start(place, "group")
        yield from instance(f"{place}/a[i=0]", "well")
        yield NodeSucceeded(time=T + 2, place=place, seconds=2.0, outputs={})
        return
    yield start(place)
    match end:
        case "goes on":
            return
        case "failed":
            yield NodeFailed(
                time=T, place=place, error="E", message="no", seconds=1.0, tolerated=True
            )
            return
        case "low":
            yield Scored(time=T, place=place, metric="snr", score=0.4, verdict="warn")
        case "warned":
            yield Noted(time=T, place=place, message="cold", level="warning")
        case "asks":
            yield QuestionAsked(time=T, place=place, question=f"q {place}", message="Fine?")
            return
        case "retried":
            yield Retrying(
                time=T, place=place, attempt=2, attempts=3, delay=0.0, error="E", message="busy"
            )
            yield start(place)
    if end == "picture":
        yield success(place, files={"Beam.PNG": (3, "ab")})
    elif end == "image":
        yield success(place, {"image": {"kind": "image", "uri": f"file:///runs/{place}/a.zarr"}})
    else:
        yield success(place, origin="r0" if end == "reused" else "")


def fan_out(ends: list[str], chance: random.Random) -> Iterator[Fact]:
    """Facts of a fan-out in a group, those of its instances in any order among each other."""
    yield start("a", "group")
    yield NodeStarted(time=T, place="a/b", kind="fan_out", total=len(ends))
    going = [instance(f"a/b[n={number}]", end) for number, end in enumerate(ends)]
    while going:
        facts = chance.choice(going)
        if (fact := next(facts, None)) is None:
            going.remove(facts)
        else:
            yield fact


def rows_of(facts: list[Fact]) -> list[Row]:
    return [
        replace(to_row("r1", fact, WORKSPACE), seq=number)
        for number, fact in enumerate(facts, start=1)
    ]


def read(row: Row) -> Fact:
    return to_fact(row, WORKSPACE)


def counted(rows: list[Row]) -> RunState:
    state = RunState()
    for fact in condensed(rows, read):
        if isinstance(fact, CountedCall):
            state.count_call(fact.fan_out, reused=fact.reused, success=fact.success)
        else:
            state.apply(fact)
    return state


def seen(state: RunState) -> Any:
    """What a person can see of a run."""
    nodes = [
        (node.place, node.good, node.failed, node.ran, node.reused, node.waits_since)
        for node in (state.root, *state.root.walk())
    ]
    shown = [state.warned, *state.pictures, *sorted(state.pictured), *state.questions]
    # A node that has not ended has taken until now.
    return nodes, shown, without_seconds(tree(state, "", ""))


def without_seconds(document: Any) -> Any:
    if isinstance(document, dict):
        return {k: without_seconds(v) for k, v in document.items() if k != "seconds"}
    return [without_seconds(item) for item in document] if isinstance(document, list) else document


@examples(200)
@given(
    processes=st.lists(st.lists(st.sampled_from(ENDS), max_size=6), min_size=1, max_size=3),
    chance=st.randoms(use_true_random=False),
    ends=st.booleans(),
)
def test_counted_calls_are_those_of_the_facts(
    processes: list[list[str]], chance: random.Random, ends: bool
) -> None:
    """The state is the same as that of all facts, also of a run that was resumed."""
    facts: list[Fact] = []
    for generation, process in enumerate(processes, start=1):
        facts += [begun(generation), *fan_out(process, chance)]
        if ends:
            facts.append(RunEnded(time=T, place="", status="failed", seconds=9.0))
    facts = [replace(fact, time=T + number) for number, fact in enumerate(facts)]
    state = RunState()
    for fact in facts:
        state.apply(fact)
    assert seen(counted(rows_of(facts))) == seen(state)


def test_calls_beside_a_question_are_not_counted() -> None:
    """A run waits for an answer once nothing else goes on in it, so the end of a call matters."""
    started, asked = instance("b[n=0]", "asks")
    other, ended = instance("b[n=1]", "well")
    fan_out_begins = NodeStarted(time=T, place="b", kind="fan_out", total=2)
    facts = [begun(), fan_out_begins, started, other, asked, ended]
    facts = [replace(fact, time=T + number) for number, fact in enumerate(facts)]
    assert counted(rows_of(facts)).root.waits_since == T + 5


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Workspace(tmp_path / "space"))
    facts = [begun(), NodeStarted(time=T, place="b", kind="fan_out", total=50)]
    for number in range(50):
        facts += instance(f"b[n={number}]", "well")
    opened.create("r1", "p", T)
    opened.append("r1", [to_row("r1", fact, opened.workspace) for fact in facts])
    yield opened
    opened.close()


def test_a_call_that_ended_well_is_not_decoded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a fan-out the start of the run and of the node are decoded, however many calls it has."""
    decoded: list[str] = []

    def noting(row: Row) -> Fact:
        decoded.append(row.place)
        return to_fact(row, store.workspace)

    monkeypatch.setattr(store, "fact", noting)
    state = state_of(Following(store, "r1"))
    assert decoded == ["", "b"]
    assert (state.root.children["b"].good, state.root.ran) == (50, 50)


@pytest.mark.parametrize(
    ("column", "value"),
    [("place", "b[n=99]"), ("kind", "noted"), ("payload", "{}"), ("time", 1.0), ("key", "x")],
)
@pytest.mark.parametrize("seq", [11, 12])
def test_damage_of_a_counted_call_is_found(store: Store, column: str, value: Any, seq: int) -> None:
    """A row that is not what was written is named, also where it would only be counted."""
    with sqlite3.connect(store.workspace.journal) as connection:
        connection.execute(f"UPDATE radps_facts SET {column} = ? WHERE seq = ?", (value, seq))
    connection.close()
    with pytest.raises(Damaged, match=f"row {seq} of run 'r1' is damaged"):
        state_of(Following(store, "r1"))
