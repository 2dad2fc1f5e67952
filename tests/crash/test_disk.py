"""A disk that is full, or that cannot be written: said in a line, and mended by making room."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from crash_pipelines import SHORT
from crash_support import Parent, Site

from radps_dag.journal.opening import open_store
from radps_dag.journal.workspace import Workspace

COMMANDS = {"run": Site.run, "resume": Site.resume}


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Parent]:
    parent = Parent(tmp_path_factory.mktemp("parent"))
    yield parent
    parent.close()


class Disk:
    """A small file system in memory."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def remount(self, options: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{options}", str(self.place)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place)]
    try:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no program `mount` is here")
    if made.returncode:
        pytest.skip(f"no file system may be mounted here: {made.stderr.strip()}")
    yield Disk(place)
    subprocess.run(["umount", "-l", str(place)], check=True)


def on(disk: Disk, parent: Parent, folder: Path) -> Site:
    """A site whose workspace lies on the disk; its log does not, so that it never fills up."""
    site = Site.make(parent, folder, SHORT)
    (disk.place / "workspace").mkdir()
    (site.folder / ".radps").symlink_to(disk.place / "workspace")
    return site


@pytest.mark.parametrize("kilobytes", [8, 60, 100, 120, 140, 160, 200, 240])
def test_the_disk_is_full(kilobytes: int, disk: Disk, parent: Parent, tmp_path: Path) -> None:
    """Wherever the room ends, the run fails and says what is full; with more room it goes on."""
    site = on(disk, parent, tmp_path / "site")
    disk.remount(f"size={kilobytes}k")
    ended = site.run()
    assert "Traceback" not in ended.err, ended.err
    if ended.code:
        assert ended.code == 1
        assert "full" in ended.err or "No space left" in ended.err, ended.err
        assert "succeeded" not in ended.err
    disk.remount("size=16m")
    again = site.resume()
    if again.code:
        assert "ended before it began" in again.line or "no run is there" in again.line
        again = site.run()
    assert again.code == 0, again
    site.outputs()


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_may_be_written(command: str, disk: Disk, parent: Parent, tmp_path: Path) -> None:
    """On a disk that is read-only, nothing runs: one line says why, and what to do instead."""
    site = on(disk, parent, tmp_path / "site")
    if command == "resume":
        assert site.run(CRASH_LINE="4 self").killed
    before = site.executions()
    disk.remount("ro")
    ended = COMMANDS[command](site)
    assert ended.code == 1, ended
    assert "Read-only file system" in ended.line
    assert "--workspace" in ended.line
    assert site.executions() == before
    disk.remount("rw")
    assert COMMANDS[command](site).code == 0


def test_a_journal_that_may_only_be_read(disk: Disk, parent: Parent, tmp_path: Path) -> None:
    """What happened in a run that was killed can be read there all the same: all of it."""
    site = on(disk, parent, tmp_path / "site")
    assert site.run(CRASH_LINE="8 self").killed
    facts = site.facts()
    disk.remount("ro")
    assert site.facts() == facts


def test_a_log_without_its_index(disk: Disk, parent: Parent, tmp_path: Path) -> None:
    """Where SQLite cannot read the log in its place, the journal is read with it all the same, from
    a copy: without it, what is read would be the past."""
    site = on(disk, parent, tmp_path / "site")
    assert site.run(CRASH_LINE="8 self").killed
    with contextlib.closing(open_store(Workspace(site.workspace.resolve()), reading=True)) as store:
        (run,) = (head.run for head in store.heads())
        facts = list(store.facts(run))
    (site.workspace / "journal.db-shm").unlink()
    disk.remount("ro")
    workspace = Workspace(site.workspace.resolve())
    with contextlib.closing(open_store(workspace, reading=True)) as store:
        assert list(store.facts(run)) == facts
