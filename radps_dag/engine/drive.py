"""A whole run: the stages driven to their end, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from radps_dag.builder import Graph
from radps_dag.engine.executors import Executor
from radps_dag.engine.executors.threads import MOMENT
from radps_dag.engine.level import run_level
from radps_dag.engine.memory import Memory
from radps_dag.engine.nodes import run_node
from radps_dag.engine.outcome import NodeError
from radps_dag.engine.place import ROOT
from radps_dag.engine.record import NOT_SELECTED
from radps_dag.engine.run import Here, Run, Settled, at_once, value_of
from radps_dag.engine.scope import Scope
from radps_dag.engine.slots import Slots
from radps_dag.engine.tracker import Label, Tracker
from radps_dag.facts import Listener, NodeSkipped, RunEnded, RunStarted
from radps_dag.faults import Faults
from radps_dag.model import Pipeline
from radps_dag.workloads.registry import Library

__all__ = ["Ended", "Job", "drive", "end_early"]

Status = Literal["succeeded", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class Job:
    """All there is to know before a run starts.

    `settings` and `provenance` are recorded with it; `generation` counts the processes that have
    driven the run, this one included. `whole` are the places of groups in which nothing is to be
    made, as far as a plan can tell.
    """

    run: str
    pipeline: Pipeline
    graph: Graph  # of the stages that run
    library: Library
    params: Mapping[str, Any]
    executor_name: str
    workdir: Path
    faults: Faults
    seed: int = 0
    file: str = ""
    reused: Mapping[str, Any] | None = None  # outputs of stages that do not run
    generation: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    whole: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ended:
    """How a run ended."""

    status: Status
    outputs: Mapping[str, Any]
    error: NodeError | None = None


async def drive(
    job: Job,
    executor: Executor,
    tracker: Tracker,
    listener: Listener,
    memory: Memory | None = None,
    settled: Settled = at_once,
) -> Ended:
    """Run the job. What fails in it is in the result; a cancelled run says so and is over.

    `memory` knows what need not be made again; `settled` waits until what was said is durable.
    """
    begun = time.monotonic()
    listener(_started(job))
    for id in _left_out(job):
        listener(NodeSkipped(time=time.time(), place=id, reason=NOT_SELECTED))
    finished: dict[str, Any] = dict(job.reused or {})
    run = Run(
        library=job.library,
        executor=executor,
        slots=Slots(executor.slots),
        faults=job.faults,
        workdir=job.workdir,
        seed=job.seed,
        listener=listener,
        memory=memory,
        settled=settled,
        generation=job.generation,
        whole=job.whole,
    )
    here = _outset(job, run, tracker, finished)

    async def whole() -> Mapping[str, Any]:
        try:
            await run_level(job.graph, here, finished, run_node)
        except NodeError:
            # What failed may have got the signal that is about to end this run.
            await asyncio.sleep(MOMENT)
            raise
        return _outputs(job, here)

    ended = Ended("interrupted", {})
    try:
        label = _label(job)
        ended = Ended("succeeded", await here.tracker.group(label, whole))
        await settled()
    except NodeError as error:
        ended = Ended("failed", {}, error)
    except asyncio.CancelledError:
        # The run has been asked to end, and that is done: there is nothing left to cancel.
        pass
    finally:
        await executor.close()
        seconds = time.monotonic() - begun
        listener(
            RunEnded(
                time=time.time(),
                place="",
                status=ended.status,
                seconds=seconds,
                outputs=ended.outputs,
                message=str(ended.error or ""),
            )
        )
    return ended


def _label(job: Job) -> Label:
    """The whole run, as the tracker shows it."""
    tags = ("radps-dag", f"library:{job.library.name}")
    return Label("", "", job.pipeline.description, tags, job.params)


def end_early(job: Job, listener: Listener) -> Ended:
    """Say of a job that it was interrupted before it could begin."""
    listener(_started(job))
    listener(RunEnded(time=time.time(), place="", status="interrupted", seconds=0.0))
    return Ended("interrupted", {})


def _outset(job: Job, run: Run, tracker: Tracker, finished: Mapping[str, Any]) -> Here:
    scope = Scope(
        params=job.params,
        run={"id": job.run, "workdir": str(job.workdir)},
        stages=finished,
    )
    return Here(run, ROOT, scope, tracker)


def _started(job: Job) -> RunStarted:
    return RunStarted(
        time=time.time(),
        place="",
        run=job.run,
        pipeline=job.pipeline.name,
        file=job.file,
        params=job.params,
        library=job.library.name,
        executor=job.executor_name,
        seed=job.seed,
        generation=job.generation,
        settings=job.settings,
        provenance=job.provenance,
    )


def _left_out(job: Job) -> list[str]:
    return [stage.id for stage in job.pipeline.stages if stage.id not in job.graph]


def _outputs(job: Job, here: Here) -> dict[str, Any]:
    """The pipeline's outputs; of a part of it, those that the part gives."""
    outputs: dict[str, Any] = {}
    for output in job.pipeline.outputs:
        try:
            outputs[output.name] = value_of(output.value, here)
        except NodeError as error:
            if not _left_out(job):
                raise NodeError(f"outputs.{output.name}", error.error, error.message) from error
    return outputs
