"""A journal or products that are not what was written: refused by name or made again, never a
wrong result, never a traceback."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crash_pipelines import SHORT
from crash_support import WORKLOADS, Ended, Parent, Site, content_of

from radps_dag.facts import Fact
from radps_dag.journal.opening import open_store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError

FLIPS = int(os.environ.get("RADPS_DAG_CRASHES", "100"))


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    parent = Parent(tmp_path_factory.mktemp("parent"))
    yield parent
    parent.close()


@dataclass(frozen=True)
class Original:
    """A site as it was before anything was damaged, and what its run gives."""

    site: Site
    outputs: Any

    def copy(self, folder: Path) -> Site:
        shutil.copytree(self.site.folder, folder)
        return Site(self.site.parent, folder)


@pytest.fixture(scope="module")
def finished(parent: Parent, tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A run that ended well; everything is in the journal's file itself."""
    site = Site.make(parent, tmp_path_factory.mktemp("finished") / "site", SHORT)
    assert site.run().code == 0
    return Original(site, site.outputs())


@pytest.fixture(scope="module")
def half(finished: Original, tmp_path_factory: pytest.TempPathFactory) -> Original:
    """A run that was killed; much of it is in the journal's write-ahead log."""
    folder = tmp_path_factory.mktemp("half") / "site"
    site = Site.make(finished.site.parent, folder, SHORT)
    assert site.run(CRASH_LINE="5 self").killed
    assert Path(f"{site.journal}-wal").stat().st_size
    return Original(site, finished.outputs)


def in_order(site: Site, ended: Ended, expected: Any) -> bool:
    """Whether a command has gone well. If not, it has said so in one line; else, all is right."""
    assert "Traceback" not in ended.err, ended.err
    if ended.code == 0:
        assert site.outputs() == expected
        return True
    assert ended.code in (1, 2), ended
    assert ended.line
    return False


def flip(path: Path, chance: random.Random) -> str:
    """Change some bits of a file, or its end; what was done."""
    content = bytearray(path.read_bytes())
    if not content:
        return "nothing"
    at = chance.randrange(len(content))
    match chance.choice(["bit", "bit", "byte", "zeros", "cut", "noise"]):
        case "bit":
            content[at] ^= 1 << chance.randrange(8)
        case "byte":
            content[at] = chance.randrange(256)
        case "zeros":
            content[at : at + 512] = bytes(len(content[at : at + 512]))
        case "noise":
            content[at : at + 64] = chance.randbytes(len(content[at : at + 64]))
        case "cut":
            del content[at:]
    path.write_bytes(content)
    return f"{path.name} at {at}"


@pytest.mark.parametrize("which", ["finished", "half"])
@pytest.mark.parametrize("suffix", ["", "-wal"])
def test_flipped_bits(
    which: str, suffix: str, finished: Original, half: Original, tmp_path: Path
) -> None:
    """Bits of the journal's files change: `resume` and then `run` refuse, or give what is right."""
    original = finished if which == "finished" else half
    if not Path(f"{original.site.journal}{suffix}").exists():
        pytest.skip("a finished run leaves no write-ahead log")
    for number in range(max(FLIPS // 6, 1)):
        site = original.copy(tmp_path / str(number))
        done = flip(Path(f"{site.journal}{suffix}"), random.Random(f"{which}{suffix}{number}"))
        try:
            in_order(site, site.resume(), original.outputs)
            in_order(site, site.run(), original.outputs)
        except AssertionError as error:
            raise AssertionError(f"flip {number}, {done}: {error}") from error
        shutil.rmtree(site.folder)


LOOKING = (
    ("runs", "--json"),
    ("runs",),
    ("status",),
    ("status", "--json"),
    ("show", "last"),
    ("context",),
    ("context", "--json"),
    ("show", "last", "second[i=1]"),
    ("show", "last", "--provenance", "--format", "json"),
    ("plan", "pipeline.yaml", "--workloads", str(WORKLOADS)),
)


@pytest.mark.parametrize("which", ["finished", "half"])
def test_looking_at_what_is_damaged(
    which: str, finished: Original, half: Original, tmp_path: Path
) -> None:
    """The commands that only look show what they can, or refuse in a line."""
    original = finished if which == "finished" else half
    for number in range(max(FLIPS // 16, 1)):
        site = original.copy(tmp_path / str(number))
        done = flip(site.journal, random.Random(f"look {which} {number}"))
        for words in LOOKING:
            ended = site.parent.run(*words, cwd=site.folder, CRASH_LOG=str(site.log))
            assert "Traceback" not in ended.err, (done, words, ended.err)
            assert ended.code == 0 or ended.line, (done, words, ended)
        shutil.rmtree(site.folder)


def everything(site: Site) -> list[Fact]:
    store = open_store(Workspace(site.workspace.resolve()))
    try:
        store.check()
        return [fact for head in store.heads() for fact in store.facts(head.run)]
    finally:
        store.close()


@pytest.mark.parametrize("which", ["finished", "half"])
def test_read_or_refused(which: str, finished: Original, half: Original, tmp_path: Path) -> None:
    """Whatever bits change, reading gives the facts that were written, or fewer, or refuses."""
    site = (finished if which == "finished" else half).copy(tmp_path / "site")
    kept = {path: path.read_bytes() for path in site.workspace.glob("journal.db*")}
    written = everything(site)
    files = [path for path in kept if not path.name.endswith("-shm")]
    refused = 0
    for number in range(3 * FLIPS):
        for path in site.workspace.glob("journal.db*"):
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)
        chance = random.Random(f"read {number}")
        done = flip(chance.choice(files), chance)
        try:
            found = everything(site)
        except RadpsDagError as error:
            refused += 1
            assert len(str(error).splitlines()) == 1, done
        else:
            assert found == written[: len(found)], done
    # A log that is not whole ends earlier, which only undoes what was written last.
    assert refused > (FLIPS // 10 if which == "finished" else -1)


Change = str

ROWS: dict[str, Change] = {
    "payload": "UPDATE radps_facts SET payload = replace(payload, '1.0', '4.0') WHERE key NOTNULL",
    "place": "UPDATE radps_facts SET place = 'second[i=1]' WHERE place = 'first'",
    "kind": "UPDATE radps_facts SET kind = 'noted' WHERE kind = 'node_succeeded'",
    "key": "UPDATE radps_facts SET key = '0123456789abcdef0123456789abcdef' WHERE key NOTNULL",
    "no key": "UPDATE radps_facts SET key = NULL",
    "checksum": "UPDATE radps_facts SET checksum = checksum + 1 WHERE seq = 1",
    "bytes": "UPDATE radps_facts SET payload = x'ff00fe' WHERE seq = 2",
    "no text": "UPDATE radps_facts SET place = x'ff', kind = 17 WHERE seq = 3",
    "time": "UPDATE radps_facts SET time = 'noon' WHERE seq = 2",
    "middle": "DELETE FROM radps_facts WHERE seq = 2",
    "first": "DELETE FROM radps_facts WHERE seq = 1",
    "end": "DELETE FROM radps_facts WHERE seq = (SELECT max(seq) FROM radps_facts)",
    "all": "DELETE FROM radps_facts",
    "too many": "UPDATE radps_runs SET last = last - 1",
    "no number": "UPDATE radps_runs SET last = 'three'",
    "generation": "UPDATE radps_runs SET generation = 'first'",
    "created": "UPDATE radps_runs SET created = 'noon'",
    "no head": "DELETE FROM radps_runs",
    "name": "UPDATE radps_runs SET run = x'ff'",
    "version": "UPDATE radps_journal SET value = 0",
    "old version": "UPDATE radps_journal SET value = -3",
    "odd version": "UPDATE radps_journal SET value = 'one'",
    "no version": "DELETE FROM radps_journal",
    "no table": "DROP TABLE radps_facts",
    "no column": "ALTER TABLE radps_facts DROP COLUMN checksum",
}


# What no other run can do without either.
WHOLE = ("version", "old version", "odd version", "no version", "no table", "no column")


@pytest.mark.parametrize("change", ROWS)
@pytest.mark.parametrize("which", ["finished", "half"])
def test_changed_rows(
    which: str, change: str, finished: Original, half: Original, tmp_path: Path
) -> None:
    """Rows that somebody has changed or deleted are never believed; another run of the pipeline
    makes everything again, and says of which run nothing is used."""
    original = finished if which == "finished" else half
    site = original.copy(tmp_path / "site")
    (run,) = site.runs()
    with contextlib.closing(sqlite3.connect(site.journal)) as connection:
        connection.execute(ROWS[change])
        connection.commit()
    went_well = in_order(site, site.resume(), original.outputs)
    assert not went_well, "nothing was noticed"
    before = site.executions()
    ended = site.run()
    if in_order(site, ended, original.outputs):
        assert sum((site.executions() - before).values()) == 3
    assert (ended.code == 0) == (change not in WHOLE), ended
    if change not in (*WHOLE, "no head", "name"):
        (line,) = [line for line in ended.err.splitlines() if "is used again" in line]
        assert f"nothing of run {run} is used again: {site.journal.resolve()}: " in line
    if change in ("payload", "created"):
        ended = site.run("--no-reuse")
        assert in_order(site, ended, original.outputs)
        assert "is used again" not in ended.err


@pytest.mark.parametrize("options", [(), ("--only=second",)])
def test_nothing_is_written_to_a_file_that_loses_it(
    options: tuple[str, ...], finished: Original, tmp_path: Path
) -> None:
    """Where not only rows of a run are damaged but also how rows are found, nothing more runs."""
    site = finished.copy(tmp_path / "site")
    with contextlib.closing(sqlite3.connect(site.journal)) as connection:
        connection.execute(ROWS["payload"])
        # An index in which the rows are not: nothing of it looks wrong to who only reads pages.
        connection.execute("CREATE INDEX void ON radps_facts (key) WHERE 0")
        connection.execute("PRAGMA writable_schema = ON")
        root = "(SELECT rootpage FROM sqlite_master WHERE name = 'void')"
        whole = "type = 'index' AND sql NOTNULL AND name != 'void'"
        connection.execute(f"UPDATE sqlite_master SET rootpage = {root} WHERE {whole}")
        connection.execute("DELETE FROM sqlite_master WHERE name = 'void'")
        connection.commit()
    before = site.executions()
    ended = site.run(*options)
    assert ended.code == 1, ended
    assert "the journal is damaged: " in ended.line
    assert site.executions() == before


def test_a_part_of_a_pipeline_after_damage(finished: Original, tmp_path: Path) -> None:
    """What is left of the stages that do not run comes from the newest run that is sound."""
    site = finished.copy(tmp_path / "site")
    (sound,) = site.runs()
    assert site.run("--force=**").code == 0
    damaged = site.runs()[0]
    with contextlib.closing(sqlite3.connect(site.journal)) as connection:
        connection.execute("UPDATE radps_facts SET time = 1 WHERE seq = 3 AND run = ?", (damaged,))
        connection.commit()
    for options in ((), ("--no-reuse",)):
        ended = site.run("--only=second", *options)
        assert ended.code == 0, ended
        assert ended.err.count(f"nothing of run {damaged} is used again: ") == 1
        assert site.outputs() == finished.outputs
    with contextlib.closing(sqlite3.connect(site.journal)) as connection:
        connection.execute("UPDATE radps_facts SET time = 1 WHERE seq = 3 AND run = ?", (sound,))
        connection.execute("DELETE FROM radps_runs WHERE run NOT IN (?, ?)", (damaged, sound))
        connection.commit()
    ended = site.run("--only=second")
    assert ended.code == 2, ended
    assert ended.line


def test_two_journals(finished: Original, tmp_path: Path) -> None:
    """A log that belongs to another journal is not mixed into this one."""
    site = finished.copy(tmp_path / "site")
    other = Site.make(site.parent, tmp_path / "other", SHORT)
    assert other.run(CRASH_LINE="5 self").killed
    shutil.copy(f"{other.journal}-wal", f"{site.journal}-wal")
    in_order(site, site.resume(), finished.outputs)
    in_order(site, site.run(), finished.outputs)


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
@pytest.mark.parametrize("what", ["gone", "empty", "text", "directory"])
def test_files_of_the_journal(what: str, suffix: str, half: Original, tmp_path: Path) -> None:
    """A file of the journal that is gone, empty or something else."""
    site = half.copy(tmp_path / "site")
    path = Path(f"{site.journal}{suffix}")
    path.unlink()
    match what:
        case "empty":
            path.touch()
        case "text":
            path.write_text("Dear colleague,\n" * 400)
        case "directory":
            path.mkdir()
    in_order(site, site.resume(), half.outputs)
    in_order(site, site.run(), half.outputs)


def products(site: Site) -> list[Path]:
    return sorted(path for path in site.workspace.glob("runs/*/products/**/*") if path.is_file())


@pytest.mark.parametrize("what", ["changed", "cut", "longer", "gone", "directory gone", "a folder"])
def test_damaged_products(what: str, finished: Original, tmp_path: Path) -> None:
    """A product that is not what was written is made again, by `resume` and by `run`; what depends
    on it and still holds is not."""
    for number in range(len(products(finished.site))):
        site = finished.copy(tmp_path / str(number))
        path = products(site)[number]
        match what:
            case "changed":
                content = bytearray(path.read_bytes())
                content[len(content) // 2] ^= 1
                path.write_bytes(content)
            case "cut":
                os.truncate(path, path.stat().st_size - 1)
            case "longer":
                path.write_bytes(path.read_bytes() + b" ")
            case "gone":
                path.unlink()
            case "directory gone":
                shutil.rmtree(path.parent)
            case "a folder":
                path.unlink()
                path.mkdir()
        before = site.executions()
        ended = site.resume() if number % 2 else site.run()
        assert ended.code == 0, ended
        assert site.outputs() == finished.outputs
        done = site.executions() - before
        assert sum(done.values()) == 1, done


def test_a_moved_workspace(finished: Original, tmp_path: Path) -> None:
    """In another directory, with blanks and accents in its name, all is still known."""
    site = finished.copy(tmp_path / "Très  loin #1 %20 de là")
    before = site.executions()
    shutil.move(finished.site.folder, tmp_path / "away")
    try:
        for ended in (site.resume(), site.run()):
            assert ended.code == 0, ended
            assert content_of(site.facts()[-1].outputs) == finished.outputs
    finally:
        shutil.move(tmp_path / "away", finished.site.folder)
    assert site.executions() == before
