"""Kills around questions and answers: one answer counts, durable before anything uses it.

`RADPS_DAG_CRASHES=1000` kills more often than an ordinary test does.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from crash_support import Ended, Parent, Site

from radps_dag.facts import NodeStarted, QuestionAnswered, QuestionAsked

SEEDS = range(max(1, int(os.environ.get("RADPS_DAG_CRASHES", "100")) // 20))
MOST_KILLS = 12

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
