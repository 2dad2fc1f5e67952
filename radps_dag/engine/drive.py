"""A run: the stages driven to their end, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from radps_dag.context.declaring import as_recorded, declared_by
from radps_dag.engine.job import Job
from radps_dag.engine.level import run_level
from radps_dag.engine.live_context import LiveContext, asks_for_context
from radps_dag.engine.nodes import run_node
from radps_dag.engine.run import NodeContext, Run, Settled, at_once, nobody, outermost, value_of
from radps_dag.engine.slots import Slots
from radps_dag.engine.tracker import Label, Tracker
from radps_dag.engine.waits import keeping_occupancy
from radps_dag.executors.call import MOMENT, Executor
from radps_dag.facts import NOT_SELECTED, Listener, NodeSkipped, Noted, RunEnded, RunStarted
from radps_dag.journal.cancelled import CancelRequest
from radps_dag.outcome import NodeError
from radps_dag.problem import RadpsDagError
from radps_dag.qa import Overrides
from radps_dag.questions.prompts import Prompts
from radps_dag.reuse.cache import ResultCache
from radps_dag.sealed import Secrets

__all__ = ["Ended", "drive", "end_early"]

Status = Literal["succeeded", "failed", "interrupted", "paused", "cancelled"]


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a run."""

    status: Status
    outputs: Mapping[str, Any]
    error: NodeError | None = None
    wish: CancelRequest | None = None  # of who has cancelled it


async def drive(
    job: Job,
    executor: Executor,
    tracker: Tracker,
    listener: Listener,
    result_cache: ResultCache | None = None,
    settled: Settled = at_once,
    live_context: LiveContext | None = None,
    prompts: Prompts | None = None,
    shows: Listener = nobody,
    occupancy: Path | None = None,
) -> Ended:
    """Run the job. What fails in it is in the result; a cancelled run says so and is over.

    `result_cache` has what need not be made again; `settled` waits until what was said is durable;
    `live_context` keeps the context, if it did so before; people are asked through `prompts`, and
    `shows` is told what the journal knows already. What calls wait for is kept in the file
    `occupancy` meanwhile.
    Raises RadpsDagError where the result cache is damaged.
    """
    listener(_started(job, executor.slots))
    if result_cache is not None:
        result_cache.begin(job.visibility(), job.adopted)
        result_cache.tell(lambda why: listener(_warning(why)))
    for id in job.left_out:
        listener(NodeSkipped(time=time.time(), place=id, reason=NOT_SELECTED))
    finished: dict[str, Any] = dict(job.reused or {})
    run = Run(
        job=job,
        executor=executor,
        slots=Slots(executor.slots, job.memory, job.gpus),
        listener=listener,
        result_cache=result_cache,
        settled=settled,
        live_context=live_context or job.live_context(),
        prompts=prompts,
        shows=shows,
        limits=Overrides.of(job.settings.thresholds),
        secrets=Secrets.of(job.params),
    )
    here = outermost(run, job.scope(finished), tracker)

    async def all_stages() -> Mapping[str, Any]:
        try:
            await run_level(job.graph, here, finished, run_node)
        except NodeError:
            # What failed may have got the signal that is about to end this run.
            await asyncio.sleep(MOMENT)
            raise
        return _outputs(job, here)

    ended = Ended("interrupted", {})
    minding = asyncio.create_task(_mind(tracker, asyncio.current_task(), prompts))
    trouble: RadpsDagError | None = None
    try:
        # What nobody could resume is not begun: the run itself is in the journal first.
        await settled()
        label = _label(job)
        async with keeping_occupancy(occupancy, job, run.slots, executor):
            ended = Ended("succeeded", await here.tracker.group(label, all_stages))
        await settled()
    except NodeError as error:
        ended = Ended("failed", {}, error)
    except asyncio.CancelledError:
        # The run has been asked to end, and that is done: there is nothing left to cancel.
        ended = _asked_to_end(prompts)
    except BaseExceptionGroup as errors:
        # No node failed, but what all of them stand on: what earlier runs left is damaged.
        trouble = _first_of_ours(errors)
        if trouble is None:
            raise
        ended = Ended("failed", {})
    finally:
        minding.cancel()
        try:
            await executor.close()
        finally:
            if ended.status == "failed" and _cancelling():
                # A signal that came meanwhile ended the run, whoever has swallowed the cancel.
                ended = _asked_to_end(prompts)
            listener(_ended(ended, here.clock.took, trouble))
    if trouble is not None:
        raise trouble
    return ended


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _asked_to_end(prompts: Prompts | None) -> Ended:
    """The ending of a run that was cancelled by a person, a signal, or the last open question."""
    wish = prompts.closed if prompts is not None else None
    if wish is not None:
        return Ended("cancelled", {}, wish=wish)
    detached = prompts is not None and prompts.detached
    return Ended("paused" if detached else "interrupted", {})


def _ended(ended: Ended, seconds: float, trouble: RadpsDagError | None) -> RunEnded:
    wish = ended.wish
    return RunEnded(
        time=time.time(),
        place="",
        status=ended.status,
        seconds=seconds,
        outputs=ended.outputs,
        message=wish.reason if wish is not None else str(ended.error or trouble or ""),
        by=wish.by if wish is not None else "",
        via=wish.via if wish is not None else "",
    )


async def _mind(tracker: Tracker, run: asyncio.Task[Any] | None, prompts: Prompts | None) -> None:
    """End the run for good, in order, when somebody cancels it where it is tracked."""
    with contextlib.suppress(Exception):  # whatever it is, the run does not depend on it
        await tracker.cancelled()
        if run is not None and prompts is not None:
            prompts.close()
            run.cancel()


def _first_of_ours(errors: BaseExceptionGroup[BaseException]) -> RadpsDagError | None:
    """The error that a person is to be told, if there is nothing else."""
    if errors.split(RadpsDagError)[1] is not None:
        return None
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first if isinstance(first, RadpsDagError) else None


def _warning(message: str) -> Noted:
    return Noted(time=time.time(), place="", message=message, level="warning")


def _label(job: Job) -> Label:
    """The whole run, as the tracker shows it."""
    tags = ("radps-dag", f"library:{job.library.name}")
    return Label("", "", job.pipeline.description, tags, job.params)


def end_early(job: Job, listener: Listener) -> Ended:
    """Say of a job that it was interrupted before it could begin."""
    listener(_started(job))
    listener(RunEnded(time=time.time(), place="", status="interrupted", seconds=0.0))
    return Ended("interrupted", {})


def _started(job: Job, slots: int = 0) -> RunStarted:
    return RunStarted(
        time=time.time(),
        place="",
        run=job.run,
        pipeline=job.pipeline.name,
        file=job.settings.file,
        params=job.params,
        library=job.library.name,
        executor=job.settings.executor,
        seed=job.settings.seed,
        generation=job.generation,
        settings=job.settings.recorded(),
        provenance=_provenance(job),
        spent=job.spent,
        slots=slots,
    )


def _provenance(job: Job) -> Mapping[str, Any]:
    """Provenance, plus the declarations of the context that a reader needs to replay it."""
    declared = declared_by(job.pipeline)
    if not declared and not asks_for_context(job.pipeline, job.library):
        return job.provenance.recorded()
    return {
        **job.provenance.recorded(),
        "context": as_recorded(declared, job.order(), job.adopted),
    }


def _outputs(job: Job, here: NodeContext) -> dict[str, Any]:
    """The pipeline's outputs; of a part of it, those that the part gives."""
    outputs: dict[str, Any] = {}
    for output in job.pipeline.outputs:
        try:
            outputs[output.name] = value_of(output.value, here)
        except NodeError as error:
            if not job.left_out:
                raise NodeError(f"outputs.{output.name}", error.error, error.message) from error
    return outputs
