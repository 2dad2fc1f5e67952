"""The connections of a journal to its database: transactions that read, and those that write."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from radps_dag.journal.trouble import told

__all__ = ["Connection", "Connections", "Database", "Result"]

Values = Mapping[str, Any]


class Result(Protocol):
    """The result of a statement."""

    @property
    def rowcount(self) -> int:
        """Number of rows that were changed."""
        ...

    def fetchone(self) -> Any:
        """The next row, None at the end."""
        ...

    def fetchall(self) -> Sequence[Any]:
        """The rows that are left."""
        ...


class Connection(Protocol):
    """A connection inside a transaction. Statements are SQL, their values named (`:run`)."""

    def execute(self, statement: str, values: Values = ..., /) -> Result:
        """Give the database a statement."""
        ...

    def executemany(self, statement: str, values: Sequence[Values], /) -> object:
        """Give the database a statement for each of the values."""
        ...


class Database(Protocol):
    """Database of a journal: a SQLite file, or a server. Safe for use from several threads."""

    postgres: bool
    errors: tuple[type[Exception], ...]  # what its connections raise

    def transaction(self, *, reads: bool) -> contextlib.AbstractContextManager[Connection]:
        """A transaction of this thread's; one that only `reads` waits for nobody who writes."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...


class Connections:
    """A database under the name that messages have for it."""

    def __init__(self, database: Database, name: str, reading: bool) -> None:
        self.database = database
        self.name = name
        self.reading = reading

    @property
    def postgres(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.database.postgres

    def close(self) -> None:
        """Close all connections."""
        self.database.close()

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction of this thread's, which may write."""
        done = "read" if self.reading else "written"
        with self.told(done), self.database.transaction(reads=False) as connection:
            yield connection

    @contextlib.contextmanager
    def look(self) -> Iterator[Connection]:
        """A transaction that only reads, and waits for nobody who writes."""
        with self.told("read"), self.database.transaction(reads=True) as connection:
            yield connection

    def told(self, done: str) -> contextlib.AbstractContextManager[None]:
        """Errors of the database as ours."""
        return told(self.name, done, self.database.errors)
