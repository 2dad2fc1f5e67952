"""A SQLite file to connections that read it, or that write it durably."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from radps_dag.problem import RadpsDagError, UsageError

__all__ = ["SqliteFile", "in_memory", "is_there", "sqlite_file"]

BUSY = 30.0  # seconds that somebody else's transaction is waited for


def is_there(path: Path) -> bool:
    """Whether there is a journal. Raises RadpsDagError for one that may not be read."""
    if not _is_file(path):
        return False
    if not os.access(path, os.R_OK):
        raise _unreadable(path)
    return True


def _is_file(path: Path) -> bool:
    """Whether there is such a file. Raises RadpsDagError for what is something else: SQLite would
    wait for a pipe for ever."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    except PermissionError as error:
        raise _unreadable(path) from error
    except OSError as error:
        raise RadpsDagError(
            f"{path}: the journal cannot be read: {error.strerror}; check the disk"
        ) from error
    if not stat.S_ISREG(mode):
        raise UsageError(
            f"{path} is not a file, and nothing can be a journal that is not; move it away, or "
            "choose another place with --workspace or --store"
        )
    return True


def _unreadable(path: Path) -> RadpsDagError:
    return RadpsDagError(
        f"{path}: this account may not read the journal; its owner can let it: "
        f"chmod -R g+rX {path.parent}"
    )


class SqliteFile:
    """A database of SQLite, with a connection for each thread."""

    postgres = False
    errors: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, connect: Callable[[], sqlite3.Connection], *, reading: bool) -> None:
        self._connect = connect
        self._reading = reading
        self._local = threading.local()
        self._all: list[sqlite3.Connection] = []

    def close(self) -> None:
        """Close the connections of all threads."""
        for connection in self._all:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        self._all.clear()
        self._local = threading.local()

    def compact(self) -> None:
        """Give the file's unused pages back to the disk; who writes waits meanwhile. Raises
        sqlite3.Error, and nothing has changed then."""
        connection = self._mine()
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextlib.contextmanager
    def transaction(self, *, reads: bool) -> Iterator[sqlite3.Connection]:
        """A transaction of this thread's connection."""
        connection = self._mine()
        try:
            connection.execute("BEGIN" if reads or self._reading else "BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # SQLite itself has ended it where the disk is full, say.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _mine(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._all.append(connection)
        return connection


def sqlite_file(path: Path, *, reading: bool) -> SqliteFile:
    """The database in a file, which is made if it is to be written.

    Raises RadpsDagError where one of the journal's files is something else.
    """
    for beside in ("", "-wal", "-shm", "-journal"):
        _is_file(path.with_name(f"{path.name}{beside}"))
    if reading:
        return SqliteFile(lambda: _ours(_opened(path), path), reading=True)
    _make_private(path)
    return SqliteFile(lambda: _durable(_ours(_connected(path, "mode=rw"), path)), reading=False)


def in_memory() -> SqliteFile:
    """An empty database that nobody else sees."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    return SqliteFile(lambda: connection, reading=False)


def _durable(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(os.fspath(path))}?{mode}",
        uri=True,
        timeout=BUSY,
        isolation_level=None,
        check_same_thread=False,
    )


def _ours(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """The connection, and nothing was changed by it. Raises RadpsDagError where the file is the
    database of another program."""
    try:
        names = [str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master")]
    except BaseException:
        connection.close()
        raise
    if names and not any(name.startswith("radps_") for name in names):
        connection.close()
        raise UsageError(
            f"{path} is the database of another program, not a journal: it has {names[0]!r:.60}; "
            "choose another place with --workspace or --store"
        )
    return connection


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, even where nothing can be changed."""
    connection = _connected(path, "mode=ro")
    try:
        connection.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.OperationalError:
        connection.close()
        return _copied(path) or _connected(path, "immutable=1")
    return connection


def _copied(path: Path) -> sqlite3.Connection | None:
    """A copy of a journal that nobody writes and whose last rows are in the log beside it still,
    as an interrupted writer leaves them; SQLite itself would want to write in the directory."""
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return None
    with tempfile.TemporaryDirectory(prefix="radps-dag-") as folder:
        for file in (path, log):
            shutil.copyfile(file, Path(folder, file.name))
        connection = _connected(Path(folder, path.name), "mode=rw")
        # Into the file itself: what is opened stays open when the directory has gone.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=MEMORY")
        return connection


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
