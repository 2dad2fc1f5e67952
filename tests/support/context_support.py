"""A pipeline's text played with its journal, as the command line does but for Prefect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from engine_support import loaded, write
from repository import SUPPORT

from radps_dag.builder import build
from radps_dag.context.reading import load_context
from radps_dag.engine.drive import Ended, Job
from radps_dag.engine.planning import Planned, plan
from radps_dag.engine.settings import Settings
from radps_dag.engine.tracker import Untracked
from radps_dag.facts import Fact, NodeFailed, NodeSucceeded
from radps_dag.faults import Faults, Rule
from radps_dag.journal.opening import open_store
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.language.model import Pipeline
from radps_dag.language.params import complete
from radps_dag.reuse.cache import CacheQuery, Policy, ResultCache, patterns
from radps_dag.reuse.keys import Keys
from radps_dag.runs.frontend import Screen
from radps_dag.runs.provenance import describe
from radps_dag.runs.record import new_run, reopen
from radps_dag.runs.session import run_job
from radps_dag.workloads.contract.context import Context
from radps_dag.workloads.contract.registry import find_library

__all__ = ["Place", "Played"]

LIBRARY = find_library("placeholder", [(SUPPORT / "context_workloads.py")])

F = TypeVar("F")


@dataclass(frozen=True)
class Played:
    """A run that is over: how it ended, what it said, what it knows."""

    run: str
    ended: Ended
    facts: tuple[Fact, ...]
    context: Context
    why: Mapping[str, str]

    @property
    def outputs(self) -> Mapping[str, Any]:
        assert self.ended.status == "succeeded", self.ended.error
        return self.ended.outputs

    @property
    def error(self) -> str:
        assert self.ended.status == "failed", self.ended.status
        return str(self.ended.error)

    def all(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def failed(self) -> dict[str, NodeFailed]:
        return {fact.place: fact for fact in self.all(NodeFailed)}

    @property
    def computed(self) -> list[str]:
        """The calls that were made now, and not found in the journal."""
        return [
            fact.place
            for fact in self.all(NodeSucceeded)
            if fact.made is not None and not fact.made.origin
        ]


@dataclass
class Place:
    """A directory with a pipeline and its workspace."""

    root: Path
    executor: str = "threads"
    slots: int = 4
    url: str | None = None  # of the database, where the journal is not in the workspace

    @property
    def workspace(self) -> Path:
        return self.root / ".radps"

    @property
    def where(self) -> dict[str, Any]:
        """How its journal is asked for."""
        return {"workspace": self.workspace, "store": self.url}

    @property
    def log(self) -> str:
        return str(self.root / "calls.log")

    @property
    def calls(self) -> list[str]:
        path = Path(self.log)
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def open(self) -> Store:
        return open_store(Workspace(self.workspace.resolve()), self.url)

    def plan(self, text: str, *, params: Mapping[str, Any] | None = None) -> list[Planned]:
        """What a run of the pipeline would do."""
        path = write(self.root, text.replace("LOG", self.log))
        pipeline = loaded(path, LIBRARY)
        store = self.open()
        try:
            keys = Keys(LIBRARY, store.workspace)
            memory = ResultCache(store, keys, "plan", pipeline.name, Policy(), Faults())
            return plan(_job(pipeline, path, params, "plan"), memory)
        finally:
            store.close()

    def play(
        self,
        text: str,
        *,
        files: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        resume: str | None = None,
        reuse: bool = True,
        force: Sequence[str] = (),
        faults: Sequence[Rule] = (),
        listen: Callable[[Fact], None] = lambda fact: None,
    ) -> Played:
        """Check the pipeline and run it, or go on with a run of it."""
        facts: list[Fact] = []
        path = write(self.root, text.replace("LOG", self.log), files)
        pipeline = loaded(path, LIBRARY)
        store = self.open()
        why: dict[str, str] = {}
        try:
            opened = reopen(store, resume) if resume else new_run(store, pipeline.name)
            keys = Keys(LIBRARY, store.workspace)
            run = opened.directory.id
            memory = _Telling(
                store, keys, run, pipeline.name, Policy(reuse, patterns(force)), Faults(), why
            )
            job = replace(
                _job(pipeline, path, params, run),
                settings=Settings(file=str(path), executor=self.executor, max_parallel=self.slots),
                workdir=opened.directory.products,
                faults=Faults(tuple(faults)),
                generation=opened.generation,
            )

            def hear(fact: Fact) -> None:
                facts.append(fact)
                listen(fact)

            try:
                ended = run_job(job, opened, memory, Screen(hear), lambda record: Untracked())
            finally:
                opened.close()
        finally:
            store.close()
        context = load_context(run, **self.where)
        return Played(run, ended, tuple(facts), context, why)


def _job(pipeline: Pipeline, path: Path, params: Mapping[str, Any] | None, run: str) -> Job:
    return Job(
        run=run,
        pipeline=pipeline,
        graph=build(pipeline),
        library=LIBRARY,
        params=complete(pipeline, params or {}),
        workdir=path.parent,
        settings=Settings(file=str(path)),
        provenance=describe(pipeline, LIBRARY),
    )


class _Telling(ResultCache):
    """Notes why each call has to be made."""

    def __init__(self, *arguments: Any) -> None:
        *rest, self.told = arguments
        super().__init__(*rest)

    async def lookup(self, asked: CacheQuery) -> Any:
        known = await super().lookup(asked)
        if known is None:
            self.told[asked.place] = self.why(asked)
        return known
