"""A pipeline, its params and its settings to a job: all there is to know before a run starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from radps_dag.builder import Graph, build
from radps_dag.context.declaring import declared_by
from radps_dag.context.fold import Fold
from radps_dag.context.inherited import adopt
from radps_dag.context.visibility import Visibility, order_of
from radps_dag.engine import selection
from radps_dag.engine.live_context import LiveContext, asks_for_context
from radps_dag.engine.provenance import Provenance
from radps_dag.engine.scope import Scope
from radps_dag.engine.settings import Settings
from radps_dag.executors.capacity import Offer, offer_of
from radps_dag.executors.registry import ExecutorChoice
from radps_dag.faults import Faults
from radps_dag.journal.store import Store
from radps_dag.language.model import Pipeline
from radps_dag.reuse.revisions import changes_in_place
from radps_dag.reuse.stages import StageResult
from radps_dag.workloads.contract.registry import Library

__all__ = ["Earlier", "Job", "job_of"]

Earlier = Callable[[AbstractSet[str]], Mapping[str, StageResult]]


@dataclass(frozen=True)  # it keeps what is asked of it for each call
class Job:
    """All there is to know before a run starts.

    `settings` and `provenance` are recorded with it; `generation` counts the processes that have
    driven the run, this one included. `reused_groups` are the places of groups in
    which nothing is to be made, as far as a plan can tell. `damaged` are earlier runs that were
    looked at, and why nothing of them is used.
    """

    run: str
    pipeline: Pipeline
    graph: Graph  # of the stages that run
    library: Library
    params: Mapping[str, Any]
    workdir: Path
    settings: Settings = field(default_factory=Settings)
    chosen: ExecutorChoice | None = None  # None: the kind that the settings name, as it is
    faults: Faults = field(default_factory=Faults)
    reused: Mapping[str, Any] | None = None  # outputs of stages that do not run
    adopted: Mapping[str, str] = field(default_factory=dict)  # the runs that made these
    generation: int = 1
    publish: str = ""  # the URL of the run's products, where they do not stay in `workdir`
    provenance: Provenance = field(default_factory=Provenance)
    reused_groups: frozenset[str] = frozenset()
    damaged: Mapping[str, str] = field(default_factory=dict)
    spent: float = 0.0  # seconds that earlier processes took

    @property
    def memory(self) -> int:
        """Bytes that calls may hold together: those that the executor is set up with, or all of
        this machine, where nothing is said."""
        return self.offer.memory

    @property
    def executor(self) -> ExecutorChoice:
        """The place where the calls compute."""
        return self.chosen or ExecutorChoice(self.settings.executor, self.settings.executor)

    @property
    def gpus(self) -> int:
        """The number of graphics processors that calls may hold at once."""
        return self.offer.gpus

    @property
    def left_out(self) -> list[str]:
        """The stages that do not run."""
        return [stage.id for stage in self.pipeline.stages if stage.id not in self.graph]

    @property
    def offer(self) -> Offer:
        """The resources that a call can have."""
        return offer_of(self.executor, self.settings.memory, self.settings.gpus)

    @cached_property
    def cache(self) -> Path:
        """The directory for copies of products from elsewhere, kept while the run goes on."""
        return self.workdir.with_name(f"{self.workdir.name}.copies")

    def scope(self, finished: Mapping[str, Any]) -> Scope:
        """The names that the stages see, with the outputs of those that are `finished`."""
        run = {"id": self.run, "workdir": str(self.workdir)}
        return Scope(params=self.params, run=run, stages=finished)

    def order(self) -> list[str]:
        """The paths of all nodes, also of those that do not run, in the order of the graph."""
        return order_of(self._all_stages())

    def visibility(self) -> Visibility:
        """Look up which nodes wait for which."""
        return Visibility(self.graph, self._all_stages())

    def live_context(self, store: Store | None = None) -> LiveContext | None:
        """Build the context of a run; None if no workload asks for it. With a journal it has what
        earlier runs left there, and what came from outside."""
        if not asks_for_context(self.pipeline, self.library):
            return None
        fold = Fold()
        fold.run, fold.declared = self.run, declared_by(self.pipeline)
        fold.ranks = {path: rank for rank, path in enumerate(self.order())}
        live_context = LiveContext(self.visibility(), fold)
        if store is not None:
            adopt(fold, store, self.adopted)
            live_context.learn(store, self.run)
        return live_context

    def _all_stages(self) -> Graph:
        return build(self.pipeline) if self.left_out else self.graph


def job_of(
    pipeline: Pipeline,
    library: Library,
    params: Mapping[str, Any],
    settings: Settings,
    earlier: Earlier = lambda stages: {},
) -> Job:
    """Build the job of the stages that the settings choose; its id and its directory are still to
    be given. `earlier` finds the results of stages that do not run.

    Raises UsageError for a stage that is not there, or without the results of one that is read.
    """
    graph = build(pipeline)
    chosen = selection.choose(graph, settings.part)
    required = selection.needed(graph, chosen)
    looks_back = asks_for_context(pipeline, library) or changes_in_place(pipeline.stages, library)
    before = selection.before(graph, chosen) if looks_back else ()
    results = earlier({*required, *before})
    return Job(
        run="",
        pipeline=pipeline,
        graph=selection.subgraph(graph, chosen),
        library=library,
        params=params,
        workdir=Path(),
        settings=settings,
        reused=selection.reuse(pipeline, required, results),
        adopted={id: results[id].run for id in before if id in results},
    )
