"""Flow runs, made in as few calls to Prefect's server as it takes.

That of a run is driven by Prefect's engine, which would make it in many calls and send the name in
one of its own; here the name goes along. A subflow has no engine: what is in it begins at once, and
that it began, and what became of it, is told meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar
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

__all__ = ["Around", "FlowRuns", "flow_run_around", "run_flow", "run_subflow"]

T = TypeVar("T")

_logger = logging.getLogger("prefect.flow_runs")


@dataclass(slots=True)
class FlowRuns:
    """The flow runs of a run, as far as they share something: the ids of flows by name, or the
    promise of one (stages may ask at the same time); and what Prefect is being told."""

    contact: Contact
    flows: dict[str, asyncio.Task[UUID]] = field(default_factory=dict)
    telling: set[asyncio.Task[Any]] = field(default_factory=set)

    def soon(self, telling: Coroutine[Any, Any, T]) -> asyncio.Task[T | None]:
        """Tell Prefect something for which nothing waits but the end of the run. It gives None
        where Prefect could not be told."""
        task = asyncio.create_task(self._despite_trouble(telling))
        self.telling.add(task)
        task.add_done_callback(self.telling.discard)
        return task

    async def told(self) -> None:
        """Wait until all of it is told."""
        while self.telling:
            await asyncio.wait(self.telling)

    async def _despite_trouble(self, telling: Coroutine[Any, Any, T]) -> T | None:
        try:
            return await telling
        except ObjectNotFound:  # somebody has deleted it
            return None
        except Exception as error:  # noqa: BLE001  # nothing of Prefect's ends a run that computes
            self.contact.lose(error)
            return None

    def flow(self, client: PrefectClient, name: str) -> asyncio.Task[UUID]:
        """Return the promise of a flow's id. It is asked for once, from now on."""
        if name not in self.flows:
            self.flows[name] = asyncio.create_task(client.create_flow_from_name(name))
            # Several may wait for it, or none any more.
            self.flows[name].add_done_callback(lambda told: told.cancelled() or told.exception())
        return self.flows[name]

    async def make(
        self,
        client: PrefectClient,
        flow: str,
        name: str,
        parameters: Mapping[str, Any],
        tags: Sequence[str],
        stand_in: UUID | None = None,
    ) -> FlowRun:
        """Make a flow run that is running. `stand_in` is its task run in the flow run around it."""
        created = FlowRunCreate(
            flow_id=await asyncio.shield(self.flow(client, flow)),
            name=name,
            # JSON as it is: what makes it so in Prefect imports its whole web framework first.
            parameters=dict(parameters),
            tags=list(tags),
            parent_task_run_id=stand_in,
            state=to_state_create(Running()),
        )
        response = await client.request(
            "POST", "/flow_runs/", json=created.model_dump(mode="json", exclude_unset=True)
        )
        flow_run = FlowRun.model_validate(response.json())
        flow_run.parameters = dict(parameters)
        return flow_run


@dataclass(frozen=True, slots=True)
class Around:
    """The flow run of a place: its name, and its id or the promise of it."""

    name: str
    made: UUID | asyncio.Task[UUID | None]

    async def id(self) -> UUID | None:
        """Return its id; None where Prefect could not be told of it."""
        return self.made if isinstance(self.made, UUID) else await asyncio.shield(self.made)


def flow_run_around() -> Around | None:
    """Return the flow run of this place, if it has one."""
    if (subflow := _subflow.get()) is not None:
        return subflow
    context = FlowRunContext.get()
    flow_run = None if context is None else context.flow_run
    return None if flow_run is None else Around(flow_run.name, flow_run.id)


# The innermost subflow; the flow run of the run is in Prefect's own context.
_subflow: ContextVar[Around | None] = ContextVar("subflow", default=None)


async def run_subflow(
    flow: str,
    name: str,
    parameters: Mapping[str, Any],
    tags: Sequence[str],
    flow_runs: FlowRuns,
    body: Callable[[], Awaitable[State[Any]]],
) -> None:
    """Run a body, which gives the state it ends in, as a flow run inside the one around it."""
    outer = flow_run_around()

    async def make() -> UUID | None:
        async with get_client() as client:
            flow_runs.flow(client, flow)  # beside the task run that stands for it
            stand_in = None
            if outer is not None:
                if (inside := await outer.id()) is None:
                    return None
                task = Task(name=flow, fn=_nothing)
                stand_in = (await client.create_task_run(task, inside, str(uuid4()), name=name)).id
            flow_run = await flow_runs.make(client, flow, name, parameters, tags, stand_in)
        ids = {"flow_run_id": str(flow_run.id)}
        _logger.info("Beginning subflow run %r for flow %r", name, flow, extra=ids)
        return flow_run.id

    async def tell(state: State[Any]) -> None:
        if (flow_run := await around.id()) is None:
            return
        async with get_client() as client:
            await client.set_flow_run_state(flow_run, state)
        level = logging.INFO if state.is_completed() else logging.ERROR
        shown = f"{state.name}({state.message!r})" if state.message else f"{state.name}()"
        _logger.log(level, "Finished in state %s", shown, extra={"flow_run_id": str(flow_run)})

    around = Around(name, flow_runs.soon(make()))
    before = _subflow.set(around)
    try:
        state = await body()
    finally:
        _subflow.reset(before)
    flow_runs.soon(tell(state))


async def _nothing() -> None:
    """The function of a task run that stands for a subflow."""


async def run_flow(
    flow: Flow[Any, Any],
    name: str,
    parameters: Mapping[str, Any],
    tags: Sequence[str],
    flow_runs: FlowRuns,
    early: Callable[[], State[Any]],
    adopted: str = "",
) -> None:
    """Run a flow under a name. `early` is the state of one that is told to end. `adopted` is the id
    of a flow run that is there already, and runs.

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
        return await self.flow_runs.make(
            client, self.flow.name, self.run_name, self.parameters or {}, self.tags
        )
