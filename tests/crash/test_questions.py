"""Kills around questions and answers: one answer counts, durable before anything uses it.

`RADPS_DAG_CRASHES=1000` kills more often than an ordinary test does.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_support import Ended, Parent, Site, fault_library

from radps_dag.facts import NodeStarted, QuestionAnswered, QuestionAsked, RunEnded

SEEDS = range(max(1, int(os.environ.get("RADPS_DAG_CRASHES", "100")) // 20))
MOST_KILLS = 12
THOROUGH = len(SEEDS) > 5

ASKS = """
version: 1
name: asks
stages:
  a: {run: store, with: {name: a, value: 1}}
  first:
    needs: [a]
    pause:
      message: The first
      show: ["${{ stages.a.value }}"]
      input: {n: {type: number, default: 0}}
  b: {run: store, with: {name: b, value: "${{ stages.first.n }}"}}
  solve:
    loop:
      max_iterations: 2
      state: {x: {init: "${{ stages.b.value }}", next: "${{ outputs.value }}"}}
      on_exhausted: pause
    run: store
    with: {name: "c${{ loop.index }}", value: "${{ state.x + 1 }}"}
  second:
    needs: [solve]
    pause: {message: The second, input: {m: {type: number, default: 0}}}
  d: {run: store, with: {name: d, value: "${{ stages.second.m + stages.solve.value }}"}}
outputs: {n: "${{ stages.first.n }}", m: "${{ stages.second.m }}", value: "${{ stages.d.value }}"}
"""
WAITS_FOR = {"b": "first", "c1": "first", "d": "second"}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    parent = Parent(tmp_path_factory.mktemp("parent"))
    yield parent
    parent.close()


class Trial:
    """A run that is killed, answered by commands that are killed, and resumed, to its end."""

    def __init__(self, site: Site, seed: int) -> None:
        self.site = site
        self.kills = 0
        self._chance = random.Random(seed)
        self._number = 0

    def drive(self) -> None:
        ended = self.site.run("--detach-on-pause", **self._moment())
        while ended.code != 0:
            self._look(ended)
            if not self.site.facts():  # it was killed before it could begin
                ended = self.site.run("--detach-on-pause", **self._moment())
                continue
            for place in self._open():
                if self._chance.random() < 0.8:
                    self._answer(place)
            ended = self.site.resume("--detach-on-pause", **self._moment())

    def _answer(self, place: str) -> None:
        self._number += 1
        name = {"first": "n", "second": "m"}.get(place)
        given = [] if name is None else ["-i", f"{name}={self._number}"]
        ended = self.site.parent.run(
            *("answer", "last", place, *given), cwd=self.site.folder, **self._moment(0.12)
        )
        said = self._answers().get(place, [])
        if ended.code == 0:  # then it is durable
            assert len(said) == 1
            assert name is None or said[0].values == {name: self._number}
        self._look(ended)

    def _moment(self, latest: float = 0.9) -> dict[str, str]:
        if self.kills >= MOST_KILLS or self._chance.random() < 0.3:
            return {}
        if latest < 0.5 or self._chance.random() < 0.5:
            return {"CRASH_AT": f"seconds {self._chance.uniform(0.005, latest)}"}
        when = self._chance.choice(("before", "after"))
        return {"CRASH_AT": f"{when} {self._chance.randint(1, 12)}"}

    def _look(self, ended: Ended) -> None:
        """What is so after every end: no trace of an answer that is not there, no second one."""
        assert ended.killed or ended.code in (0, 3), ended.err
        self.kills += ended.killed
        assert all(len(said) == 1 for said in self._answers().values())
        for call, place in WAITS_FOR.items():
            if self.site.executions()[call]:
                assert place in self._answers()

    def _answers(self) -> dict[str, list[QuestionAnswered]]:
        found: dict[str, list[QuestionAnswered]] = {}
        for fact in self.site.facts():
            if isinstance(fact, QuestionAnswered):
                found.setdefault(fact.place, []).append(fact)
        return found

    def _open(self) -> list[str]:
        asked = {fact.place for fact in self.site.facts() if isinstance(fact, QuestionAsked)}
        return sorted(asked - set(self._answers()))


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_counts_once(seed: int, parent: Parent, tmp_path: Path) -> None:
    """Whatever is killed, run or answer: each question is asked once and has one answer, what
    depends on it begins when that is durable, and gets that answer and no other."""
    trial = Trial(Site.make(parent, tmp_path / "site", ASKS), seed)
    trial.drive()
    facts: list[Any] = trial.site.facts()
    asked = Counter(fact.place for fact in facts if isinstance(fact, QuestionAsked))
    assert asked == {"first": 1, "solve": 1, "second": 1}
    answers = {fact.place: fact.values for fact in facts if isinstance(fact, QuestionAnswered)}
    assert set(answers) == set(asked)
    n, m = answers["first"]["n"], answers["second"]["m"]
    assert trial.site.outputs() == {"n": n, "m": m, "value": m + n + 2}
    inputs = {
        (fact.place, fact.inputs["value"])
        for fact in facts
        if isinstance(fact, NodeStarted) and fact.workload == "store"
    }
    assert inputs == {
        *(("a", 1), ("b", n), ("solve#1", n + 1), ("solve#2", n + 2), ("d", m + n + 2))
    }


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    """A parent whose children's calls of the system can be made to fail."""
    folder = tmp_path_factory.mktemp("faulty")
    parent = Parent(folder, fault_library(folder))
    yield parent
    parent.close()


MOMENTS = ("before", "middle", "after")
ONE = """
version: 1
name: one
stages:
  first: {pause: {message: The first, input: {n: {type: number, default: 0}}}}
  b: {run: store, with: {name: b, value: "${{ stages.first.n }}"}}
outputs: {n: "${{ stages.first.n }}", value: "${{ stages.b.value }}"}
"""


class Point:
    """A command about a run that waits, killed at each call by which it changes the journal."""

    def __init__(self, parent: Parent, folder: Path, *command: str) -> None:
        self._parent, self._folder, self._command = parent, folder, command
        self._left = Site.make(parent, folder / "left", ONE)
        assert self._left.run("--detach-on-pause").code == 3
        log = folder / "log"
        ended = self.struck(self.site(), 0, "", FAULT_LOG=str(log))
        assert ended.code == 0, ended
        self.calls = len(log.read_text())

    def site(self) -> Site:
        """The run as it was left, once more."""
        folder = self._folder / f"site-{len(list(self._folder.iterdir()))}"
        shutil.copytree(self._left.folder, folder)
        return Site(self._parent, folder)

    def struck(self, site: Site, at: int, what: str, **more: str) -> Ended:
        fault = {"FAULT_BELOW": str(site.workspace.resolve()), "FAULT_NAME": "/journal.db"}
        fault |= {"FAULT_AT": str(at), "FAULT_WHAT": what}
        return self._parent.run(*self._command, cwd=site.folder, **fault, **more)

    def each(self) -> Iterator[tuple[Site, Ended]]:
        """The run after each point, in the order in which the points come; a moment of each call,
        or all, where it is to be thorough."""
        for number in range(1, self.calls + 1):
            for moment in MOMENTS if THOROUGH else MOMENTS[number % 3 :][:1]:
                site = self.site()
                yield site, self.struck(site, number, moment)


def said(site: Site) -> list[Any]:
    return [fact.values["n"] for fact in site.facts() if isinstance(fact, QuestionAnswered)]


def cancelled(site: Site) -> int:
    ends = [fact for fact in site.facts() if isinstance(fact, RunEnded)]
    return [end.status for end in ends].count("cancelled")


def test_an_answer_killed_around_its_commit(faulty: Parent, tmp_path: Path) -> None:
    """Killed before its commit an answer has not been given, and another one counts; killed after
    it, it counts, and another one is refused. What follows has the one that counts."""
    point = Point(faulty, tmp_path, "answer", "last", "first", "-i", "n=1")
    there: list[bool] = []
    for site, ended in point.each():
        assert ended.killed, ended
        found = said(site)
        assert found in ([], [1]), found
        there.append(bool(found))
        other = faulty.run("answer", "last", "first", "-i", "n=2", cwd=site.folder)
        assert (other.code == 0) == (not found), other
        assert said(site) == (found or [2])
        assert site.resume().code == 0
        assert site.outputs() == {"n": said(site)[0], "value": said(site)[0]}
    # Before the commit it is not there, from then on it is.
    assert there == sorted(there) and {False, True} == set(there), there


def test_a_cancel_killed_around_its_commit(faulty: Parent, tmp_path: Path) -> None:
    """Killed before its commit, nothing is cancelled and the run can go on; killed after it, the
    run is over. To cancel it again ends it in any case, once."""
    point = Point(faulty, tmp_path, "cancel", "last")
    there: list[bool] = []
    for site, ended in point.each():
        assert ended.killed, ended
        there.append(cancelled(site) == 1)
        answered = faulty.run("answer", "last", "first", "-i", "n=2", cwd=site.folder)
        assert answered.code == (1 if there[-1] else 0), answered
        if len(there) % 2 and not there[-1]:
            assert site.resume().code == 0
            continue
        assert faulty.run("cancel", "last", cwd=site.folder).code == 0
        assert cancelled(site) == 1
        assert site.resume().code == 1
    assert there == sorted(there) and {False, True} == set(there), there
