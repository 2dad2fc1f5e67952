"""A database server that SQLAlchemy reaches: its pool of connections, and sessions that last."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from radps_dag.journal.connections import Connection, Result
from radps_dag.problem import UsageError
from radps_dag.storage.addresses import redacted

__all__ = ["Server", "Session", "file_of"]

_text = cache(sqlalchemy.text)


def file_of(url: str) -> str:
    """The file of a SQLite URL, "" of another one. Raises UsageError."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return ""
    if not parsed.database or parsed.database == ":memory:":
        raise UsageError(f"{url}: a journal in memory is lost with the run; name a file")
    return str(parsed.database)


def _parsed(url: str) -> sqlalchemy.URL:
    try:
        return sqlalchemy.make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter of a port that is no number
        raise UsageError(
            f"{redacted(url)!r} is not a URL of a database, such as "
            "postgresql://user@host/database or sqlite:///path"
        ) from error


class Server:
    """The database of a URL. Connections that have broken are replaced."""

    errors: tuple[type[Exception], ...] = (SQLAlchemyError,)

    def __init__(self, url: str) -> None:
        parsed = _parsed(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        self.name = redacted(parsed.set(drivername=url.partition("://")[0]).render_as_string())
        try:
            self._engine = sqlalchemy.create_engine(parsed, pool_pre_ping=True)
        except (NoSuchModuleError, ImportError) as error:
            raise UsageError(
                f"{self.name}: no driver for this database ({error}); for PostgreSQL: "
                "pip install 'radps-dag[postgres]'"
            ) from error
        self.postgres = self._engine.dialect.name == "postgresql"

    def close(self) -> None:
        """Close all connections of the pool."""
        self._engine.dispose()

    @contextlib.contextmanager
    def transaction(self, *, reads: bool) -> Iterator[Connection]:
        """A transaction, with a connection from the pool."""
        with self._engine.connect() as connection:
            if reads:
                # All that is read is of one moment, as in SQLite.
                connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield _Texts(connection)

    def session(self) -> Session:
        """A connection of the caller's own."""
        return Session(self._engine.connect())


class Session:
    """A connection that lasts, and the locks that it holds."""

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection

    def lock(self, space: int, number: int, patience: float) -> bool:
        """Whether the lock was got, which lasts as long as the session."""
        give_up = time.monotonic() + patience
        values = {"space": space, "number": number}
        take = _text("SELECT pg_try_advisory_lock(:space, :number)").bindparams(**values)
        # The server needs a moment to see that a process which held it was killed.
        while not (got := self._connection.scalar(take)) and time.monotonic() < give_up:
            time.sleep(0.02)
        self._connection.commit()
        return bool(got)

    def end(self) -> None:
        """Give up what was locked."""
        with contextlib.suppress(SQLAlchemyError):
            self._connection.execute(_text("SELECT pg_advisory_unlock_all()"))
            self._connection.commit()
        # If that went wrong, the session ends, and with it what it had locked.
        self._connection.invalidate()
        self.close()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


class _Texts:
    """A connection that is given SQL as text."""

    def __init__(self, connection: sqlalchemy.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Mapping[str, Any] | None = None) -> Result:
        return self._connection.execute(_text(statement), dict(values or {}))

    def executemany(self, statement: str, values: Sequence[Mapping[str, Any]]) -> Result:
        return self._connection.execute(_text(statement), [dict(row) for row in values])
