"""A pipeline that is killed again and again until it ends, and what must be true then."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from crash_support import Ended, Site

from radps_dag.facts import NodeFailed, NodeSucceeded, Retrying, RunStarted

__all__ = ["Trial"]


def settled(facts: list[Any]) -> set[str]:
    """The calls that a later process must not make again: they ended well, and no group around
    them has begun a further attempt since."""
    found: set[str] = set()
    for fact in facts:
        if isinstance(fact, NodeSucceeded) and fact.made is not None:
            found.add(fact.place)
        elif isinstance(fact, Retrying):
            found = {place for place in found if not place.startswith(f"{fact.place}/")}
    return found


def retried(facts: list[Any]) -> tuple[str, ...]:
    """The groups that have begun a further attempt."""
    return tuple(f"{fact.place}/" for fact in facts if isinstance(fact, Retrying))


class Trial:
    """One pipeline, driven to its end by as many processes as it takes."""

    def __init__(self, site: Site, seed: int, whom: str = "self") -> None:
        self.site = site
        self.kills = 0
        self._whom = whom  # of those who could end with a line of the log
        self._chance = random.Random(seed)
        self._promises: list[tuple[set[str], Counter[str]]] = []

    def drive(self, most: int) -> Ended:
        """Kill up to so many times, and then let it end."""
        ended = self.site.run(**self._moment())
        while True:
            if ended.killed:
                self.kills += 1
                self._look()
            elif ended.code == 0:
                return ended
            elif not self._began():
                # Killed before it began: there is nothing to go on with, and it is said so.
                assert any(words in ended.line for words in NOTHING), ended
                ended = self.site.run(**self._moment(self.kills < most))
                continue
            else:
                return ended
            ended = self.site.resume(**self._moment(self.kills < most))

    def _began(self) -> bool:
        return any(isinstance(fact, RunStarted) for fact in self.site.facts())

    def _look(self) -> None:
        """Note what is durable now, and how often everything has been done so far."""
        self._promises.append((settled(self.site.facts()), self.site.executions()))

    def _moment(self, kill: bool = True) -> dict[str, str]:
        """When the next process is to be killed: it may well have ended before."""
        if not kill:
            return {}
        match self._chance.choice(["seconds", "seconds", "before", "after", "line"]):
            case "seconds":
                most = 0.18 if self._whom == "self" else 0.8  # workers start slowly
                return {"CRASH_AT": f"seconds {self._chance.uniform(0.01, most):.4f}"}
            case "line":
                lines = sum(sum(self.site.executions(what).values()) for what in WHAT)
                return {"CRASH_LINE": f"{lines + self._chance.randint(1, 30)} {self._whom}"}
            case moment:
                return {"CRASH_AT": f"{moment} {self._chance.randint(1, 25)}"}

    def check(self, expected: Any) -> None:
        site = self.site
        assert site.outputs() == expected
        facts, executions = site.facts(), site.executions()
        again = retried(facts)
        for places, counts in self._promises:
            for place in places:
                if not place.startswith(again):
                    assert executions[place] == counts[place], f"{place} was done again"
        ended = site.executions("end")
        for place in settled(facts):
            assert ended[place] >= 1, f"{place} was never done"
        check_products(site, facts)


NOTHING = ("ended before it began", "no run is there", "there is no journal")
WHAT = ("begin", "half", "end")


def check_products(site: Site, facts: list[Any]) -> None:
    """What committed calls have written is there; beside it is only what failed at the end."""
    from radps_dag.executors.manifest import damage
    from radps_dag.storage.remote import path_of

    kept = set()
    last = max(i for i, fact in enumerate(facts) if isinstance(fact, RunStarted))
    failed = {f.place for f in facts[last:] if isinstance(f, NodeFailed | Retrying)}
    for fact in facts:
        if isinstance(fact, NodeSucceeded | NodeFailed) and fact.made is not None:
            if fact.made.workdir:
                kept.add(path_of(fact.made.workdir))
            assert damage(path_of(fact.made.workdir), fact.made.files) == ""
    for run in site.runs()[:1]:
        products = site.workspace.resolve() / "runs" / run / "products"
        for file in products.rglob("*"):
            if file.is_file() and not any(folder in kept for folder in file.parents):
                pytest.fail(f"{file} is an orphan; {failed}")
