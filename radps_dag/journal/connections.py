"""The connections of a journal to its database: transactions that read, and those that write."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from radps_dag.journal.trouble import told

__all__ = ["Connections"]


class Connections:
    """Safe for use from several threads; each transaction has a connection of its own or that of
    the thread."""

    def __init__(self, engine: Engine, name: str, reading: bool) -> None:
        self.name = name
        self.reading = reading
        self._engine = engine
        self._local = threading.local()
        self._all: list[Connection] = []

    @property
    def postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self._engine.dialect.name == "postgresql"

    def close(self) -> None:
        """Close all connections."""
        for connection in self._all:
            with contextlib.suppress(SQLAlchemyError, sqlite3.Error):
                connection.close()
        self._all.clear()
        self._local = threading.local()
        self._engine.dispose()

    def connect(self) -> Connection:
        """A connection of the caller's own. Raises RadpsDagError."""
        with self.told("opened"):
            return self._engine.connect()

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction of this thread's, which may write."""
        with (
            self.told("read" if self.reading else "written"),
            self._connection(reads=False) as connection,
        ):
            yield connection

    @contextlib.contextmanager
    def look(self) -> Iterator[Connection]:
        """A transaction that only reads, and waits for nobody who writes."""
        with self.told("read"), self._connection(reads=True) as connection:
            yield connection

    @contextlib.contextmanager
    def _connection(self, *, reads: bool) -> Iterator[Connection]:
        if self.postgres:
            # From the pool, which replaces connections that have broken in the meantime.
            with self._engine.connect() as connection:
                if reads:
                    # All that is read is of one moment, as in SQLite.
                    connection.execution_options(isolation_level="REPEATABLE READ")
                with connection.begin():
                    yield connection
        else:
            connection = self._mine().execution_options(radps_reads=reads)
            with connection.begin():
                yield connection

    def told(self, done: str) -> contextlib.AbstractContextManager[None]:
        """Errors of the database as ours."""
        return told(self.name, done)

    def _mine(self) -> Connection:
        found: Connection | None = getattr(self._local, "connection", None)
        if found is None or found.closed or found.invalidated:
            found = self._local.connection = self._engine.connect()
            self._all.append(found)
        return found
