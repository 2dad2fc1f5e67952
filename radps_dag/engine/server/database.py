"""The database of the local server: created at once, complete before the server ends."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession, AsyncSessionTransaction

__all__ = [
    "FIRST_LINE",
    "create",
    "drain",
    "hold_events",
    "migrations_digest",
    "schema_of",
    "serialize_writes",
]

FIRST_LINE = "-- migrations sha256:"


def create(path: Path) -> bool:
    """Create an empty database with the schema that Prefect's migrations would lead to.

    The 114 migrations of an empty database take 6 to 12 s; their result is always the same. The
    schema in this package says from which migration files it was made: where Prefect brings
    others, nothing is done here (False), and Prefect migrates as ever.
    """
    schema = resources.files(__package__).joinpath("schema.sql").read_text(encoding="utf-8")
    first, _, statements = schema.partition("\n")
    if first != FIRST_LINE + migrations_digest():
        return False
    # Complete or absent: it gets its name when everything is on the disk.
    unfinished = path.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    connection = sqlite3.connect(unfinished)
    try:
        connection.executescript(f"BEGIN;\n{statements}\nCOMMIT;")
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()
    unfinished.replace(path)
    return True


def migrations_digest() -> str:
    """A digest of all of Prefect's migrations for SQLite."""
    import prefect.server.database

    folder = Path(prefect.server.database.__file__).parent / "_migrations"
    digest = hashlib.sha256()
    for path in sorted([folder / "env.py", *(folder / "versions" / "sqlite").glob("*.py")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def schema_of(path: Path) -> list[tuple[str, str, str, str]]:
    """Everything SQLite knows about the schema of a database, in order of its names."""
    connection = sqlite3.connect(path)
    try:
        return connection.execute(
            "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master ORDER BY 1, 2"
        ).fetchall()
    finally:
        connection.close()


def serialize_writes() -> None:
    """Let the server's transactions queue for the database instead of failing.

    Prefect begins SQLite transactions as readers; one that writes later than another has written
    gets SQLITE_BUSY at once, the server answers 503, and the client waits two seconds and more
    before it tries again. Ten subflows at once took 15 s like that. There is one process and one
    writer at a time: so each takes its turn, and holds the write lock from the beginning.
    """
    from prefect.server.database.configurations import AioSqliteConfiguration

    begin_as_prefect_does = AioSqliteConfiguration.begin_transaction
    turn = asyncio.Lock()
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


def hold_events() -> None:
    """Let the server hold a burst of events instead of dropping what it cannot write at once.

    Task runs reach the database as events, three for each. Prefect's in-memory queues hold 10,000
    and drop the rest, with nothing but a line in the log.
    """
    from prefect.server.utilities.messaging import memory

    class Subscription(memory.Subscription):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            # At 3 kB an event this is bounded by what the client's own queue already held.
            self._queue = asyncio.Queue(maxsize=1_000_000)

    memory.Subscription = Subscription  # type: ignore[misc]


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
