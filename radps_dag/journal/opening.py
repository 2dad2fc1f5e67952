"""Journals opened: SQLite in the workspace, or any database SQLAlchemy reaches."""

from __future__ import annotations

import os
from pathlib import Path

from radps_dag.journal import schema
from radps_dag.journal.sqlite_file import in_memory, is_there, sqlite_file
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError, UsageError

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
    try:
        file = workspace.journal
        if url is not None:
            # Here, because it takes longer to import than most commands take that read a file.
            from radps_dag.journal.server import Server, file_of

            named = file_of(url)
            if not named:
                server = Server(url)
                return _ready(Store(workspace, server, server.name, reading))
            file = Path(named).resolve()
        if reading and not is_there(file):
            raise NoJournal(
                f"{file}: there is no journal here; was the pipeline run elsewhere, or with "
                "--store?"
            )
        database = sqlite_file(file, reading=reading)
        return _ready(Store(workspace, database, os.fspath(file), reading))
    except NoJournal:
        if not empty:
            raise
        return _ready(Store(workspace, in_memory(), "no journal", reading=False))


def _ready(store: Store) -> Store:
    try:
        if store.reading:
            with store.look() as connection:
                version = schema.version_of(connection, postgres=store.postgres)
            if version is None:
                raise NoJournal(f"{store.name}: there is no journal here")
            schema.check(version, store.name)
            if version == schema.VERSION:
                return store
            store.close()
            raise RadpsDagError(
                f"{store.name}: the journal is of the older version {version}; `radps-dag runs "
                "--migrate` brings it up to date"
            )
        with store.begin() as connection:
            if store.postgres:
                # Two that start at once must not both make the tables.
                connection.execute("SELECT pg_advisory_xact_lock(:number)", {"number": 0x7AD95})
            schema.prepare(connection, store.name, postgres=store.postgres)
    except BaseException:
        store.close()
        raise
    return store
