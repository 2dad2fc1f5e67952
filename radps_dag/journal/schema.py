"""The journal's tables, their versions, and how an older one becomes one of today."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    insert,
    inspect,
    select,
    update,
)

from radps_dag.journal.rows import ADVICE, Damaged
from radps_dag.problem import RadpsDagError

__all__ = ["VERSION", "facts", "prepare", "runs", "version_of"]

VERSION = 1

_tables = MetaData()

about = Table(
    "radps_journal",
    _tables,
    Column("name", String(40), primary_key=True),
    Column("value", Integer, nullable=False),
)
# The head of each run: its last row, and how often a process began to drive it. It orders those
# who append, and refuses one whose turn is over. Its checksum is of all the rest, as a fact's is.
runs = Table(
    "radps_runs",
    _tables,
    Column("run", String(200), primary_key=True),
    Column("pipeline", String(200), nullable=False),
    Column("created", Float(53), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("checksum", Integer, nullable=False),
)
facts = Table(
    "radps_facts",
    _tables,
    Column("run", String(200), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("time", Float(53), nullable=False),
    Column("place", Text, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("key", String(64)),
    Column("payload", Text, nullable=False),
    Column("checksum", Integer, nullable=False),
    sqlite_with_rowid=False,
)
_by_key = Index(
    "radps_facts_by_key",
    facts.c.key,
    sqlite_where=facts.c.key.is_not(None),
    postgresql_where=facts.c.key.is_not(None),
)

# Version to what makes the next one of it.
MIGRATIONS: Mapping[int, Callable[[Connection], None]] = {}


def version_of(connection: Connection) -> int | None:
    """The version of the journal in a database, None where there is none yet; 0 is none at all."""
    known = inspect(connection)
    if not known.has_table(about.name):
        return 0 if known.has_table(facts.name) else None
    found = connection.scalar(select(about.c.value).where(about.c.name == "version"))
    return found if isinstance(found, int) else 0


def prepare(connection: Connection, name: str) -> None:
    """Make the tables, or bring older ones up to date, inside the connection's transaction.

    Raises RadpsDagError for a journal of a newer version than this program knows.
    """
    found = version_of(connection)
    if found is None:
        _tables.create_all(connection)
        connection.execute(insert(about).values(name="version", value=VERSION))
        return
    check(found, name)
    for version in range(found, VERSION):
        MIGRATIONS[version](connection)
    if found < VERSION:
        connection.execute(update(about).where(about.c.name == "version").values(value=VERSION))


def check(found: int, name: str) -> None:
    """Refuse what a newer program wrote: what we do not know we would get wrong."""
    if found < 1:
        raise Damaged(f"{name}: the journal is damaged: it has no version; {ADVICE}")
    if found > VERSION:
        raise RadpsDagError(
            f"{name}: the journal is of version {found}, and this radps-dag knows only {VERSION}; "
            "use the radps-dag that wrote it, or a newer one"
        )
