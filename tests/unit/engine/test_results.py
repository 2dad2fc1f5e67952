"""What a failure means for those who go on with a run: told by the engine, not by its words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from radps_dag.facts import Made, NodeFailed, NodeStarted
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import Row, to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.reuse.results import Results

STARTED = NodeStarted(time=1.0, place="a", kind="task")
FAILED = NodeFailed(time=2.0, place="a", error="ValueError", message="no", seconds=1.0)
INTERRUPTED = ("InterruptedInPlace", "WorkerDied")
DECIDED = ("QaFailed", "NotConverged", "Diverged", "QuestionTimeout")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(Workspace(tmp_path))
    yield opened
    opened.close()


def results(store: Store, failed: Row) -> Results:
    store.create("r", "p", 1.0)
    store.append("r", [to_row("r", STARTED, store.workspace), failed])
    return Results.of(store, "r")


@pytest.mark.parametrize("error", [*INTERRUPTED, *DECIDED])
def test_a_users_words_mean_nothing(error: str, store: Store) -> None:
    """An exception of a workload, and outputs, may be called as ours are: it failed."""
    made = Made(key="k")
    outputs: dict[str, Any] = {"cause": {"error": error}, "text": f'{{"error":"{error}"}}'}
    fact = replace(FAILED, error=error, outputs=outputs, made=made)
    found = results(store, to_row("r", fact, store.workspace))
    assert not found.going
    assert not found.decided
    assert set(found.made) == {"a"}


@pytest.mark.parametrize("ending", ["failed", "interrupted", "decided"])
def test_the_ending_counts(ending: Any, store: Store) -> None:
    """What was interrupted still goes on, and what a person decided is asked again."""
    found = results(store, to_row("r", replace(FAILED, ending=ending), store.workspace))
    assert found.going == ({"a"} if ending == "interrupted" else set())
    assert found.decided["a"] == (1 if ending == "decided" else 0)


@pytest.mark.parametrize("error", [*INTERRUPTED, *DECIDED, "ValueError"])
def test_a_journal_written_before(error: str, store: Store) -> None:
    """A row that does not say it is read by its error alone, whatever its outputs have."""
    outputs = {"error": "WorkerDied", "more": {"error": "QaFailed"}}
    fact = replace(FAILED, error=error, outputs=outputs)
    row = to_row("r", fact, store.workspace)
    document = json.loads(row.payload)
    assert document.pop("ending") == "failed"
    found = results(store, replace(row, payload=json.dumps(document)))
    assert found.going == ({"a"} if error in INTERRUPTED else set())
    assert found.decided["a"] == (1 if error in DECIDED else 0)
