"""Recording of many task runs by the local server: in turn, in bulk, and all of it.

Prefect's server is made for a PostgreSQL that many servers share. Here one process owns one SQLite
file, which allows what follows; docs/server.md has the measurements. Each part replaces a name
of Prefect 3.8 in this process, and nothing on the disk.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

if TYPE_CHECKING:
    from typing import Self

    from prefect.server.utilities.messaging.memory import MemoryMessage
    from sqlalchemy.ext.asyncio import AsyncSessionTransaction

__all__ = ["drain", "tune"]


def tune() -> None:
    """Do all of it; before the server's application is made."""
    turn = asyncio.Lock()
    _write_in_turn(turn)
    _write_in_bulk(turn)
    _hold_bursts()
    _keep_task_runs_out_of_the_feed()


def _write_in_turn(turn: asyncio.Lock) -> None:
    """Let transactions queue for the database instead of failing.

    Prefect begins SQLite transactions as readers; one that writes after another has written
    gets SQLITE_BUSY at once, the server answers 503, and the client waits two seconds and more
    before it tries again: 50 subflows at once took 36 s. There is one writer at a time anyway, so
    each takes its turn, and holds the write lock from the beginning.
    """
    from prefect.server.database.configurations import AioSqliteConfiguration

    begin_as_prefect_does = AioSqliteConfiguration.begin_transaction
    in_transaction = ContextVar("in_transaction", default=False)

    @asynccontextmanager
    async def begin_transaction(
        self: AioSqliteConfiguration, session: AsyncSession, with_for_update: bool = False
    ) -> AsyncIterator[AsyncSessionTransaction]:
        # Within a transaction, waiting for its end would be waiting for ever.
        if in_transaction.get():
            async with begin_as_prefect_does(self, session, with_for_update) as transaction:
                yield transaction
            return
        async with turn:
            token = in_transaction.set(True)
            try:
                async with begin_as_prefect_does(self, session, True) as transaction:
                    yield transaction
            finally:
                in_transaction.reset(token)

    AioSqliteConfiguration.begin_transaction = begin_transaction  # type: ignore[method-assign]


class Rows(Insert):
    """An INSERT that keeps the rows given to `values` beside itself."""

    inherit_cache = True
    rows: list[dict[str, Any]] | None = None

    def values(self, *args: Any, **columns: Any) -> Self:
        if len(args) == 1 and isinstance(args[0], list) and args[0] and not columns:
            kept = self._generate()
            kept.rows = args[0]
            return kept
        return super().values(*args, **columns)


class Session(AsyncSession):
    """A session that hands many rows to SQLite as rows, not as one long statement.

    SQLAlchemy compiles `INSERT ... VALUES (..), (..), ...` anew for each batch, value by value;
    that was more than half of the server's time. One compiled `INSERT` and a list of rows
    means the same. Flow runs that are scheduled come as a list of rows already.
    """

    async def execute(self, statement: Any, params: Any = None, **more: Any) -> Any:
        if params is None and isinstance(statement, Rows) and statement.rows:
            # "raw": the rows' keys are names of columns, as Prefect's rows have them.
            statement, params = statement.execution_options(dml_strategy="raw"), statement.rows
        elif isinstance(params, list) and isinstance(statement, Insert):
            # By `prefect.server.models.deployments`, of a flow run: no column, and refused by
            # SQLAlchemy 2.1.
            params = [{name: row[name] for name in row if name != "state"} for row in params]
        return await super().execute(statement, params, **more)


def _write_in_bulk(turn: asyncio.Lock) -> None:
    """Let the two writers of events use such sessions, each batch in one transaction."""
    from prefect.server.database import orm_models
    from prefect.server.database.configurations import SQLITE_BEGIN_MODE, AioSqliteConfiguration
    from prefect.server.database.query_components import AioSqliteQueryComponents
    from prefect.server.events.services import event_persister
    from prefect.server.services import task_run_recorder

    persister: Any = event_persister  # it exports none of what it uses

    many = (orm_models.TaskRun, orm_models.TaskRunState, orm_models.Event, orm_models.EventResource)

    def insert(self: AioSqliteQueryComponents, model: Any) -> Insert:
        return Rows(model) if model in many else Insert(model)

    async def session(self: AioSqliteConfiguration, engine: AsyncEngine) -> AsyncSession:
        return Session(engine, expire_on_commit=False)

    def in_one_transaction(
        write: Callable[..., Awaitable[None]],
    ) -> Callable[..., Awaitable[None]]:
        @wraps(write)
        async def written(*args: Any, **more: Any) -> None:
            async with turn:
                token = SQLITE_BEGIN_MODE.set("IMMEDIATE")
                try:
                    await write(*args, **more)
                finally:
                    SQLITE_BEGIN_MODE.reset(token)

        return written

    AioSqliteConfiguration.session = session  # type: ignore[method-assign]
    AioSqliteQueryComponents.insert = insert  # type: ignore[method-assign, assignment]
    task_run_recorder._record_bulk_task_run_events = in_one_transaction(  # type: ignore[assignment]
        task_run_recorder._record_bulk_task_run_events
    )
    persister.write_events = in_one_transaction(persister.write_events)


def _hold_bursts() -> None:
    """Hold what cannot be written at once instead of dropping it.

    Task runs arrive as events, three for each. Prefect's in-memory queues hold 10,000 and drop the
    rest, with nothing but a line in the log.
    """
    from prefect.server.utilities.messaging import memory

    class Subscription(memory.Subscription):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            # 3 kB an event, which the client held in a queue without a bound before.
            self._queue = asyncio.Queue(maxsize=1_000_000)

    def copied(message: MemoryMessage, _memo: Any) -> MemoryMessage:
        # Each subscription counts its own attempts; the rest of a message is never changed.
        return replace(message)

    memory.Subscription = Subscription  # type: ignore[misc]
    memory.MemoryMessage.__deepcopy__ = copied  # type: ignore[attr-defined]


def _keep_task_runs_out_of_the_feed() -> None:
    """Do not write the states of task runs a second time, as entries of the event feed.

    They are in the tables of task runs and their states, which the page shows. Events of flow
    runs, and the pipelines' own, stay in the feed.
    """
    from prefect.server.events.services import event_persister

    persister: Any = event_persister
    create_consumer = persister.create_consumer

    def create(*args: Any, **more: Any) -> Any:
        consumer: Any = create_consumer(*args, **more)
        deliver = consumer.subscription.deliver

        async def deliver_others(message: MemoryMessage) -> None:
            if not message.attributes.get("event", "").startswith("prefect.task-run."):
                await deliver(message)

        consumer.subscription.deliver = deliver_others
        return consumer

    persister.create_consumer = create


async def drain(patience: float = 20.0) -> None:
    """Wait until the events that have arrived are in the hands of those who write them.

    Prefect's server drops what its in-memory queues still hold when it ends; the writers
    themselves write out what they have.
    """
    from prefect.server.utilities.messaging.memory import Topic

    give_up = time.monotonic() + patience
    while time.monotonic() < give_up:
        waiting = [
            subscription
            for topic in Topic._topics.values()
            for subscription in topic._subscriptions
            if not (subscription._queue.empty() and subscription._retry.empty())
        ]
        if not waiting:
            return
        await asyncio.sleep(0.05)
