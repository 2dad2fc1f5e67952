"""Where journals are kept: SQLite in the workspace, or any database SQLAlchemy reaches."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import (
    Connection,
    Engine,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool, StaticPool

from radps_dag.facts import Fact
from radps_dag.journal import schema
from radps_dag.journal.rows import ADVICE, Damaged, Head, Row, believed, checksum, digest, to_fact
from radps_dag.journal.schema import facts, runs
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError, UsageError

__all__ = ["Head", "Outdated", "Store", "open_store"]

BUSY = 30.0  # seconds that somebody else's transaction is waited for

# Made once: to put a statement together takes longer than to execute it.
_LOCK = select(runs).where(runs.c.run == bindparam("of")).with_for_update()
_MOVE = update(runs).where(runs.c.run == bindparam("of"))
_ADD = insert(facts)
_WITH_KEY = (
    select(facts)
    .where(facts.c.key == bindparam("key"))
    .order_by(facts.c.time.desc())
    .limit(bindparam("most"))
)
_KEYED = (
    select(facts)
    .where(facts.c.key == bindparam("key"))
    .where(facts.c.run == bindparam("run"), facts.c.kind == bindparam("kind"))
    .order_by(facts.c.seq)
    .limit(1)
)


class Outdated(RadpsDagError):
    """Somebody else has begun to drive the run."""


class Store:
    """The journal of a workspace: reads at any moment, and one writer for each run.

    Safe for use from several threads; each transaction has a connection of its own or that of the
    thread.
    """

    def __init__(self, workspace: Workspace, engine: Engine, name: str, reading: bool) -> None:
        self.workspace = workspace
        self.name = name
        self.reading = reading
        self._engine = engine
        self._local = threading.local()
        self._all: list[Connection] = []

    @property
    def postgres(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    def close(self) -> None:
        for connection in self._all:
            with contextlib.suppress(SQLAlchemyError, sqlite3.Error):
                connection.close()
        self._all.clear()
        self._local = threading.local()
        self._engine.dispose()

    def connect(self) -> Connection:
        """A connection of the caller's own. Raises RadpsDagError."""
        with self._told("opened"):
            return self._engine.connect()

    @contextlib.contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction on this thread's connection, which may write."""
        with self._told("read" if self.reading else "written"):
            connection = self._mine().execution_options(radps_reads=False)
            with connection.begin():
                yield connection

    @contextlib.contextmanager
    def look(self) -> Iterator[Connection]:
        """A transaction that only reads, and waits for nobody who writes."""
        with self._told("read"):
            connection = self._mine().execution_options(radps_reads=True)
            with connection.begin():
                yield connection

    def heads(self) -> list[Head]:
        """All runs, newest first."""
        order = (runs.c.created.desc(), runs.c.run.desc())
        with self.look() as connection:
            found = connection.execute(select(runs).order_by(*order)).all()
        return [self._head(row) for row in found]

    def head(self, run: str) -> Head | None:
        with self.look() as connection:
            row = connection.execute(select(runs).where(runs.c.run == run)).first()
        return None if row is None else self._head(row)

    def create(self, run: str, pipeline: str, time: float) -> None:
        """Enter a new run, with nothing in it."""
        with self.begin() as connection:
            connection.execute(insert(runs).values(_values(Head(run, pipeline, time, 0, 0))))

    def next_generation(self, run: str) -> int:
        """Make who asks the one that drives the run; whoever drove it before can append no more."""
        with self.begin() as connection:
            head = self._locked(connection, run)
            head = replace(head, generation=head.generation + 1)
            connection.execute(_MOVE, {"of": run, **_values(head)})
        return head.generation

    def append(self, run: str, rows: Sequence[Row], generation: int | None = None) -> int:
        """Append rows, all of them or none, and return the number of the first.

        When this returns they are durable. Raises Outdated where `generation` is over.
        """
        with self.begin() as connection:
            head = self._locked(connection, run)
            if generation is not None and head.generation != generation:
                raise Outdated(
                    f"run {run} is driven by another process since it was resumed elsewhere; "
                    "this one ends"
                )
            return self._add(connection, head, rows)

    def append_once(self, run: str, row: Row) -> Row | None:
        """Append a row unless the run has one of its kind with its key, which is returned then."""
        with self.begin() as connection:
            head = self._locked(connection, run)
            found = connection.execute(
                _KEYED, {"run": run, "key": row.key, "kind": row.kind}
            ).first()
            if found is None:
                self._add(connection, head, [row])
        return None if found is None else self._row(found)

    def keyed(self, run: str, key: str, kind: str) -> Row | None:
        """The first row of a run with a key, of a kind."""
        with self.look() as connection:
            found = connection.execute(_KEYED, {"run": run, "key": key, "kind": kind}).first()
        return None if found is None else self._row(found)

    def _add(self, connection: Connection, head: Head, rows: Sequence[Row]) -> int:
        first = head.last + 1
        values = [
            {
                "run": row.run,
                "seq": seq,
                "time": row.time,
                "place": row.place,
                "kind": row.kind,
                "key": row.key,
                "payload": row.payload,
                "checksum": checksum(row, seq),
            }
            for seq, row in enumerate(rows, start=first)
        ]
        connection.execute(_ADD, values)
        head = replace(head, last=first + len(rows) - 1)
        connection.execute(_MOVE, {"of": head.run, **_values(head)})
        return first

    def rows(self, run: str, after: int = 0, kinds: Sequence[str] = ()) -> Iterator[Row]:
        """The rows of a run in their order. Raises Damaged where some are missing."""
        query = select(facts).where(facts.c.run == run, facts.c.seq > after)
        if kinds:
            query = query.where(facts.c.kind.in_(kinds))
        # One transaction, so that the two belong together.
        with self.look() as connection:
            of_run = connection.execute(select(runs).where(runs.c.run == run)).first()
            rows = connection.execute(query.order_by(facts.c.seq)).all()
        last = 0 if of_run is None else self._head(of_run).last
        found = [self._row(row) for row in rows]
        if kinds:
            yield from found
            return
        for number, row in enumerate(found, start=after + 1):
            if row.seq != number:
                raise Damaged(f"{self.name}: row {number} of run {run} is missing; {ADVICE}")
            yield row
        if after + len(found) < last:
            missing = after + len(found) + 1
            raise Damaged(f"{self.name}: row {missing} of run {run} is missing; {ADVICE}")
        if found and after + len(found) > last:
            raise Damaged(f"{self.name}: run {run} has rows after its last, {last}; {ADVICE}")

    def facts(self, run: str, after: int = 0) -> Iterator[Fact]:
        """What happened in a run, in its order. Raises Damaged."""
        for row in self.rows(run, after):
            yield self.fact(row)

    def fact(self, row: Row) -> Fact:
        try:
            return to_fact(row, self.workspace)
        except Damaged as error:
            raise Damaged(f"{self.name}: {error}; {ADVICE}") from error

    def with_key(self, key: str, most: int = 20) -> list[Row]:
        """The newest rows with a key."""
        with self.look() as connection:
            found = connection.execute(_WITH_KEY, {"key": key, "most": most}).all()
        return [self._row(row) for row in found]

    def at(self, run: str, places: Collection[str], kinds: Sequence[str]) -> list[Row]:
        """The rows of a run about these places, of these kinds, in their order."""
        query = (
            select(facts)
            .where(facts.c.run == run, facts.c.place.in_(places), facts.c.kind.in_(kinds))
            .order_by(facts.c.seq)
        )
        with self.look() as connection:
            found = connection.execute(query).all()
        return [self._row(row) for row in found]

    def check(self) -> None:
        """Look for damage of the file itself. Raises Damaged."""
        if self.postgres:
            return
        with self.look() as connection:
            found = connection.scalar(text("PRAGMA quick_check(1)"))
        if found != "ok":
            reason = " ".join(str(found).removeprefix("*** in database main ***").split())
            raise Damaged(f"{self.name}: the journal is damaged: {reason}; {ADVICE}")

    def add_run(self, head: Head, rows: Sequence[Row]) -> None:
        """Enter a whole run that comes from elsewhere."""
        with self.begin() as connection:
            connection.execute(insert(runs).values(_values(replace(head, last=0))))
        self.append(head.run, [replace(row, run=head.run) for row in rows])

    def _locked(self, connection: Connection, run: str) -> Head:
        row = connection.execute(_LOCK, {"of": run}).first()
        if row is None:
            raise Damaged(f"{self.name}: run {run} is not in the journal; {ADVICE}")
        return self._head(row)

    def _head(self, row: Sequence[Any]) -> Head:
        """The head of a run. Raises Damaged where it is not what was written."""
        *values, found = row
        head = Head(*values)
        if digest(head) != found:
            raise Damaged(f"{self.name}: the head of run {head.run!r} is damaged; {ADVICE}")
        return head

    def _row(self, row: Sequence[Any]) -> Row:
        try:
            return believed(Row(*row))
        except Damaged as error:
            raise Damaged(f"{self.name}: {error}; {ADVICE}") from error

    def _mine(self) -> Connection:
        found: Connection | None = getattr(self._local, "connection", None)
        if found is None or found.closed or found.invalidated:
            found = self._local.connection = self._engine.connect()
            self._all.append(found)
        return found

    @contextlib.contextmanager
    def _told(self, done: str) -> Iterator[None]:
        """Database errors as ours: one line with the journal's name."""
        try:
            yield
        except UnicodeDecodeError as error:
            # Of a text, or even of the words in which SQLite complains of it.
            reason = f"text that is none: {error.reason}"
            raise Damaged(f"{self.name}: the journal is damaged ({reason}); {ADVICE}") from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise _explained(self.name, done, error) from error


def _values(head: Head) -> dict[str, Any]:
    """The columns of a head."""
    return {
        "run": head.run,
        "pipeline": head.pipeline,
        "created": head.created,
        "generation": head.generation,
        "last": head.last,
        "checksum": digest(head),
    }


def open_store(
    workspace: Workspace, url: str | None = None, *, reading: bool = False, empty: bool = False
) -> Store:
    """The journal of a workspace; `url` is that of a database, or SQLite in the workspace.

    With `reading` nothing is made or changed, and a journal in a directory that cannot be written
    is read as it is; where there is none, `empty` gives one without runs. Raises RadpsDagError
    where it cannot be opened.
    """
    if url is None or make_path(url):
        path = workspace.journal if url is None else Path(make_path(url)).resolve()
        if reading and empty and not path.exists():
            nothing = create_engine("sqlite://", poolclass=StaticPool)
            return _ready(Store(workspace, nothing, os.fspath(path), reading=False))
        return _sqlite(workspace, path, reading)
    return _server(workspace, url, reading)


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
    except ArgumentError as error:
        raise UsageError(
            f"{url!r} is no URL of a database, such as postgresql://user@host/database or "
            "sqlite:///path"
        ) from error


def _sqlite(workspace: Workspace, path: Path, reading: bool) -> Store:
    name = os.fspath(path)
    if reading and not path.exists():
        raise UsageError(f"{path}: there is no journal here; was the pipeline run elsewhere?")
    if not reading:
        _make_private(path)

    def connect(mode: str) -> sqlite3.Connection:
        return sqlite3.connect(
            f"file:{quote(name)}?{mode}",
            uri=True,
            timeout=BUSY,
            isolation_level=None,
            check_same_thread=False,
        )

    def opened() -> sqlite3.Connection:
        if not reading:
            return connect("mode=rw")
        connection = connect("mode=ro")
        try:
            connection.execute("SELECT 1 FROM sqlite_master")
        except sqlite3.OperationalError:
            connection.close()
            log = Path(f"{name}-wal")
            if log.exists() and log.stat().st_size:
                raise  # to read without it would be to read what is over
            # A directory that cannot be written: no other process writes there either.
            return connect("immutable=1")
        return connection

    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, record: Any) -> None:
        del record
        if not reading:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = reading or connection.get_execution_options().get("radps_reads", False)
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return _ready(Store(workspace, engine, name, reading))


def _make_private(path: Path) -> None:
    """The file, for its owner alone: params and paths may be nobody else's business.

    One that is there is not opened: to close it would drop every lock that SQLite has on it in
    this process, and another process would then take away the log that is being written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        if not os.access(path, os.W_OK):
            os.close(os.open(path, os.O_RDWR))  # says why not
    except OSError as error:
        raise RadpsDagError(
            f"{path}: the journal cannot be written: {error.strerror}; choose another place with "
            "--workspace, or a database with --store"
        ) from error


def _server(workspace: Workspace, url: str, reading: bool) -> Store:
    parsed = _parsed(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    name = parsed.render_as_string(hide_password=True)
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
                raise UsageError(f"{store.name}: there is no journal here")
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


def _explained(name: str, done: str, error: Exception) -> RadpsDagError:
    cause = error.orig if isinstance(error, DBAPIError) and error.orig else error
    reason = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    if "malformed" in reason or "not a database" in reason:
        return Damaged(f"{name}: the journal is damaged ({reason}); {ADVICE}")
    hint = "make room, or choose another place with --workspace or --store"
    if "locked" in reason:
        hint = "another process has held it for long; try again"
    return RadpsDagError(f"{name}: the journal cannot be {done}: {reason}; {hint}")
