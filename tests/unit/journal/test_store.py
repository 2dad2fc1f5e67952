"""The store: appended as a whole or not at all, by one at a time, and read at any moment."""

from __future__ import annotations

import contextlib
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from examples import examples
from fact_strategy import facts
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from radps_dag.facts import Fact, NodeFailed, NodeSucceeded, Noted, RunEnded, RunStarted
from radps_dag.journal import schema
from radps_dag.journal.connections import Connection
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import Damaged, Head, Row, digest, to_row
from radps_dag.journal.run_status import find_run, last_start
from radps_dag.journal.sqlite_file import SqliteFile
from radps_dag.journal.statements import FACTS, RUNS
from radps_dag.journal.store import Outdated, Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError, UsageError

RUN = "20261125-000000-cube"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "work space")


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    store = open_store(workspace)
    store.create(RUN, "cube", 1.0)
    yield store
    store.close()


def noted(count: int, words: str = "note") -> list[Fact]:
    return [Noted(time=1.0, place="", message=f"{words} {number}") for number in range(count)]


def rows(store: Store, found: list[Fact], run: str = RUN) -> list[Row]:
    return [to_row(run, fact, store.workspace) for fact in found]


@examples(30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(facts, min_size=1, max_size=4), max_size=4))
def test_round_trip(store: Store, batches: list[list[Fact]]) -> None:
    """The facts of a run come back in their order, however they were appended."""
    run = f"run-{len(store.heads())}"
    store.create(run, "cube", 2.0)
    for batch in batches:
        store.append(run, rows(store, batch, run))
    written = [fact for batch in batches for fact in batch]
    assert list(store.facts(run)) == written
    assert list(store.facts(run, after=2)) == written[2:]
    head = store.head(run)
    assert head is not None
    assert head.last == len(written)
    keyed = {fact.made.key for fact in written if has_key(fact)}
    assert all({row.key for row in store.with_key(key)} == {key} for key in keyed)


def has_key(fact: Fact) -> bool:
    return isinstance(fact, NodeSucceeded | NodeFailed) and fact.made is not None


def test_numbers_of_their_own(store: Store) -> None:
    """Each run counts its rows from 1, without gaps, whoever appends to it."""
    store.create("other", "cube", 2.0)
    assert store.append(RUN, rows(store, noted(3))) == 1
    assert store.append("other", rows(store, noted(2), "other")) == 1
    assert store.append(RUN, rows(store, noted(1))) == 4
    assert [row.seq for row in store.rows(RUN)] == [1, 2, 3, 4]


def test_all_or_nothing(store: Store) -> None:
    """Where one row cannot be written, none of its transaction is."""
    good = rows(store, noted(2))
    bad = Row(RUN, 0, 1.0, "", None, None, "{}", 0)  # type: ignore[arg-type]
    with pytest.raises(RadpsDagError, match=r"journal\.db: the journal cannot be written"):
        store.append(RUN, [*good, bad])
    assert list(store.rows(RUN)) == []
    assert store.append(RUN, good) == 1


def test_fenced_by_generation(store: Store) -> None:
    """Whoever drove the run before can append nothing more."""
    first = store.next_generation(RUN)
    store.append(RUN, rows(store, noted(1)), first)
    second = store.next_generation(RUN)
    with pytest.raises(Outdated, match="driven by another process"):
        store.append(RUN, rows(store, noted(1, "late")), first)
    store.append(RUN, rows(store, noted(1)), second)
    assert [fact.message for fact in store.facts(RUN)] == ["note 0", "note 0"]


def test_two_writers(workspace: Workspace, store: Store) -> None:
    """Several processes and threads append at once: each batch stays together, none is lost."""
    other = open_store(workspace)

    def work(number: int) -> None:
        mine = (store, other)[number % 2]
        for _ in range(10):
            mine.append(RUN, rows(mine, noted(3, f"writer {number}")))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    found = [fact.message for fact in store.facts(RUN)]
    other.close()
    assert len(found) == 4 * 10 * 3
    for at in range(0, len(found), 3):
        writers = {message.rpartition(" ")[0] for message in found[at : at + 3]}
        assert len(writers) == 1


def test_reading_while_somebody_writes(workspace: Workspace, store: Store) -> None:
    """A reader sees whole transactions, and neither waits for the writer nor holds it up."""
    reader = open_store(workspace, reading=True)
    ended = threading.Event()

    def write() -> None:
        for _ in range(40):
            store.append(RUN, rows(store, noted(5)))
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = [0]
    while not ended.is_set():
        seen.append(len(list(reader.facts(RUN))))
    writer.join()
    reader.close()
    assert seen == sorted(seen)
    assert all(count % 5 == 0 for count in seen)


@pytest.mark.slow
def test_many_open_it_for_the_first_time(tmp_path: Path) -> None:
    """However many begin at once in an empty workspace, each gets the same journal."""

    def work(number: int) -> None:
        store = open_store(Workspace(tmp_path / str(number // 8)))
        run = f"run-{number}"
        store.create(run, "cube", 1.0)
        store.append(run, rows(store, [Noted(time=1.0, place="", message="x")], run))
        store.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(64)))
    for number in range(8):
        store = open_store(Workspace(tmp_path / str(number)))
        assert len(store.heads()) == 8
        store.close()


def test_private_and_durable(workspace: Workspace, store: Store) -> None:
    """Nobody else may read it, and each transaction is on the disk when it ends."""
    assert stat.S_IMODE(workspace.journal.stat().st_mode) == 0o600
    with store.begin() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.slow
def test_opened_twice_in_one_process(workspace: Workspace, store: Store) -> None:
    """Who opens the journal a second time, and closes it, takes no lock from who still writes: no
    other process may think that it is the last one, and remove the log."""
    store.append(RUN, rows(store, noted(1)))
    open_store(workspace).close()
    open_store(workspace, reading=True).close()
    elsewhere(workspace)
    store.append(RUN, rows(store, noted(2)))
    assert elsewhere(workspace) == 3


def elsewhere(workspace: Workspace) -> int:
    """How many facts another process finds, which opens the journal and closes it."""
    code = (
        "import sys; from pathlib import Path; from radps_dag.journal.opening import open_store; "
        "from radps_dag.journal.workspace import Workspace; "
        "store = open_store(Workspace(Path(sys.argv[1]))); "
        "print(len(list(store.facts(sys.argv[2])))); store.close()"
    )
    command = [sys.executable, "-c", code, str(workspace.root), RUN]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_reading_changes_nothing(workspace: Workspace, store: Store) -> None:
    """A reader of a workspace without a journal makes none, and may not write in another."""
    nowhere = Workspace(workspace.root / "nowhere")
    with pytest.raises(UsageError, match="there is no journal here"):
        open_store(nowhere, reading=True)
    assert not nowhere.root.exists()
    reader = open_store(workspace, reading=True)
    with pytest.raises(RadpsDagError, match="readonly"):
        reader.create("new", "cube", 1.0)
    reader.close()


def changed(workspace: Workspace, statement: str) -> None:
    with contextlib.closing(sqlite3.connect(workspace.journal)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize("gone", [1, 3, 5])
def test_a_missing_row(gone: int, workspace: Workspace, store: Store) -> None:
    """A row that is missing is named by its number: at the beginning, in the middle, at the end."""
    store.append(RUN, rows(store, noted(5)))
    changed(workspace, f"DELETE FROM radps_facts WHERE seq = {gone}")
    with pytest.raises(Damaged, match=f"row {gone} of run {RUN} is missing; restore it"):
        list(store.rows(RUN))


def test_a_row_that_nobody_wrote(workspace: Workspace, store: Store) -> None:
    """Rows after the last are none of the run's."""
    store.append(RUN, rows(store, noted(2)))
    head = store.head(RUN)
    assert head is not None
    for last, check, words in (
        (1, digest(replace(head, last=1)), "has rows after its last, 1"),
        (1, digest(head), f"the head of run '{RUN}' is damaged"),
    ):
        changed(workspace, f"UPDATE radps_runs SET last = {last}, checksum = {check}")
        with pytest.raises(Damaged, match=words):
            list(store.rows(RUN))


def test_a_newer_journal(workspace: Workspace, store: Store) -> None:
    """What a newer program wrote is refused, by who reads and by who writes."""
    store.close()
    changed(workspace, f"UPDATE radps_journal SET value = {schema.VERSION + 1}")
    for reading in (True, False):
        with pytest.raises(RadpsDagError) as told:
            open_store(workspace, reading=reading)
        assert str(told.value) == (
            f"{workspace.journal}: the journal is of version {schema.VERSION + 1}, and this "
            f"radps-dag knows only {schema.VERSION}; use the radps-dag that wrote it, or a newer "
            "one"
        )


@pytest.fixture
def tomorrow(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A program whose journal is two versions further; which migrations it has made."""
    made: list[int] = []

    def first(connection: Connection) -> None:
        made.append(schema.VERSION - 2)
        connection.execute("ALTER TABLE radps_runs ADD COLUMN telescope TEXT")

    def second(connection: Connection) -> None:
        made.append(schema.VERSION - 1)
        connection.execute("UPDATE radps_runs SET telescope = 'VLA'")

    migrations: Mapping[int, object] = {schema.VERSION: first, schema.VERSION + 1: second}
    monkeypatch.setattr(schema, "MIGRATIONS", migrations)
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 2)
    return made


def test_an_older_journal(workspace: Workspace, store: Store, tomorrow: list[int]) -> None:
    """An older journal is brought up to date once, one version after the other, and keeps all that
    was in it; whoever only reads is told how."""
    store.append(RUN, rows(store, noted(3)))
    before = list(store.facts(RUN))
    store.close()
    with pytest.raises(RadpsDagError, match="older version 1; `radps-dag runs --migrate` brings"):
        open_store(workspace, reading=True)
    assert tomorrow == []
    for _ in range(2):
        open_store(workspace).close()
    assert tomorrow == [1, 2]
    with contextlib.closing(sqlite3.connect(workspace.journal)) as connection:
        assert connection.execute("SELECT value FROM radps_journal").fetchall() == [(3,)]
        assert connection.execute("SELECT telescope FROM radps_runs").fetchall() == [("VLA",)]
        assert connection.execute("SELECT count(*) FROM radps_facts").fetchone() == (len(before),)


def test_a_migration_that_fails(
    workspace: Workspace, store: Store, tomorrow: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leaves the journal as it was, version and all: the next one begins from there."""
    store.close()

    def broken(connection: Connection) -> None:
        connection.execute("DROP TABLE radps_facts")
        connection.execute("no SQL at all")

    good = dict(schema.MIGRATIONS)
    monkeypatch.setattr(schema, "MIGRATIONS", {**good, 2: broken})
    with pytest.raises(RadpsDagError, match=r"journal\.db: the journal cannot be"):
        open_store(workspace)
    with contextlib.closing(sqlite3.connect(workspace.journal)) as connection:
        assert connection.execute("SELECT value FROM radps_journal").fetchall() == [(1,)]
        connection.execute("SELECT * FROM radps_facts")
    monkeypatch.setattr(schema, "MIGRATIONS", good)
    open_store(workspace).close()


def test_no_version_and_no_journal(workspace: Workspace, store: Store) -> None:
    """Tables without a version are not empty journal to be begun anew."""
    store.close()
    changed(workspace, "DELETE FROM radps_journal")
    with pytest.raises(Damaged, match="it has no version"):
        open_store(workspace)


def test_which_run_is_meant(store: Store) -> None:
    """The last one, where nothing is said; and how it began last."""
    noted = [Noted(time=1.0, place="", message="x")]
    store.create("20261126-000000-cube", "cube", 2.0)
    for run in (RUN, "20261126-000000-cube"):
        store.append(run, rows(store, noted, run))
    assert find_run(store, None) == "20261126-000000-cube"
    assert find_run(store, "20261125") == RUN
    with pytest.raises(RadpsDagError, match="ended before it began"):
        last_start(store, RUN)
    starts = [
        RunStarted(
            time=1.0,
            place="",
            run=RUN,
            pipeline="cube",
            file="cube.yaml",
            params={},
            library="placeholder",
            executor="threads",
            seed=0,
            generation=generation,
        )
        for generation in (1, 2)
    ]
    end: list[Fact] = [RunEnded(time=2.0, place="", status="failed", seconds=1.0)]
    store.append(RUN, rows(store, [*starts, *end]))
    assert last_start(store, RUN).generation == 2


def test_a_database_that_is_none(tmp_path: Path) -> None:
    """A file that is something else, and URLs that are none, are refused in a line."""
    (tmp_path / "journal.db").write_text("Dear colleague,\n" * 100)
    with pytest.raises(Damaged, match="is damaged"):
        open_store(Workspace(tmp_path))
    for url in ("nonsense", "sqlite://", "sqlite:///:memory:", "unknown://host/name"):
        with pytest.raises(UsageError) as told:
            open_store(Workspace(tmp_path), url)
        assert len(str(told.value).splitlines()) == 1


def test_a_column_for_each_member(store: Store) -> None:
    """A row is as long as the table is wide, and in its order; so is what is read of it."""
    for table, query, members in (
        ("radps_facts", FACTS, [*Row.__slots__]),
        ("radps_runs", RUNS, [*Head.__slots__, "checksum"]),
    ):
        with store.look() as connection:
            columns = connection.execute(f"PRAGMA table_info({table})").fetchall()
        assert [name for _, name, *_ in columns] == members
        assert query == f"SELECT {', '.join(members)} FROM {table}"


@pytest.mark.parametrize("at", ["BEGIN", "SELECT 1", "COMMIT"])
def test_an_interrupt_leaves_no_transaction_open(at: str) -> None:
    """Wherever Ctrl-C comes, whoever tidies up afterwards can use the connection."""
    pending = [at]

    class Interrupted(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            found = super().execute(statement, *values)
            if statement in pending:
                pending.remove(statement)
                raise KeyboardInterrupt
            return found

    connection = sqlite3.connect(":memory:", isolation_level=None, factory=Interrupted)
    file = SqliteFile(lambda: connection, reading=True)
    with pytest.raises(KeyboardInterrupt), file.transaction(reads=True) as opened:
        opened.execute("SELECT 1")
    with file.transaction(reads=True) as opened:
        assert opened.execute("SELECT 2").fetchone() == (2,)
    file.close()


def test_a_file_needs_no_sqlalchemy(tmp_path: Path) -> None:
    """SQLAlchemy takes longer to import than most commands take: a file is read and written
    without it."""
    code = (
        "import sys; from pathlib import Path; from radps_dag.journal.opening import open_store; "
        "from radps_dag.journal.workspace import Workspace; "
        "import radps_dag.journal.claims, radps_dag.journal.overview; "
        "store = open_store(Workspace(Path(sys.argv[1]))); store.create('r', 'p', 1.0); "
        "store.close(); sys.exit('sqlalchemy' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
