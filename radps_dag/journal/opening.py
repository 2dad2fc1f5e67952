"""Journals opened: SQLite in the workspace, or any database SQLAlchemy reaches."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from radps_dag.journal import schema
from radps_dag.journal.sqlite_file import engine_of, is_there
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.storage.addresses import redacted

__all__ = ["open_store"]


class NoJournal(UsageError):
    """The journal does not exist yet."""


def open_store(
    workspace: Workspace, url: str | None = None, *, reading: bool = False, empty: bool = False
) -> Store:
    """The journal of a workspace; `url` is that of a database, or SQLite in the workspace.

    With `reading` nothing is made or changed, and a journal in a directory that cannot be written
    is read as it is; where there is none, `empty` gives one without runs. Raises RadpsDagError
    where it cannot be opened.
    """
    file = workspace.journal if url is None else _file_of(url)
    try:
        if file is None:
            assert url is not None
            return _server(workspace, url, reading)
        if reading and not is_there(file):
            raise NoJournal(
                f"{file}: there is no journal here; was the pipeline run elsewhere, or with "
                "--store?"
            )
        engine = engine_of(file, reading=reading)
        return _ready(Store(workspace, engine, os.fspath(file), reading))
    except NoJournal:
        if not empty:
            raise
        nothing = create_engine("sqlite://", poolclass=StaticPool)
        return _ready(Store(workspace, nothing, "no journal", reading=False))


def _file_of(url: str) -> Path | None:
    path = make_path(url)
    return Path(path).resolve() if path else None


def make_path(url: str) -> str:
    """The file of a SQLite URL, "" of another one."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return ""
    if not parsed.database or parsed.database == ":memory:":
        raise UsageError(f"{url}: a journal in memory is lost with the run; name a file")
    return str(parsed.database)


def _parsed(url: str) -> Any:
    try:
        return make_url(url)
    except (ArgumentError, ValueError) as error:  # the latter of a port that is no number
        raise UsageError(
            f"{redacted(url)!r} is not a URL of a database, such as "
            "postgresql://user@host/database or sqlite:///path"
        ) from error


def _server(workspace: Workspace, url: str, reading: bool) -> Store:
    parsed = _parsed(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    name = redacted(parsed.set(drivername=url.partition("://")[0]).render_as_string())
    try:
        engine = create_engine(parsed, pool_pre_ping=True)
    except (NoSuchModuleError, ImportError) as error:
        raise UsageError(
            f"{name}: no driver for this database ({error}); for PostgreSQL: "
            "pip install 'radps-dag[postgres]'"
        ) from error
    return _ready(Store(workspace, engine, name, reading))


def _ready(store: Store) -> Store:
    try:
        if store.reading:
            with store.look() as connection:
                found = schema.version_of(connection)
            if found is None:
                raise NoJournal(f"{store.name}: there is no journal here")
            schema.check(found, store.name)
            if found == schema.VERSION:
                return store
            store.close()
            raise RadpsDagError(
                f"{store.name}: the journal is of the older version {found}; `radps-dag runs "
                "--migrate` brings it up to date"
            )
        with store.begin() as connection:
            if store.postgres:
                # Two that start at once must not both make the tables.
                connection.execute(select(func.pg_advisory_xact_lock(0x7AD95)))
            schema.prepare(connection, store.name)
    except BaseException:
        store.close()
        raise
    return store
