"""The context of runs that are killed at any moment and resumed: each thing is in it exactly once.

`RADPS_DAG_CRASHES=1000` kills more often than an ordinary test.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_pipelines import KNOWING, KNOWN
from crash_support import Parent, Site, content_of
from crash_trial import Trial

from radps_dag.context import load_context
from radps_dag.context.export import as_json
from radps_dag.context.fold import Fold
from radps_dag.context.snapshots import snapshot_of
from radps_dag.facts import strict_json
from radps_dag.problem import UsageError

CRASHES = int(os.environ.get("RADPS_DAG_CRASHES", "100"))


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    parent = Parent(tmp_path_factory.mktemp("parent"))
    yield parent
    parent.close()


def live_context(parent: Parent, folder: Path) -> Site:
    return Site.make(parent, folder, KNOWING, known=KNOWN)


@pytest.fixture(scope="module")
def undisturbed(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The outputs and the context of a run that nobody kills."""
    site = live_context(parent, tmp_path_factory.mktemp("undisturbed") / "site")
    ended = site.run()
    assert ended.code == 0, ended
    assert {"solve#4/image", "again/d"} <= set(places(context_of(site)))
    return site.outputs(), context_of(site)


def context_of(site: Site) -> Any:
    """All that a run knows, but for times; its own name is left out, products are what they hold.

    None where there is no run.
    """
    try:
        snapshot = load_context(workspace=site.workspace, store=site.url).snapshot
    except UsageError:
        return None
    found = json.loads(strict_json(as_json(snapshot, "")))
    own = site.runs()[0]
    for one in [
        *found["products"],
        *(v for key in found["keys"].values() for v in key["versions"]),
    ]:
        one["run"] = one["run"].replace(own, "this one")
        del one["time"]
    return content_of(found)


def places(context: Any) -> list[str]:
    """Who has added to it, or made a product, key by key."""
    adders = [v["place"] for key in context["keys"].values() for v in key["versions"]]
    return [*adders, *(one["place"] for one in context["products"])]


def check_on_the_way(facts: list[Any]) -> None:
    """Whoever looks while the run goes on, after whatever fact: what has been committed stays, and
    the versions of a key are in the order in which their nodes wait for each other."""
    fold = Fold()
    there: set[str] = set()
    for fact in facts:
        fold.add(fact)
        snapshot = snapshot_of(fold)
        adders = [entry.place for entry in snapshot.by_key.get("level", ())]
        assert adders == sorted(adders, key=LEVEL.index), fact
        now = {entry.place for entry in snapshot.entries}
        now |= {f"{one.place} withdrawn" for one in snapshot.records if one.withdrawn}
        lost = {place for place in there - now if not place.startswith(("solve#", "again/"))}
        assert not lost, fact
        there = now


LEVEL = ["start", *(f"solve#{number}/image" for number in range(1, 6)), "part/one"]


def check(trial: Trial, expected: Any) -> None:
    outputs, context = expected
    trial.check(outputs)
    assert context_of(trial.site) == context
    check_on_the_way(trial.site.facts())


def test_killed_with_postgres(
    parent: Parent, undisturbed: Any, postgres: Any, tmp_path: Path
) -> None:
    """Also where the journal is in PostgreSQL, whose transactions end with their process."""
    kills = number = 0
    while kills < CRASHES / 10:
        site = live_context(parent, tmp_path / str(number))
        site.url = postgres.database()
        trial = Trial(site, seed=number)
        ended = trial.drive(most=6)
        assert ended.code == 0, ended
        check(trial, undisturbed)
        kills += trial.kills
        number += 1


def test_killed_with_workers(parent: Parent, undisturbed: Any, tmp_path: Path) -> None:
    """Also with worker processes, to which the context is handed."""
    kills = number = 0
    while kills < CRASHES / 20:
        site = live_context(parent, tmp_path / str(number))
        site.options = ("--executor=processes", "--max-parallel=2")
        trial = Trial(site, seed=number, whom="parent")
        ended = trial.drive(most=4)
        assert ended.code == 0, ended
        check(trial, undisturbed)
        kills += trial.kills
        number += 1


@pytest.mark.parametrize("part", range(2))
def test_the_context_changes_once(
    part: int, parent: Parent, undisturbed: Any, tmp_path: Path
) -> None:
    """Killed at random moments and resumed, until it ends: keys, versions and who made them,
    products and those withdrawn are as if nobody had killed it; and what has once been committed
    stays, also while the run is under way again."""
    kills = number = 0
    while kills < CRASHES / 4:
        trial = Trial(live_context(parent, tmp_path / str(number)), seed=1000 * number + part)
        ended = trial.drive(most=6)
        assert ended.code == 0, ended
        check(trial, undisturbed)
        kills += trial.kills
        number += 1
