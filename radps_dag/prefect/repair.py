"""Repair of flow runs that Prefect takes for running, though nobody drives them any more.

A process that is killed tells Prefect nothing, so that its flow runs would be shown as running for
ever. The journal knows which ones those are; the next run or resume in the workspace tells Prefect.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    TaskRunFilter,
    TaskRunFilterFlowRunId,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType, TaskRun
from prefect.client.schemas.sorting import FlowRunSort, TaskRunSort
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Crashed

from radps_dag.facts import RunEnded, Tracked, cancelled_text
from radps_dag.journal.claims import driver_of
from radps_dag.journal.rows import DamagedRun, to_row
from radps_dag.journal.store import Store
from radps_dag.prefect.contact import TROUBLE
from radps_dag.prefect.flow_states import ADVICE
from radps_dag.problem import RadpsDagError
from radps_dag.progress.asking import resume_command

__all__ = ["repair", "untold", "untold_of"]

MOST = 20  # runs that are looked at, the newest ones
PAGE = 200  # what Prefect's server gives at once
_GOING = [
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.PAUSED,
    StateType.CANCELLING,
]
_FAILED = (StateType.FAILED, StateType.CRASHED)


@dataclass(frozen=True, slots=True)
class Untold:
    """A flow run that nobody drives any more, and what Prefect is to be told of it: that its
    process crashed, that it `left` on purpose, with a question open, or that the run was
    `cancelled`, in the words of `reason`."""

    run: str
    fact: Tracked
    what: Literal["crashed", "left", "cancelled"] = "crashed"
    reason: str = ""

    @property
    def state(self) -> State[Any]:
        if self.what == "cancelled":
            return Cancelled(message=f"the run was {self.reason}")
        return _left() if self.what == "left" else _crashed(self.run)


def untold(store: Store, current: str) -> list[Untold]:
    """Flow runs of processes that have gone without a word to Prefect, with their runs.

    Of the `current` run that is every earlier process; the one that drives it now has yet to begin.
    Flow runs of other runs that wait for an answer stay as they are.
    """
    runs: list[Untold] = []
    for head in store.heads(lambda error: None)[:MOST]:
        try:
            going = untold_of(store, head.run)
            if head.run != current:
                going = [run for run in going if run.what != "left"]
            if not going:
                continue
            store.check_run(head.run)
            if head.run == current or not driver_of(store.workspace.run(head.run), store):
                runs += going
        except DamagedRun:  # nothing that could be believed is to be told of it
            continue
    return runs


def untold_of(store: Store, run: str) -> list[Untold]:
    """The same of one run. Raises DamagedRun where a row that says it is damaged."""
    going: dict[str, Untold] = {}
    latest: Untold | None = None
    for row in store.rows(run, kinds=("tracked", "run_ended"), hasty=True):
        fact = store.fact(row)
        if isinstance(fact, Tracked):
            going.pop(fact.flow_run, None)
            if fact.flow_run and not fact.told:
                latest = going[fact.flow_run] = Untold(run, fact)
        elif isinstance(fact, RunEnded) and fact.status == "paused":
            going = {id: replace(run, what="left") for id, run in going.items()}
        elif isinstance(fact, RunEnded) and fact.via == "command":
            # Whoever says so does not drive the run: nobody has told Prefect.
            going |= {latest.fact.flow_run: latest} if latest is not None else {}
            reason = cancelled_text(fact)
            going = {id: replace(run, what="cancelled", reason=reason) for id, run in going.items()}
        else:
            going.clear()  # whoever says how a run ended has told Prefect too
    return list(going.values())


async def repair(
    store: Store,
    waiting: Sequence[Untold],
    earlier: Sequence[str] = (),
    name: str = "",
    going: str = "",
) -> None:
    """Tell Prefect of each of them what has become of it. What cannot be told stays to be told.

    Of the `earlier` flow runs it is told that one of that name goes on with them. One that is
    `going` on, in a later process, stays as it is, but for what is in it."""
    try:
        async with get_client() as client:
            for notice in waiting:
                run, fact = notice.run, notice.fact
                if await _told(client, UUID(fact.flow_run), notice.state, going):
                    told = Tracked(
                        time=time.time(),
                        place="",
                        flow_run=fact.flow_run,
                        api=fact.api,
                        told=notice.what,
                    )
                    row = to_row(run, told, store.workspace)
                    await asyncio.to_thread(store.append, run, [row])
            for flow_run in earlier:
                await _went_on(client, UUID(flow_run), name)
    except (*TROUBLE, RadpsDagError, ValueError):
        return


async def _went_on(client: PrefectClient, flow_run: UUID, name: str) -> None:
    """Say of a flow run that was to be resumed which one goes on with it."""
    with suppress(ObjectNotFound):
        state = (await client.read_flow_run(flow_run)).state
        if state is not None and state.type == StateType.CRASHED:
            what = (state.message or "").partition(ADVICE)[0]
            told: State[Any] = Crashed(name=state.name, message=f"{what}; went on as {name}")
            await client.set_flow_run_state(flow_run, told, force=True)


def _crashed(run: str) -> State[Any]:
    return Crashed(message=f"its process has gone{ADVICE}{resume_command(run)}")


def _left() -> State[Any]:
    message = (
        "its process ended while a question was open; a later one goes on, as its own flow run"
    )
    return Cancelled(name="Resumed", message=message)


async def _told(client: PrefectClient, flow_run: UUID, state: State[Any], goes_on: str) -> bool:
    """Set the flow run, unless it is the one that `goes_on`, and all that is in it and has not
    ended; whether the server knows it."""
    # What was interrupted could have gone on, as what still goes on.
    going = [*_GOING, StateType.CRASHED] if state.is_cancelled() else _GOING
    try:
        flow = await client.read_flow_run(flow_run)
        if state.is_cancelled() and flow.state_type in _FAILED:
            # It had failed and could have gone on; now it is over for good.
            await client.set_flow_run_state(flow_run, state, force=True)
        level = [flow]
        while level:
            for task in await _tasks(client, [run.id for run in level], going):
                await client.set_task_run_state(task.id, state, force=True)
            for child in level:
                if child.state_type in going and str(child.id) != goes_on:
                    await client.set_flow_run_state(child.id, state, force=True)
            level = await _inside(client, [run.id for run in level])
    except ObjectNotFound:
        return False  # another server's
    return True


async def _inside(client: PrefectClient, ids: Sequence[UUID]) -> list[FlowRun]:
    parents = FlowRunFilterParentFlowRunId(any_=list(ids))
    wanted = FlowRunFilter(parent_flow_run_id=parents)
    children: list[FlowRun] = []
    while True:
        page = await client.read_flow_runs(
            flow_run_filter=wanted, sort=FlowRunSort.ID_DESC, limit=PAGE, offset=len(children)
        )
        children += page
        if len(page) < PAGE:
            return children


async def _tasks(
    client: PrefectClient, ids: Sequence[UUID], going: list[StateType]
) -> list[TaskRun]:
    """The task runs in flow runs that are in these states."""
    state = TaskRunFilterState(type=TaskRunFilterStateType(any_=going))
    wanted = TaskRunFilter(flow_run_id=TaskRunFilterFlowRunId(any_=list(ids)), state=state)
    tasks: list[TaskRun] = []
    while True:
        page = await client.read_task_runs(
            task_run_filter=wanted, sort=TaskRunSort.ID_DESC, limit=PAGE, offset=len(tasks)
        )
        tasks += page
        if len(page) < PAGE:
            return tasks
