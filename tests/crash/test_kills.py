"""Runs that are killed at any moment, and resumed: what was done is not done again, nor lost.

`RADPS_DAG_CRASHES=1000` kills more often than the hundred times of an ordinary test.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_pipelines import EVERYTHING, PART
from crash_support import Parent, Site
from crash_trial import Trial

CRASHES = int(os.environ.get("RADPS_DAG_CRASHES", "100"))


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    parent = Parent(tmp_path_factory.mktemp("parent"))
    yield parent
    parent.close()


def everything(parent: Parent, folder: Path) -> Site:
    return Site.make(parent, folder, EVERYTHING, part=PART)


@pytest.fixture(scope="module")
def undisturbed(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the pipeline gives where nobody kills it."""
    site = everything(parent, tmp_path_factory.mktemp("undisturbed") / "site")
    ended = site.run()
    assert ended.code == 0, ended.err
    return site.outputs()


def test_killed_with_workers(parent: Parent, undisturbed: Any, tmp_path: Path) -> None:
    """The same with worker processes, which live on for a moment when their driver is killed."""
    kills = number = 0
    while kills < CRASHES / 10:
        site = everything(parent, tmp_path / str(number))
        site.options = ("--executor=processes", "--max-parallel=2")
        trial = Trial(site, seed=number, whom="parent")
        ended = trial.drive(most=4)
        assert ended.code == 0, ended
        trial.check(undisturbed)
        kills += trial.kills
        number += 1


@pytest.mark.parametrize("part", range(2))
def test_killed_at_random(part: int, parent: Parent, undisturbed: Any, tmp_path: Path) -> None:
    """Killed at random moments and resumed, until it ends: the outputs are those of a run that
    nobody has killed, and no call whose success was durable has been made again."""
    kills = number = 0
    while kills < CRASHES / 4:
        trial = Trial(everything(parent, tmp_path / str(number)), seed=1000 * number + part)
        ended = trial.drive(most=6)
        assert ended.code == 0, ended
        trial.check(undisturbed)
        kills += trial.kills
        number += 1
