"""A journal with facts made by hand: what earlier runs have left, without running anything."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict

import pytest
from engine_support import loaded, write

from radps_dag.engine.job import job_of
from radps_dag.engine.planning import Planned, plan
from radps_dag.engine.settings import Selection, Settings
from radps_dag.facts import Fact, Made, NodeKind, NodeStarted, NodeSucceeded, RunStarted
from radps_dag.faults import Faults, Rule
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.workspace import Workspace
from radps_dag.language.params import complete
from radps_dag.reuse.cache import CacheQuery, Policy, ResultCache, patterns
from radps_dag.reuse.keys import Keys
from radps_dag.workloads import workload
from radps_dag.workloads.contract.registry import Library

__all__ = ["NOW", "Past", "past"]

NOW = "now"  # the run that looks back


class Given(TypedDict):
    value: Any


@workload
def give(value: Any = None) -> Given:
    """Give the value back."""
    return {"value": value}


@workload(mutates=True)
def change(value: Any = None) -> Given:
    """Change something in place."""
    return {"value": value}


class Past:
    """Runs of the pipeline `p` in a workspace, and what is known of them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = Workspace(root / "workspace")
        self.store = open_store(self.workspace)
        self.library = Library("hand", {"give": give.workload, "change": change.workload})

    def run(self, name: str, pipeline: str = "p") -> str:
        """Enter a run, newer than all that are there."""
        self.store.create(name, pipeline, 1.0)
        self.facts(
            name,
            RunStarted(
                time=1.0, place="", run=name, pipeline=pipeline, file="p.yaml", params={},
                library="hand", executor="threads", seed=0,
            ),
        )  # fmt: skip
        return name

    def facts(self, run: str, *facts: Fact) -> None:
        self.store.append(run, [to_row(run, fact, self.workspace) for fact in facts])

    def began(self, run: str, place: str, name: str, kind: NodeKind = "task", **given: Any) -> None:
        source = self.keys.source(self.library.find(name)) if kind == "task" else ""
        self.facts(
            run,
            NodeStarted(
                time=1.0, place=place, kind=kind, workload=name, source=source, inputs=given
            ),
        )

    def made(
        self,
        run: str,
        place: str,
        name: str,
        *,
        made: Mapping[str, Any] | None = None,
        gives: Any = None,
        **given: Any,
    ) -> None:
        """A call that began and ended well; it gave what it was given, or `gives`."""
        self.began(run, place, name, **given)
        key = self.keys.key(self.library.find(name), given, "")
        self.facts(
            run,
            NodeSucceeded(
                time=2.0, place=place, outputs={"value": given.get("value", gives)}, seconds=1.0,
                made=Made(key=key, **(made or {})),
            ),
        )  # fmt: skip

    @property
    def keys(self) -> Keys:
        return Keys(self.library, self.workspace)

    def cache(
        self, *, force: Sequence[str] = (), reuse: bool = True, faults: Sequence[Rule] = ()
    ) -> ResultCache:
        policy = Policy(reuse, patterns(force))
        return ResultCache(self.store, self.keys, NOW, "p", policy, Faults(tuple(faults)))

    def ask(
        self, cache: ResultCache, place: str, name: str, cached: bool = True, **given: Any
    ) -> CacheQuery:
        return cache.ask(place, self.library.find(name), given, "", cached)

    def plan(
        self,
        text: str,
        *,
        params: Mapping[str, Any] | None = None,
        files: Mapping[str, str] | None = None,
        stages: Collection[str] = (),
        force: Sequence[str] = (),
    ) -> dict[str, Planned]:
        """What would become of each place of a pipeline, in the order of the plan."""
        pipeline = loaded(write(self.root, text, files), self.library)
        settings = Settings(part=Selection(only=tuple(stages)))
        job = job_of(pipeline, self.library, complete(pipeline, params or {}), settings)
        job = replace(job, run=NOW, workdir=self.root / "products")
        return {one.place: one for one in plan(job, self.cache(force=force))}


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    made = Past(tmp_path)
    yield made
    made.store.close()
