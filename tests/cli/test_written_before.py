"""Workspaces and archives that version 0.1.0 wrote: read, answered and resumed by this one."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from repository import ROOT
from resume_support import Desk, Told, desk

__all__ = ["desk"]  # a fixture

FAILED, SUCCEEDED, PAUSED = (f"20261129-2118{time}-night" for time in ("31", "45", "52"))


class Before:
    """A directory that 0.1.0 left: a pipeline, its workloads, three runs and two archives."""

    def __init__(self, desk: Desk) -> None:
        self.command = desk.command
        self.folder = desk.directory
        with zipfile.ZipFile(ROOT / "tests" / "fixtures" / "written_by_0.1.0.zip") as packed:
            packed.extractall(self.folder)

    def shown(self, *arguments: str) -> str:
        told = self.command(*arguments)
        assert told.code == 0, told.err
        return told.out

    def read(self, *arguments: str) -> Any:
        return json.loads(self.shown(*arguments, "--json"))

    def resume(self, run: str, *options: str) -> Told:
        how = ("--file", "night.yaml", "--workloads", "workloads.py", "--no-prefect", "--json")
        return self.command("resume", run, *how, *options)


@pytest.fixture
def before(desk: Desk) -> Before:
    return Before(desk)


def files(told: Told) -> dict[str, str]:
    """Content of the product of each call of `observe`, by its place."""
    uris = {
        fact["place"]: unquote(fact["outputs"]["ms"]["uri"].removeprefix("file://"))
        for fact in told.facts
        if fact["fact"] == "node_succeeded" and fact["place"].startswith("observe[")
    }
    return {place: Path(uri).read_text() for place, uri in uris.items()}


OBSERVED = {f"observe[spw={spw}]": "row\n" * (4 + spw) for spw in range(3)}


def test_the_runs_are_listed(before: Before) -> None:
    """`runs` lists every run with its state."""
    listed = {one["run"]: one for one in before.read("runs")}
    states = {run: (one["status"], one["done"], one["reused"]) for run, one in listed.items()}
    assert states == {
        FAILED: ("failed", 9, 7),
        SUCCEEDED: ("succeeded", 10, 7),
        PAUSED: ("paused", 5, 0),
    }
    assert "ValueError: 6 rows are more than 5" in listed[FAILED]["cause"]
    assert listed[PAUSED]["questions"] == 1


@pytest.mark.parametrize(
    ("run", "spws", "limit", "status", "scores"),
    [
        (FAILED, [0, 1, 2], 5, "night failed", ["0.40", "0.50"]),
        (SUCCEEDED, [0, 1, 2], 9, "night succeeded", ["0.40", "0.50", "0.60"]),
        (PAUSED, [4], 5, "night waits for an answer", []),
    ],
)
def test_a_run_is_shown(
    run: str, spws: list[int], limit: int, status: str, scores: list[str], before: Before
) -> None:
    """`show`, `status`, `qa` and `context` say of a run what it was."""
    shown = before.read("show", run)
    assert (shown["run"], shown["params"]) == (run, {"spws": spws, "limit": limit})
    assert shown["provenance"]["packages"]["radps-dag"] == "0.1.0"
    assert status in before.shown("status", run)
    lines = before.shown("qa", run).splitlines()[1:] if scores else []
    assert [line.split()[0] for line in lines] == scores
    context = json.dumps(before.read("context", run, "rows"))
    for spw in spws:
        assert f'{{"name": "spw{spw}", "rows": {4 + spw}}}' in context


def test_a_question_is_answered(before: Before) -> None:
    """A paused run asks its question still; answered, it goes on to its end."""
    assert "no question is open" in before.shown("questions", SUCCEEDED)
    assert "Is 0.5 good enough?" in before.shown("questions", PAUSED)
    before.shown("answer", PAUSED, "review", "--input", "action=continue", "--by", "somebody")
    told = before.resume(PAUSED, "-p", "limit=9")
    assert told.outputs == {"values": [8.0]}
    assert files(told) == {"observe[spw=4]": "row\n" * 8}
    assert "answered by somebody" in before.shown("status", PAUSED)


def test_a_failed_run_goes_on(before: Before) -> None:
    """A failed run with a param that mends it succeeds, with the products that it had."""
    told = before.resume(FAILED, "-p", "limit=9")
    assert told.outputs == {"values": [4.0, 5.0, 6.0]}
    assert files(told) == OBSERVED
    assert before.read("show", FAILED)["status"] == "succeeded"


@pytest.mark.parametrize(
    ("archive", "run", "status", "options"),
    [
        ("succeeded.zip", SUCCEEDED, "succeeded", ()),
        ("failed.json", FAILED, "failed", ("-p", "limit=9")),
    ],
)
def test_an_archive_is_imported(
    archive: str, run: str, status: str, options: tuple[str, ...], before: Before
) -> None:
    """An archive, with products or without, becomes a run of an empty workspace and goes on."""
    old = before.folder / ".radps"
    old.rename(before.folder / "gone")
    before.shown("import", archive)
    listed = before.read("runs")
    assert [(one["run"], one["status"]) for one in listed] == [(run, status)]
    assert before.read("show", run)["done"] == listed[0]["done"]
    told = before.resume(run, *options)
    assert told.outputs == {"values": [4.0, 5.0, 6.0]}
    assert files(told) == OBSERVED
