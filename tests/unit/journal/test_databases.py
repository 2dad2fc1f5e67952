"""The journal is the same in SQLite and in PostgreSQL, down to its claims and its failures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from repository import ROOT, SUPPORT

from radps_dag.facts import Fact, Made, NodeSucceeded, Noted
from radps_dag.journal import schema
from radps_dag.journal.claims import claim, driver_of
from radps_dag.journal.connections import Connection
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import Damaged, to_row
from radps_dag.journal.run_status import find_run
from radps_dag.journal.statements import ELSEWHERE
from radps_dag.journal.store import Outdated, Store
from radps_dag.journal.workspace import Workspace
from radps_dag.journal.writer import Writer
from radps_dag.problem import RadpsDagError, UsageError

HOLDER = SUPPORT / "journal_holder.py"
DATABASES = ("sqlite", "postgres")


@dataclass(frozen=True)
class Journal:
    """An empty journal, which may be opened as often as one likes."""

    root: Path
    url: str | None
    server: Any = None

    def open(self, root: Path | None = None, **options: Any) -> Store:
        return open_store(Workspace(root or self.root), self.url, **options)

    def hold(self, root: Path, run: str) -> subprocess.Popen[str]:
        """Another process that drives the run, or has said why not."""
        return subprocess.Popen(
            [sys.executable, str(HOLDER), str(root), run, *([self.url] if self.url else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


@pytest.fixture(params=DATABASES)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    if request.param == "sqlite":
        return Journal(tmp_path / "ws", None)
    server = request.getfixturevalue("postgres")
    return Journal(tmp_path / "ws", server.database(), server)


@pytest.fixture
def store(journal: Journal) -> Iterator[Store]:
    opened = journal.open()
    yield opened
    opened.close()


def noted(message: str) -> Noted:
    return Noted(time=1.5, place="a", message=message)


def made(key: str, place: str = "a", time: float = 1.0) -> NodeSucceeded:
    return NodeSucceeded(
        time=time, place=place, outputs={"n": 0.1}, seconds=1e-9, made=Made(key=key)
    )


def append(store: Store, run: str, *facts: Fact, generation: int | None = None) -> int:
    rows = [to_row(run, fact, store.workspace) for fact in facts]
    return store.append(run, rows, generation)


def test_facts_come_back(store: Store) -> None:
    """What was appended is read as it was, in its order, with text of any script and numbers to
    their last bit."""
    facts = [noted("G09.62 \u2013 \u6d4b\u8bd5 \x00 \U0001f4e1"), made("k1", time=0.1 + 0.2)]
    store.create("r", "p", 1.0)
    assert append(store, "r", *facts) == 1
    assert append(store, "r", noted("again")) == 3
    assert list(store.facts("r")) == [*facts, noted("again")]
    assert [row.seq for row in store.rows("r", after=1)] == [2, 3]


def test_heads_are_newest_first(store: Store) -> None:
    """Runs are listed newest first, with the number of their last row: those that were entered
    last, whatever the clock said then."""
    for run, clock in (("a", 5.0), ("b", 5.0), ("set back", 1.0), ("set right", 7.0)):
        store.create(run, "p", clock)
        append(store, run, noted("x"), noted("y"))
    found = [(head.run, head.last) for head in store.heads()]
    assert found == [("set right", 2), ("set back", 2), ("b", 2), ("a", 2)]
    assert [head.created for head in store.heads()][::3] == [7.0, 5.0]


def test_a_reader_sees_one_moment(
    journal: Journal, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that grows while it is read is whole: its rows and their number are of one moment."""
    store.create("r", "p", 1.0)
    append(store, "r", noted("first"))
    grown: list[int] = []

    @dataclass
    class Growing:
        connection: Connection

        def execute(self, statement: str, *values: Any) -> Any:
            found = self.connection.execute(statement, *values)
            if "FROM radps_runs" in statement and not grown:
                found = Mock(fetchone=Mock(return_value=found.fetchone()))
                grown.append(append(store, "r", noted("meanwhile")))
            return found

    reader = journal.open(reading=True)
    look = reader.look

    @contextlib.contextmanager
    def watched() -> Iterator[Any]:
        with look() as connection:
            yield Growing(connection)

    monkeypatch.setattr(reader, "look", watched)
    assert list(reader.facts("r")) == [noted("first")]
    assert grown == [2]
    assert list(reader.facts("r")) == [noted("first"), noted("meanwhile")]
    reader.close()


def test_a_run_that_has_not_begun_is_not_there(store: Store) -> None:
    """Where nothing has happened yet there is nothing to go on with: it is in no list, its name is
    taken all the same, and it can be taken out again. One that has begun cannot."""
    store.create("first", "p", 1.0)
    append(store, "first", noted("x"))
    store.create("empty", "p", 2.0)
    assert [head.run for head in store.heads()] == ["first"]
    assert find_run(store, None) == "first"
    assert not store.create("empty", "p", 3.0)
    assert store.forget("empty")
    assert not store.forget("empty")
    assert not store.forget("first")
    assert store.create("empty", "p", 3.0)
    append(store, "empty", noted("x"))
    assert find_run(store, None) == "empty"


def test_a_run_is_there_once(store: Store) -> None:
    """A second run of a name is refused, and the first one is as it was."""
    assert store.create("r", "p", 1.0)
    append(store, "r", noted("x"))
    assert not store.create("r", "q", 2.0)
    head = store.head("r")
    assert head is not None
    assert (head.pipeline, head.last) == ("p", 1)


def test_a_whole_run_is_entered_or_nothing(store: Store) -> None:
    """A run from elsewhere is entered with its rows, and not over one that is there."""
    store.create("r", "p", 1.0)
    append(store, "r", noted("x"), made("k"))
    head, rows = store.head("r"), list(store.rows("r"))
    assert head is not None
    assert not store.add_run(head, rows)
    assert list(store.rows("r")) == rows


def test_keys_find_the_newest(store: Store) -> None:
    """The rows of a key are found in all runs, newest first, and no others."""
    for run, time in (("a", 1.0), ("b", 2.0)):
        store.create(run, "p", time)
        append(store, run, made("wanted", time=time), made("other", time=time))
    assert [row.run for row in store.with_key("wanted")] == ["b", "a"]
    assert store.with_key("unknown") == []


def test_a_key_at_a_place_of_other_runs(store: Store) -> None:
    """Calls that are alike have one key: however many of them there are, at other places or in this
    run, those of other runs at the place are found, and without a look at all of this run's."""
    for run in ("a", "b", "c"):
        store.create(run, "p", 1.0)
        append(store, run, made("k", "here", time=1.0))
        for number in range(30):
            append(store, run, made("k", f"there{number}", time=2.0))
    damaged = Mock()
    rows = store.elsewhere("k", "here", "b", damaged)
    damaged.assert_not_called()
    assert sorted((row.run, row.place) for row in rows) == [("a", "here"), ("c", "here")]
    if not store.postgres:
        with store.look() as connection:
            values = {"key": "k", "place": "here", "run": "b", "most": 1}
            told = connection.execute(f"EXPLAIN QUERY PLAN {ELSEWHERE}", values).fetchall()
        searches = [line for *_, line in told if "radps_facts" in line]
        assert len(searches) == 2
        assert all("radps_facts_by_key (key=? AND run" in line for line in searches)


def test_whose_turn_is_over_appends_nothing(store: Store) -> None:
    """After another process has taken a run over, the one before can write nothing there."""
    store.create("r", "p", 1.0)
    first = store.next_generation("r")
    append(store, "r", noted("mine"), generation=first)
    second = store.next_generation("r")
    with pytest.raises(Outdated):
        append(store, "r", noted("late"), generation=first)
    append(store, "r", noted("theirs"), generation=second)
    assert list(store.facts("r")) == [noted("mine"), noted("theirs")]


def test_writers_at_once(journal: Journal, store: Store) -> None:
    """Rows of many threads and connections at once are all there, each once, without gaps."""
    store.create("r", "p", 1.0)

    def work(name: int) -> None:
        own = journal.open()
        for number in range(10):
            append(own, "r", noted(f"{name}-{number}"), noted(f"{name}-{number}+"))
        own.close()

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    messages = [fact.message for fact in store.facts("r") if isinstance(fact, Noted)]
    assert len(messages) == len(set(messages)) == 80
    for name in range(4):
        own = [message for message in messages if message.startswith(f"{name}-")]
        assert own == [f"{name}-{number}{end}" for number in range(10) for end in ("", "+")]


def test_a_changed_row_is_not_believed(store: Store) -> None:
    """A row that somebody has changed, or taken away, is named and not read."""
    store.create("r", "p", 1.0)
    append(store, "r", noted("x"), noted("y"), noted("z"))
    with store.begin() as connection:
        connection.execute("UPDATE radps_facts SET place = 'b' WHERE seq = 2")
    with pytest.raises(Damaged, match="row 2 of run 'r' is damaged"):
        list(store.facts("r"))
    with store.begin() as connection:
        connection.execute("DELETE FROM radps_facts WHERE seq = 2")
    with pytest.raises(Damaged, match="row 2 of run r is missing"):
        list(store.facts("r"))


def test_a_newer_journal_is_refused(journal: Journal, store: Store) -> None:
    """A journal that a newer program has written is neither read nor written."""
    with store.begin() as connection:
        connection.execute("UPDATE radps_journal SET value = 99")
    for reading in (False, True):
        with pytest.raises(RadpsDagError, match="version 99, and this radps-dag knows only"):
            journal.open(reading=reading)


def test_an_older_journal_is_not_changed_by_a_reader(
    journal: Journal, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who only reads brings nothing up to date, and says how to."""
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    with pytest.raises(RadpsDagError, match=r"older version \d+; .*--migrate"):
        journal.open(reading=True)


@pytest.mark.slow
def test_the_second_driver_is_told(journal: Journal, store: Store, tmp_path: Path) -> None:
    """Who wants to drive a run that another process drives is told who does; when that one is
    killed, the run is free."""
    roots = [journal.root]
    if journal.url:
        roots.append(tmp_path / "another")  # as on another machine
    for number, root in enumerate(roots):
        run = f"r{number}"
        store.create(run, "p", 1.0)
        for place in {journal.root, root}:
            Workspace(place).run(run).path.mkdir(parents=True)
        holder = journal.hold(root, run)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        directory = store.workspace.run(run)
        with pytest.raises(RadpsDagError, match=rf"run {run} is driven by .*process"):
            claim(store, directory)
        assert "process" in driver_of(directory, store)
        holder.kill()
        holder.wait()
        claim(store, directory).release()
        assert driver_of(directory, store) == ""


def test_a_lost_connection_is_one_line(postgres: Any, tmp_path: Path) -> None:
    """A connection that breaks is told in one line without the password; those who come after get
    a new one, and what was acknowledged is there."""
    journal = Journal(tmp_path / "ws", postgres.database(), postgres)
    store = journal.open()
    store.create("r", "p", 1.0)
    append(store, "r", noted("before"))
    postgres.cut(journal.url)
    with pytest.raises(RadpsDagError) as told:
        append(store, "r", noted("lost"))
    assert "\n" not in str(told.value)
    assert "secret-word" not in str(told.value)
    assert "radps-dag resume" in str(told.value)
    postgres.mend(journal.url)
    append(store, "r", noted("after"))
    assert list(store.facts("r")) == [noted("before"), noted("after")]
    store.close()


def test_a_writer_whose_connection_breaks_says_so(postgres: Any, tmp_path: Path) -> None:
    """The writer of a run tells of a broken connection once, and writes nothing after a gap."""
    journal = Journal(tmp_path / "ws", postgres.database(), postgres)
    store = journal.open()
    store.create("r", "p", 1.0)
    writer = Writer(store, "r", store.next_generation("r"), 0)
    broken = threading.Event()
    writer.broken = broken.set
    writer.append(noted("before"))
    asyncio.run(writer.settled())
    postgres.cut(journal.url)
    writer.append(noted("lost"))
    assert broken.wait(30)
    writer.append(noted("after the gap"))
    with pytest.raises(RadpsDagError, match="the journal cannot be written"):
        writer.close()
    postgres.mend(journal.url)
    assert list(store.facts("r")) == [noted("before")]
    store.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "'nonsense' is not a URL of a database"),
        ("oracle://me:secret-word@host/x", "no driver for this database"),
        ("sqlite://", "a journal in memory is lost"),
        ("postgresql://me:secret-word@/x?host=/nowhere", "the journal cannot be"),
    ],
)
def test_a_wrong_url_is_one_line(url: str, message: str, tmp_path: Path) -> None:
    """A URL that leads nowhere is told in one line, with the fix and without the password."""
    with pytest.raises(RadpsDagError) as told:
        open_store(Workspace(tmp_path), url)
    assert message in str(told.value)
    assert "\n" not in str(told.value)
    assert "secret-word" not in str(told.value)


def test_sqlite_anywhere(tmp_path: Path) -> None:
    """A SQLite URL names a file of any name."""
    path = tmp_path / "a folder" / "runs?of#us.db"
    store = open_store(Workspace(tmp_path / "ws"), f"sqlite:///{path.parent / 'runs.db'}")
    store.create("r", "p", 1.0)
    store.close()
    assert (path.parent / "runs.db").exists()
    assert not (tmp_path / "ws" / "journal.db").exists()


def test_no_journal_to_read(tmp_path: Path) -> None:
    """Who reads makes no journal."""
    with pytest.raises(UsageError, match="there is no journal here"):
        open_store(Workspace(tmp_path), reading=True)
    assert list(tmp_path.iterdir()) == []


# What another account runs: the messages of a run, and nothing else. Everything is loaded before
# root becomes nobody, who may not look into root's Python.
READER = """
import os, sys, tempfile
from pathlib import Path
from radps_dag.journal.connections import Connection
from radps_dag.journal.opening import open_store
from radps_dag.journal.workspace import Workspace

with tempfile.TemporaryDirectory() as folder:
    open_store(Workspace(Path(folder))).close()
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
store = open_store(Workspace(Path(sys.argv[1])), reading=True)
print([fact.message for fact in store.facts("r")])
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that everybody may read, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="radps-public-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def read_as_nobody(root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", READER, str(root)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("state", ["closed", "interrupted", "open"])
def test_a_colleague_reads(state: str, public: Path) -> None:
    """A journal in a directory that may only be read is read, with its last rows, whether its
    writer has closed it, was killed, or is writing; and nothing is left behind there."""
    root = public / "ws"
    store = open_store(Workspace(root))
    store.create("r", "p", 1.0)
    append(store, "r", noted("first"), noted("last"))
    seen = root
    if state == "interrupted":
        seen = root.with_name("copy")
        shutil.copytree(root, seen)
        (seen / "journal.db-shm").unlink()
    if state == "closed":
        store.close()
    before = sorted(path.name for path in seen.iterdir())
    for path in seen.iterdir():
        path.chmod(0o444)
    seen.chmod(0o555)
    done = read_as_nobody(seen)
    assert done.stdout == "['first', 'last']\n", done.stderr
    assert sorted(path.name for path in seen.iterdir()) == before
    seen.chmod(0o755)
    store.close()


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_journal_that_may_not_be_read(public: Path) -> None:
    """Whoever may not read a journal is told so in one line, and who can change that."""
    store = open_store(Workspace(public / "ws"))
    store.close()
    for mode in (0o755, 0o700):
        (public / "ws").chmod(mode)
        done = read_as_nobody(public / "ws")
        assert "may not read the journal; its owner can let it" in done.stderr.splitlines()[-1]
    (public / "ws").chmod(0o755)


def test_damage_of_the_file_is_named(tmp_path: Path) -> None:
    """A file that is no journal, or half of one, is named and left as it is."""
    (tmp_path / "journal.db").write_bytes(b"not a database, and long enough to be looked at" * 99)
    before = (tmp_path / "journal.db").read_bytes()
    with pytest.raises(Damaged, match=r"journal\.db: the journal is damaged"):
        open_store(Workspace(tmp_path))
    assert (tmp_path / "journal.db").read_bytes() == before


def test_another_database_is_left_alone(tmp_path: Path) -> None:
    """The database of another program is not a journal: it is named, and not changed."""
    connection = sqlite3.connect(tmp_path / "journal.db")
    connection.execute("CREATE TABLE stars (name TEXT)")
    connection.close()
    before = (tmp_path / "journal.db").read_bytes()
    for reading in (True, False):
        with pytest.raises(UsageError, match="the database of another program"):
            open_store(Workspace(tmp_path), reading=reading)
    assert (tmp_path / "journal.db").read_bytes() == before


def test_nothing_to_read_can_be_a_journal_without_runs(journal: Journal) -> None:
    """Who only reads, and can do without, gets a journal without runs, and nothing is made."""
    for _ in range(2):
        store = journal.open(reading=True, empty=True)
        assert store.heads() == []
        store.close()
    assert not journal.root.exists()
