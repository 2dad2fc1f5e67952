"""`radps-dag prune` and names of runs, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from resume_support import Desk, desk

__all__ = ["desk"]  # a fixture

PIPELINE = """
params:
  offset: {type: integer, default: 1}
stages:
  first: {run: store, with: {content: 1, name: first}}
  second: {run: store, with: {content: "${{ params.offset }}", name: second}}
"""


def runs(desk: Desk) -> list[dict[str, Any]]:
    return list(json.loads(desk.command("runs", "--json").out))


def test_a_kept_run_goes_on_without_the_one_it_used(desk: Desk) -> None:
    """What a kept run has of a removed one stays: it is shown, planned and resumed as before."""
    desk.pipeline(PIPELINE)
    for name, offset in (("old", 1), ("new", 2)):
        assert desk.run("--name", name, "-p", f"offset={offset}").code == 0
    asked = desk.command("prune", "old")
    assert asked.code == 2
    assert "--yes removes it" in asked.err
    assert desk.command("prune", "--yes").code == 2
    dry = desk.command("prune", "old", "--dry-run")
    assert dry.code == 0
    assert "1 run would go: " in dry.out
    assert len(runs(desk)) == 2
    done = desk.command("prune", "old", "--json", "--yes")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [item["run"] for item in told["runs"]] == told["gone"]
    (kept,) = runs(desk)
    assert (kept["name"], kept["status"]) == ("new", "succeeded")
    assert desk.command("show", "new").code == 0
    assert desk.command("report", "new", "-o", str(desk.directory / "r")).code == 0
    assert {verdict for verdict, _ in desk.plan("-p", "offset=2").values()} == {"reuse"}
    resumed = desk.command("resume", "new", "--json")
    assert resumed.code == 0, resumed.err
    assert all(resumed.origins.values())


def test_names(desk: Desk) -> None:
    """A run has the name that it was given, takes part in what a part of an id may mean, and is
    listed with the params that differ from those of the run before."""
    desk.pipeline(PIPELINE)
    for offset in (1, 2):
        assert desk.run("--name", f"night-{offset}", "-p", f"offset={offset}").code == 0
    newer, older = runs(desk)
    assert (newer["name"], newer["differs"]) == ("night-2", {"offset": 2})
    assert (older["name"], older["differs"]) == ("night-1", {})
    assert newer["size"] is None  # nobody has looked at all of its files
    sized = json.loads(desk.command("runs", "--sizes", "--json").out)
    assert sized[0]["size"] > 0
    assert "size" in desk.command("runs", "--sizes").out.splitlines()[0]
    assert json.loads(desk.command("show", "ight-1", "--json").out)["run"] == older["run"]
    ambiguous = desk.command("show", "night")
    assert ambiguous.code == 2
    assert "may be any of 2 runs" in ambiguous.err
    assert "night-2, " in desk.command("status", "night-2").out
    assert "  night-2 offset=2" in desk.command("runs").out


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "is not a name"),
        ("a b", "is not a name"),
        ("a\x1b[2J", "is not a name"),
        ("a/b", "is not a name"),
        ("a\u202eb", "is not a name"),
        ("x" * 61, "at most 60 characters"),
        ("last", "would be taken for a run's id"),
        ("20261125-012734", "would be taken for a run's id"),
    ],
)
def test_what_is_not_a_name(name: str, why: str, desk: Desk) -> None:
    """A name can be typed as an id can, and be told from one; nothing has run where it cannot."""
    desk.pipeline(PIPELINE)
    told = desk.run("--name", name)
    assert told.code == 2
    assert why in told.err
    assert "\x1b" not in told.err
    assert not Path(desk.directory / ".radps").exists()
