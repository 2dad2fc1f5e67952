"""A flow run, made in as few calls to Prefect's server as it takes.

Prefect itself asks for the flow's id, looks for an earlier run to take up and sends the name in a
call of its own, for each of hundreds of subflows. Here the id is kept, the name goes along when the
run is made, and a new group is known to be new. What became of a subflow is told while the run
goes on. Everything else is Prefect's engine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from prefect import Flow, Task
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import FlowRunCreate
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import ObjectNotFound
from prefect.flow_engine import AsyncFlowRunEngine
from prefect.states import Running, to_state_create

from radps_dag.prefect.contact import TROUBLE, Contact

__all__ = ["FlowRuns", "run_flow"]


@dataclass(slots=True)
class FlowRuns:
    """The flow runs of a run, as far as they share something: the ids of flows by name, or the
    promise of one (stages may ask at the same time); and what Prefect is being told."""

    contact: Contact
    flows: dict[str, asyncio.Task[UUID]] = field(default_factory=dict)
    telling: set[asyncio.Task[None]] = field(default_factory=set)

    def tell(self, client: PrefectClient, flow_run: UUID, state: State[Any], force: bool) -> None:
        """Tell of the last state of a flow run, for which nothing waits but the end of the run."""
        telling = asyncio.create_task(self._tell(client, flow_run, state, force))
        self.telling.add(telling)
        telling.add_done_callback(self.telling.discard)

    async def told(self) -> None:
        """Wait until all of it is told."""
        while self.telling:
            await asyncio.wait(self.telling)

    async def _tell(
        self, client: PrefectClient, flow_run: UUID, state: State[Any], force: bool
    ) -> None:
        try:
            await client.set_flow_run_state(flow_run, state, force=force)
        except TROUBLE as error:
            self.contact.lose(error)
        except ObjectNotFound:  # somebody has deleted it
            return


async def run_flow(
    flow: Flow[Any, Any],
    name: str,
    parameters: Mapping[str, Any],
    tags: Sequence[str],
    flow_runs: FlowRuns,
    early: Callable[[], State[Any]],
    adopted: str = "",
) -> None:
    """Run a flow under a name; inside another flow it is a subflow of that. `early` is the state
    of one that is told to end. `adopted` is the id of a flow run that is there already, and runs.

    The tags are the flow run's own. Prefect would hand them down to every task run inside, and ask
    its server about each of those whether a limit goes with the tag.
    """
    engine = _Engine(
        flow=flow,
        parameters=dict(parameters),
        run_name=name,
        tags=tuple(tags),
        flow_runs=flow_runs,
        adopted=adopted,
    )
    try:
        async with engine.start():
            while engine.is_running():
                async with engine.run_context():
                    # Its type says that it gives a coroutine; it gives the function's result.
                    _ = await engine.call_flow_fn()
    except asyncio.CancelledError:
        # Cancelled between two calls to the server: to Prefect that is a crash, or nothing at all.
        if engine.flow_run is not None and not flow_runs.contact.lost:
            with suppress(*TROUBLE):
                async with get_client() as client:
                    await client.set_flow_run_state(engine.flow_run.id, early(), force=True)
        raise


@dataclass
class _Engine(AsyncFlowRunEngine[Any, Any]):
    run_name: str = ""
    tags: tuple[str, ...] = ()
    adopted: str = ""
    flow_runs: FlowRuns = field(kw_only=True)

    async def set_state(self, state: State[Any], force: bool = False) -> State[Any]:
        if state.is_paused():
            # As it is shown already; the engine alone is to know that there is no more to do.
            self.flow_run.state = state  # type: ignore[union-attr]
            return state
        run = self.flow_run
        if state.is_final() and run is not None and run.parent_task_run_id is not None:
            run.state, run.state_type, run.state_name = state, state.type, state.name
            self.flow_runs.tell(self.client, run.id, state, force)
            return state
        try:
            return await super().set_state(state, force)
        except TROUBLE as error:
            # Known at once: Prefect would try to tell the server that it failed to tell it.
            self.flow_runs.contact.lose(error)
            raise

    async def begin_run(self) -> State[Any]:
        """It runs since it was made: nobody can have held it back or cancelled it in between."""
        return self.state

    async def create_flow_run(self, client: PrefectClient) -> FlowRun:
        making = asyncio.create_task(self._made(client))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            # The server may have made it already; it must not stay pending there for ever.
            self.flow_run = await making
            raise

    async def _made(self, client: PrefectClient) -> FlowRun:
        if self.adopted:
            there = await client.read_flow_run(UUID(self.adopted))
            tags = {*there.tags, *self.tags}
            await client.update_flow_run(there.id, name=self.run_name, tags=tags)
            return there
        flow, flows = self.flow, self.flow_runs.flows
        if flow.name not in flows:
            flows[flow.name] = asyncio.create_task(client.create_flow(flow))
        parent = await self._tracking_task_run(client)
        created = FlowRunCreate(
            flow_id=await asyncio.shield(flows[flow.name]),
            flow_version=flow.version,
            name=self.run_name,
            # JSON as it is: what makes it so in Prefect imports its whole web framework first.
            parameters=self.parameters or {},
            tags=list(self.tags),
            parent_task_run_id=parent,
            state=to_state_create(Running()),
        )
        response = await client.request(
            "POST", "/flow_runs/", json=created.model_dump(mode="json", exclude_unset=True)
        )
        flow_run = FlowRun.model_validate(response.json())
        flow_run.parameters = self.parameters or {}
        return flow_run

    async def _tracking_task_run(self, client: PrefectClient) -> UUID | None:
        """The task run that stands for this flow in the one around it."""
        around = FlowRunContext.get()
        if around is None or around.flow_run is None:
            return None
        stand_in = Task(name=self.flow.name, fn=self.flow.fn, version=self.flow.version)
        task_run = await client.create_task_run(
            stand_in, around.flow_run.id, str(uuid4()), name=self.run_name
        )
        return task_run.id
