"""The journal's tables, their versions, and how an older one becomes one of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from radps_dag.journal.connections import Connection
from radps_dag.journal.rows import ADVICE, Damaged
from radps_dag.problem import RadpsDagError

__all__ = ["VERSION", "check", "prepare", "version_of"]

VERSION = 1

# The head of each run: its last row, and how often a process began to drive it. It orders those
# who append, and refuses one whose turn is over. Its checksum is of all the rest, as a fact's is.
_TABLES = (
    """CREATE TABLE radps_journal (
        name VARCHAR(40) NOT NULL,
        value INTEGER NOT NULL,
        PRIMARY KEY (name)
    )""",
    """CREATE TABLE radps_runs (
        run VARCHAR(200) NOT NULL,
        pipeline VARCHAR(200) NOT NULL,
        created FLOAT(53) NOT NULL,
        generation INTEGER NOT NULL,
        last BIGINT NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (run)
    )""",
    """CREATE TABLE radps_facts (
        run VARCHAR(200) NOT NULL,
        seq BIGINT NOT NULL,
        time FLOAT(53) NOT NULL,
        place TEXT NOT NULL,
        kind VARCHAR(40) NOT NULL,
        key VARCHAR(64),
        payload TEXT NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (run, seq)
    )""",
)
_INDEX = "CREATE INDEX radps_facts_by_key ON radps_facts (key, run) WHERE key IS NOT NULL"

# Version to what makes the next one of it.
MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {}


def version_of(connection: Connection, *, postgres: bool) -> int | None:
    """The version of the journal in a database, None where there is none yet; 0 is none at all."""
    if not _is_there("radps_journal", connection, postgres):
        return 0 if _is_there("radps_facts", connection, postgres) else None
    query = "SELECT value FROM radps_journal WHERE name = 'version'"
    row = connection.execute(query).fetchone()
    return row[0] if row is not None and isinstance(row[0], int) else 0


def _is_there(table: str, connection: Connection, postgres: bool) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :table"
    if postgres:
        query = "SELECT 1 WHERE to_regclass(:table) IS NOT NULL"
    return connection.execute(query, {"table": table}).fetchone() is not None


def prepare(connection: Connection, name: str, *, postgres: bool) -> None:
    """Make the tables, or bring older ones up to date, inside the connection's transaction.

    Raises RadpsDagError for a journal of a newer version than this program knows.
    """
    version = version_of(connection, postgres=postgres)
    if version is None:
        *others, facts = _TABLES
        for statement in (*others, facts if postgres else f"{facts} WITHOUT ROWID", _INDEX):
            connection.execute(statement)
        entry = "INSERT INTO radps_journal (name, value) VALUES ('version', :version)"
        connection.execute(entry, {"version": VERSION})
        return
    check(version, name)
    for older in range(version, VERSION):
        MIGRATIONS[older](connection)
    if version < VERSION:
        moved = "UPDATE radps_journal SET value = :version WHERE name = 'version'"
        connection.execute(moved, {"version": VERSION})


def check(version: int, name: str) -> None:
    """Refuse what a newer program wrote: what we do not know we would get wrong."""
    if version < 1:
        raise Damaged(f"{name}: the journal is damaged: it has no version; {ADVICE}")
    if version > VERSION:
        raise RadpsDagError(
            f"{name}: the journal is of version {version}, and this radps-dag knows only "
            f"{VERSION}; use the radps-dag that wrote it, or a newer one"
        )
