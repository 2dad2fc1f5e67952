"""Whatever is in a journal, each command that reads it shows what was written, or says in a line
what is damaged: never a traceback, never a hang, never something else as the truth.

`RADPS_DAG_CRASHES=1000` corrupts more often than an ordinary test.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from crash_support import WORKLOADS

from radps_dag.cli.main import main
from radps_dag.journal.rows import Head, Row, checksum, digest

TRIALS = max(1, int(os.environ.get("RADPS_DAG_CRASHES", "100")) // 12)

TEXT = """
version: 1
name: asking
params: {level: {type: number, default: 1.0}}
context:
  flux: {type: number}
stages:
  first:
    run: tell
    with: {name: first, key: flux, value: "${{ params.level }}"}
    qa: {metrics: {good: {score: "${{ outputs.value / 2 }}", value: "${{ outputs.value }}"}}}
  spread:
    for_each: {i: [1, 2, 3]}
    min_success: 2
    run: store
    with: {name: "spread[i=${{ each.i }}]", value: 2.0, broken: "${{ each.i == 2 }}"}
    needs: [first]
  again:
    needs: [spread]
    loop: {max_iterations: 2, until: "${{ loop.index >= 2 }}"}
    steps:
      a: {run: store, with: {name: "again#${{ loop.index }}/a", value: 4.0}}
    outputs: {product: "${{ steps.a.product }}"}
  look:
    pause:
      message: Is it good?
      show: ["${{ stages.again.product }}", "${{ stages.spread.value }}"]
      input: {fine: {type: boolean, default: true}}
outputs: {product: "${{ stages.again.product }}", fine: "${{ stages.look.fine }}"}
"""

OPTIONS = ("--no-prefect", "--workloads", str(WORKLOADS))

EXPORTED = "exported.json"
LOOKING = (
    ("runs", "--json"),
    ("runs",),
    ("status",),
    ("status", "--json"),
    ("show", "last"),
    ("show", "last", "--json"),
    ("show", "last", "spread[i=1]"),
    ("show", "last", "spread"),
    ("show", "last", "--provenance"),
    ("qa",),
    ("context",),
    ("context", "--json"),
    ("questions",),
    ("questions", "--json"),
    ("export", "last", EXPORTED),
    ("plan", "asking.yaml", "--workloads", str(WORKLOADS)),
)
LISTS = ("runs", "questions", "plan")  # they go on without what is damaged, and say so


@dataclass(frozen=True)
class Said:
    """What a command has done."""

    code: int
    out: str
    err: str

    def in_order(self) -> bool:
        """Whether an error was told in lines of ours; there is nothing else that may be."""
        lines = self.err.splitlines()
        ours = all(line.startswith(("radps-dag: ", "Usage: ", "Error: ")) for line in lines)
        return self.code in (1, 2) and bool(lines) and ours


def command(*words: str) -> Said:
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(list(words))
        except SystemExit as exit:
            code = exit.code
    written = Path(EXPORTED)
    if written.exists():
        out.write(written.read_text())
        written.unlink()
    return Said(int(code), out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Site:
    """A directory with a workspace, and what the commands say there while nothing is damaged."""

    folder: Path
    truth: dict[tuple[str, ...], Said]

    @property
    def journal(self) -> Path:
        return self.folder / ".radps" / "journal.db"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two runs: one that has ended well, and one that waits for an answer."""
    folder = tmp_path_factory.mktemp("readers") / "site"
    folder.mkdir()
    (folder / "asking.yaml").write_text(TEXT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRASH_LOG", str(folder / "log"))
        patch.setenv("COLUMNS", "200")
        patch.chdir(folder)
        run = ("run", "asking.yaml", *OPTIONS, "--detach-on-pause", "--quiet")
        assert command(*run).code == 3
        assert command("answer", "last", "look").code == 0
        assert command("resume", *OPTIONS, "--quiet").code == 0
        assert command(*run, "-p", "level=0.4").code == 3
        truth = {words: command(*words) for words in LOOKING}
        yield Site(folder, truth)
    assert all(said.code == 0 for said in truth.values()), truth


@pytest.fixture
def site(original: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The same, to be damaged; afterwards it is as it was."""
    kept = original.folder.with_name("kept")
    shutil.copytree(original.folder, kept, symlinks=True)
    monkeypatch.chdir(original.folder)
    monkeypatch.setenv("CRASH_LOG", str(original.folder / "log"))
    monkeypatch.setenv("COLUMNS", "200")
    try:
        yield original
    finally:
        _put_back(original, kept)
        shutil.rmtree(kept)


def _put_back(site: Site, kept: Path) -> None:
    """All that is there, so that the directory itself stays the same."""
    for path in site.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copytree(kept, site.folder, dirs_exist_ok=True, symlinks=True)


def check(site: Site, done: Any, *, truthful: bool = True) -> bool:
    """Ask all that only look. Whether anything was amiss; nothing but the truth may be said, unless
    what was done cannot be found out."""
    amiss = False
    for words, truth in site.truth.items():
        said = command(*words)
        if said.code == 0 and not said.err and (said.out == truth.out or not truthful):
            continue
        amiss = True
        if words[0] == "plan" and said.code == 0:
            assert "is used again" in said.err, (done, words, said)
            continue
        assert said.in_order(), (done, words, said)
        if words[0] not in LISTS:
            assert not said.out, (done, words, said)
            assert len(said.err.splitlines()) == 1, (done, words, said)
        if words == ("runs", "--json") and said.out and truthful:
            true = json.loads(truth.out)
            for row in json.loads(said.out):
                # Beside a damaged run nobody knows which one was before, and nothing is said of it.
                rows = (
                    [{**one, "differs": None} for one in true] if row["differs"] is None else true
                )
                assert row in rows, (done, said)
    return amiss


VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 7, 10**18, 0.5, -1e300, 1e300, "", "x", "\ud800", "a\x1b[2Jb", "../.."),
    *([], [1], [[]], {}, {"a": 1}, {"uri": 7, "kind": []}, [{"uri": "file:///", "kind": "x"}]),
)
COLUMNS = ("run", "seq", "time", "place", "kind", "key", "payload", "checksum")


def change_row(connection: sqlite3.Connection, chance: random.Random) -> Any:
    """Change, delete or swap rows, or a head, as no program of ours would."""
    table = chance.choice(["radps_facts"] * 4 + ["radps_runs"])
    own = "seq" if table == "radps_facts" else "last"
    rows = connection.execute(f"SELECT run, {own} FROM {table}").fetchall()
    run, number = chance.choice(rows)
    where = f"run = ? AND {own} = ?"
    what = chance.choice(["value", "value", "value", "delete", "swap", "copy"])
    if what == "delete":
        connection.execute(f"DELETE FROM {table} WHERE {where}", (run, number))
    elif what == "value":
        columns = COLUMNS if own == "seq" else ("pipeline", "created", "generation", "last")
        column = chance.choice(columns)
        value = chance.choice([0, 1.5, "x", b"\xff", "asking", "noted", 3, "spread[i=1]"])
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (value, run, number))
        what = f"{what} {column}={value!r}"
    elif own == "last":
        connection.execute(
            f"UPDATE {table} SET created = 9e9 - created WHERE {where}", (run, number)
        )
    else:
        column = chance.choice(("place", "kind", "payload", "time"))
        other = chance.choice(rows)
        values = [_value(connection, column, *one) for one in ((run, number), other)]
        _set(connection, column, values[1], run, number)
        if what == "swap":
            _set(connection, column, values[0], *other)
    return what, table, run, number


def _value(connection: sqlite3.Connection, column: str, run: str, seq: int) -> Any:
    query = f"SELECT {column} FROM radps_facts WHERE run = ? AND seq = ?"
    return connection.execute(query, (run, seq)).fetchone()[0]


def _set(connection: sqlite3.Connection, column: str, value: Any, run: str, seq: int) -> None:
    query = f"UPDATE radps_facts SET {column} = ? WHERE run = ? AND seq = ?"
    connection.execute(query, (value, run, seq))


def forge_row(connection: sqlite3.Connection, chance: random.Random) -> Any:
    """Change what a row says, and its checksum with it."""
    rows = connection.execute("SELECT * FROM radps_facts ORDER BY run, seq").fetchall()
    row = Row(*chance.choice(rows))
    what = chance.choice(["value"] * 6 + ["time", "kind", "place", "key"])
    if what == "value":
        document = json.loads(row.payload)
        path = _forged(document, chance)
        new = replace(row, payload=json.dumps(document))
    else:
        path = chance.choice([0.0, 1e300, -1.0, 9e12, "x", "run_started", "noted", "node_started"])
        if what != "time":
            path = str(path)
        new = replace(row, **{what: path})
    connection.execute(
        "UPDATE radps_facts SET time=?, place=?, kind=?, key=?, payload=?, checksum=?"
        " WHERE run=? AND seq=?",
        (
            new.time,
            new.place,
            new.kind,
            new.key,
            new.payload,
            checksum(new, new.seq),
            row.run,
            row.seq,
        ),
    )
    return row.kind, row.run, row.seq, what, path


def _forged(document: Any, chance: random.Random) -> Any:
    """Put something else at a place in a document."""
    path = []
    while True:
        keys = list(document) if isinstance(document, dict) else list(range(len(document)))
        if not keys:
            document["new"] = 1
            return path
        key = chance.choice(keys)
        path.append(key)
        inner = document[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.7:
            document = inner
            continue
        value = chance.choice(VALUES)
        if isinstance(document, dict) and chance.random() < 0.15:
            del document[key]
        else:
            document[key] = value
        return path, value


def forge_head(connection: sqlite3.Connection, chance: random.Random) -> Any:
    """Change a head, and its checksum with it."""
    rows = connection.execute("SELECT * FROM radps_runs").fetchall()
    *values, _ = chance.choice(rows)
    name = chance.choice(["pipeline", "created", "generation"])
    value = chance.choice(
        {
            "pipeline": ["x", "", "\x1b[2J"],
            "created": [0.0, 1e300, -1e300],
            "generation": [-1, 2**62],
        }[name]
    )
    head = replace(Head(*values), **{name: value})
    connection.execute(
        f"UPDATE radps_runs SET {name}=?, checksum=? WHERE run=?", (value, digest(head), head.run)
    )
    return head


Change = Callable[[sqlite3.Connection, random.Random], Any]


def changed(site: Site, change: Change, chance: random.Random) -> Any:
    with contextlib.closing(sqlite3.connect(site.journal)) as connection:
        while True:
            try:
                done = change(connection, chance)
                break
            except sqlite3.IntegrityError:
                continue
        connection.commit()
    return done


def journals(site: Site) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in site.journal.parent.glob("journal.db*")}


def restore(site: Site, kept: dict[Path, bytes]) -> None:
    for path in site.journal.parent.glob("journal.db*"):
        path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)


@pytest.mark.slow
def test_rows_that_were_changed(site: Site) -> None:
    """Rows that are not what was written are named, or were not read; nothing else is shown."""
    kept = journals(site)
    for number in range(TRIALS):
        restore(site, kept)
        done = changed(site, change_row, random.Random(f"row {number}"))
        check(site, (number, done))


@pytest.mark.slow
@pytest.mark.parametrize("change", [forge_row, forge_head])
def test_rows_that_were_forged(change: Change, site: Site) -> None:
    """What is of the wrong type is named, also where its checksum fits; nothing else happens."""
    kept = journals(site)
    for number in range(2 * TRIALS):
        restore(site, kept)
        done = changed(site, change, random.Random(f"{change.__name__} {number}"))
        check(site, (number, done), truthful=False)


def flip(path: Path, chance: random.Random) -> Any:
    """Change bits of a file, or cut it."""
    content = bytearray(path.read_bytes())
    at = chance.randrange(len(content))
    what = chance.choice(["bit", "byte", "zeros", "cut"])
    match what:
        case "bit":
            content[at] ^= 1 << chance.randrange(8)
        case "byte":
            content[at] = chance.randrange(256)
        case "zeros":
            content[at : at + 512] = bytes(len(content[at : at + 512]))
        case "cut":
            del content[at:]
    path.write_bytes(content)
    return path.name, what, at


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_bits_that_were_changed(suffix: str, site: Site) -> None:
    """Of a journal of which bits have changed, the truth is shown or the damage named. A log that
    is not whole ends earlier, so that less is known then."""
    if suffix:
        _leave_a_log(site)
    kept = journals(site)
    for number in range(TRIALS):
        restore(site, kept)
        done = flip(Path(f"{site.journal}{suffix}"), random.Random(f"bits{suffix} {number}"))
        check(site, (number, done), truthful=suffix == "")


def _leave_a_log(site: Site) -> None:
    """Have the last facts in the write-ahead log alone, as a process leaves them that is killed."""
    reader = sqlite3.connect(site.journal)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM radps_facts").fetchone()
    assert command("answer", "last", "look").code == 0
    left = journals(site)
    assert left[Path(f"{site.journal}-wal")]
    reader.close()
    restore(site, left)


@pytest.mark.slow
@pytest.mark.parametrize("change", [change_row, forge_row, forge_head])
def test_going_on_with_what_was_changed(change: Change, site: Site) -> None:
    """`resume` and `answer` refuse a run that is not what was written, before they change it."""
    assert command("answer", "last", "look").code == 0
    kept = journals(site)
    for number in range(TRIALS):
        restore(site, kept)
        done = changed(site, change, random.Random(f"on {change.__name__} {number}"))
        for words in (("answer", "last", "look"), ("resume", "--quiet", *OPTIONS)):
            said = command(*words)
            assert "Traceback" not in said.err, (done, said)
            assert said.code in (0, 1, 2, 3), (done, said)
            assert said.code in (0, 3) or said.err.strip(), (done, said)


@pytest.mark.parametrize("name", ["journal.db", "journal.db-wal", "journal.db-shm"])
@pytest.mark.parametrize("what", ["pipe", "directory"])
def test_what_is_not_a_file(name: str, what: str, site: Site) -> None:
    """A pipe or a directory in the place of a file of the journal is named; nobody waits for it."""
    path = site.journal.with_name(name)
    path.unlink(missing_ok=True)
    path.mkdir() if what == "directory" else os.mkfifo(path)
    for words in (
        *LOOKING,
        ("resume", *OPTIONS),
        ("run", "asking.yaml", *OPTIONS),
        ("import", "x"),
    ):
        said = command(*words)
        assert said.in_order(), (words, said)
        if words[0] != "import":
            assert f"{name} is not a file" in said.err, (words, said)


@pytest.mark.parametrize("what", ["pipe", "directory", "broken"])
def test_a_lock_that_is_none(what: str, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be told whether somebody drives a run, that is said of the run; the other
    ones are listed."""
    last, first = (one["run"] for one in json.loads(command("runs", "--json").out))
    lock = site.journal.parent / "runs" / last / "driver.lock"
    lock.unlink()
    match what:
        case "pipe":
            os.mkfifo(lock)
        case "directory":
            lock.mkdir()
        case _:
            lock.touch()
            real = os.open

            def broken(path: Any, *given: Any, **more: Any) -> int:
                if os.fspath(path) == str(lock):
                    raise OSError(errno.EIO, "Input/output error", str(path))
                return real(path, *given, **more)

            monkeypatch.setattr(os, "open", broken)
    said = command("runs", "--json")
    assert [one["run"] for one in json.loads(said.out)] == [first]
    assert said.code == 1
    assert said.err.count("\n") == 1
    for words in (("status",), ("show", "last"), ("resume", *OPTIONS), ("cancel", "last")):
        said = command(*words)
        assert said.in_order(), (words, said)
        assert str(lock) in said.err, (words, said)


def test_the_database_of_another_program(site: Site) -> None:
    """It gets no tables of ours, and not one bit of it changes."""
    site.journal.unlink()
    with contextlib.closing(sqlite3.connect(site.journal)) as connection:
        connection.execute("CREATE TABLE observations (id INTEGER)")
        connection.commit()
    before = site.journal.read_bytes()
    for words in (*LOOKING, ("resume", *OPTIONS), ("run", "asking.yaml", *OPTIONS)):
        said = command(*words)
        assert said.in_order(), (words, said)
        assert "is the database of another program" in said.err
    assert site.journal.read_bytes() == before
    site.journal.write_bytes(b"")
    assert command("run", "asking.yaml", *OPTIONS, "--detach-on-pause", "--quiet").code == 3


def test_a_run_that_is_not_in_the_list(site: Site) -> None:
    """Rows without a head are those of a run that was there: it is not passed over."""
    last, first = (one["run"] for one in json.loads(command("runs", "--json").out))
    with contextlib.closing(sqlite3.connect(site.journal)) as connection:
        connection.execute("DELETE FROM radps_runs WHERE run = ?", (last,))
        connection.commit()
    said = command("runs", "--json")
    assert (said.code, [one["run"] for one in json.loads(said.out)]) == (1, [first])
    assert f"run '{last}' is not in the list of runs" in said.err
    assert command("status").in_order()
    assert command("status", first).code == 0


def test_a_journal_that_nobody_may_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named, with how its owner can let others read it."""
    real = os.access

    def access(path: Any, *given: Any, **more: Any) -> bool:
        return os.fspath(path) != str(site.journal) and real(path, *given, **more)

    monkeypatch.setattr(os, "access", access)
    said = command("runs")
    assert said.in_order()
    assert "may not read the journal" in said.err
