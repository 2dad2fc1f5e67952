"""Calls to task runs, told to Prefect's server as its own engine tells them: by events.

Prefect's engine has parameters, results, transactions and hooks for each task run. No call here has
any of those, and what is left is a row on the page: a name, tags, a parent, and a state for each
thing that happens. So that is made here, and sent many at a time; no call waits for it. Only one
with tags waits, where Prefect has a limit for a tag.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from httpx import HTTPStatusError
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import ConcurrencyLeaseHolder, State, StateType
from prefect.concurrency._asyncio import concurrency
from prefect.events import emit_event
from prefect.states import Failed

from radps_dag.engine.attempts import Plan
from radps_dag.engine.tracker import Label
from radps_dag.outcome import NodeError
from radps_dag.prefect.body_state import Ending
from radps_dag.prefect.contact import TROUBLE, Contact
from radps_dag.prefect.flow_runs import flow_run_around

__all__ = ["TaskRuns", "task_run_around"]

EVERY = 0.2  # seconds in which events gather before they are sent
MOST = 200  # events of a request
LONGEST = 100_000  # letters of a message, as Prefect cuts them
LEASE = 60.0  # seconds that a place under a limit is kept of who is not heard of any more
# Beyond this Prefect takes the order of two events from their times alone.
CLOSE = timedelta(minutes=5)

Event = dict[str, Any]

_logger = logging.getLogger("prefect.task_runs")


class TaskRuns:
    """The task runs of a run, and what Prefect is still to be told of them."""

    def __init__(self, contact: Contact) -> None:
        self._contact = contact
        self._untold: deque[tuple[_TaskRun, Event]] = deque()
        self._telling: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    async def run(
        self,
        label: Label,
        plan: Plan,
        ending: Ending[Any],
        body: Callable[[int], Awaitable[Any]],
        early: Callable[[], State[Any]],
    ) -> None:
        """Run the body until it succeeds or the plan ends, as a task run of the flow run around.

        How the body ended is in `ending`. `early` is the state of one that is told to end while it
        waits for a limit, or for its next attempt.
        """
        task_run = _TaskRun(label, plan)
        around = _around.set(task_run)
        limits = AsyncExitStack()
        try:
            if label.tags:
                self._tell(task_run, task_run.enter("Pending", StateType.PENDING))
                turn = self._take_turn(limits, label.tags, task_run.id, label.place)
                await self._waiting(task_run, turn, early)
            while True:
                name = "Retrying" if ending.attempts else "Running"
                self._tell(task_run, task_run.enter(name, StateType.RUNNING))
                state = await ending.of(lambda: body(ending.attempts))
                error, attempts = ending.error, ending.attempts
                if not isinstance(error, NodeError) or not plan.again(attempts, error):
                    break
                delay = plan.delays[attempts - 1]
                due = datetime.now(UTC) + timedelta(seconds=delay)
                self._tell(task_run, task_run.enter("AwaitingRetry", StateType.SCHEDULED, due=due))
                await self._waiting(task_run, asyncio.sleep(delay), early)
            self._tell(task_run, task_run.end(state))
        finally:
            _around.reset(around)
            await self._despite_trouble(limits.aclose())

    async def _waiting(
        self, task_run: _TaskRun, waiting: Awaitable[object], early: Callable[[], State[Any]]
    ) -> None:
        """Wait; one that is told to end meanwhile has ended on the page as well."""
        try:
            await waiting
        except asyncio.CancelledError:
            self._tell(task_run, task_run.end(early()))
            raise
        except NodeError as error:
            self._tell(task_run, task_run.end(Failed(message=str(error))))
            raise

    async def _take_turn(
        self, limits: AsyncExitStack, tags: Sequence[str], task_run: str, place: str
    ) -> None:
        """Wait until Prefect's limits for these tags let one more run, as its own engine does.
        Raises NodeError where they never will."""
        turn = concurrency(
            [f"tag:{tag}" for tag in dict.fromkeys(tags)],  # a tag named twice takes one place
            holder=ConcurrencyLeaseHolder(type="task_run", id=UUID(task_run)),
            lease_duration=LEASE,
            suppress_warnings=True,  # of tags that have no limit
        )
        try:
            await self._despite_trouble(limits.enter_async_context(turn))
        except Exception as error:  # of Prefect's, which refuses: no call fits into a limit of 0
            raise NodeError(place, "PrefectError", str(error)) from error

    async def _despite_trouble(self, asking: Awaitable[object]) -> None:
        try:
            await asking
        except TROUBLE as error:
            self._contact.lose(error)

    async def told(self) -> None:
        """Wait until all of it is told."""
        self._ended.set()
        if self._telling is not None:
            await asyncio.wait({self._telling})

    def _tell(self, task_run: _TaskRun, event: Event) -> None:
        if self._contact.lost:
            return
        self._untold.append((task_run, event))
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._send())

    async def _send(self) -> None:
        async with get_client() as client:
            while self._untold and not self._contact.lost:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), EVERY)
                events: list[Event] = []
                while self._untold and len(events) < MOST:
                    task_run, event = self._untold.popleft()
                    if await task_run.settled(event):
                        events.append(event)
                if events:
                    await self._send_together(client, events)

    async def _send_together(self, client: PrefectClient, events: list[Event]) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            await client.request("POST", "/events", content=json.dumps(events), headers=headers)
        except HTTPStatusError as error:
            if error.response.is_server_error:
                self._contact.lose(error)
                return
            # One that is refused must not take the others along; and not all servers take many.
            for event in events:
                with suppress(Exception):  # too large, or the sender is over
                    emit_event(**_one(event))
        except TROUBLE as error:
            self._contact.lose(error)


class _TaskRun:
    """A task run, and the last of its states."""

    def __init__(self, label: Label, plan: Plan) -> None:
        parent = task_run_around()
        self.id = str(uuid4())
        self.around = flow_run_around()
        self._flow_run: UUID | None = None
        self._name = label.name
        # All its events have this list; the flow run is added once its id is known.
        self._related = [
            {"prefect.resource.id": f"prefect.tag.{tag}", "prefect.resource.role": "tag"}
            for tag in sorted(label.tags)
        ]
        self._told: dict[str, Any] = {
            "name": label.name,
            "task_key": label.path or "run",
            "dynamic_key": self.id,
            "empirical_policy": {"retries": len(plan.delays), "retry_delay": list(plan.delays)},
            "tags": sorted(label.tags),
            "task_inputs": {"__parents__": [{"input_type": "task_run", "id": parent}]}
            if parent
            else {},
            "run_count": 0,
            "flow_run_run_count": 1,
            "total_run_time": 0.0,
        }
        self._state: dict[str, Any] | None = None
        self._event: Event = {}
        self._entered = datetime.now(UTC)

    def enter(
        self, name: str, kind: StateType, message: str = "", due: datetime | None = None
    ) -> Event:
        """The event of its next state; `due` is when it goes on."""
        # No two states of a task run have one time: the later one would be lost.
        now = max(datetime.now(UTC), self._entered + timedelta(microseconds=1))
        last, before = self._state, self._event
        state = {
            "type": kind.value,
            "name": name,
            "message": message[:LONGEST],
            "state_details": {} if due is None else {"scheduled_time": due.isoformat()},
        }
        told = self._told = dict(self._told)
        if last is not None and last["type"] == StateType.RUNNING.value:
            told["total_run_time"] += (now - self._entered).total_seconds()
        if kind is StateType.RUNNING:
            told["run_count"] += 1
            told.setdefault("expected_start_time", now.isoformat())
            told.setdefault("start_time", now.isoformat())
        elif due is None:
            told["end_time"] = now.isoformat()
        close = bool(before) and now - self._entered < CLOSE
        self._state, self._entered = state, now
        self._event = {
            "id": str(uuid4()),
            "occurred": now.isoformat(),
            "event": f"prefect.task-run.{name}",
            "follows": before["id"] if close else None,
            "resource": {
                "prefect.resource.id": f"prefect.task-run.{self.id}",
                "prefect.resource.name": self._name,
                "prefect.run-count": str(told["run_count"]),
                "prefect.state-message": state["message"],
                "prefect.state-name": name,
                "prefect.state-timestamp": now.isoformat(),
                "prefect.state-type": kind.value,
                "prefect.orchestration": "client",
            },
            "related": self._related,
            "payload": {
                "intended": {"from": last and last["type"], "to": kind.value},
                "initial_state": last,
                "validated_state": {**state, "data": None},
                "task_run": told,
            },
        }
        return self._event

    def end(self, state: State[Any]) -> Event:
        """The event of its last state."""
        return self.enter(state.name or "", state.type, state.message or "")

    async def settled(self, event: Event) -> bool:
        """Whether Prefect can be told of the event: it knows the flow run. The page has a line for
        each task run that failed."""
        if self.around is not None and self._flow_run is None:
            self._flow_run = await self.around.id()
            if self._flow_run is None:
                return False
            self._related.append(
                {
                    "prefect.resource.id": f"prefect.flow-run.{self._flow_run}",
                    "prefect.resource.role": "flow-run",
                    "prefect.resource.name": self.around.name,
                }
            )
        state = event["payload"]["validated_state"]
        if state["type"] == StateType.FAILED.value:
            ids = {"flow_run_id": self._flow_run, "task_run_id": self.id}
            _logger.error("Task run failed: %s", state["message"], extra=ids)
        return True


# The task run around a call.
_around: ContextVar[_TaskRun | None] = ContextVar("task run", default=None)


def _one(event: Event) -> dict[str, Any]:
    """An event as Prefect's own sender takes it."""
    named = {name: event[name] for name in ("id", "event", "resource", "related", "payload")}
    return {**named, "occurred": datetime.fromisoformat(event["occurred"])}


def task_run_around() -> str:
    """Return the id of the task run of this place in its flow run; "" if there is none."""
    task_run = _around.get()
    inside = task_run is not None and task_run.around == flow_run_around()
    return task_run.id if task_run is not None and inside else ""
