"""What a call has written: described so that every change of it is noticed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from examples import examples
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from radps_dag.executors import manifest
from radps_dag.executors.manifest import damage, seal


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """A directory as a call leaves it: files, and a product that is a directory."""
    workdir = tmp_path / "products" / "flag.spw-1"
    (workdir / "table.ms" / "ANTENNA").mkdir(parents=True)
    (workdir / "image.fits").write_bytes(bytes(range(256)) * 4)
    (workdir / "empty").touch()
    (workdir / "table.ms" / "data é").write_text("visibilities")
    (workdir / "table.ms" / "ANTENNA" / "f0").write_text("positions")
    return workdir


def test_unchanged(workdir: Path) -> None:
    """Nothing is wrong with what is as it was, also in another place."""
    files = seal(workdir, workdir.parent)
    assert set(files) == {"image.fits", "empty", "table.ms"}
    assert files["image.fits"][0] == 1024
    assert damage(workdir, files) == ""
    moved = workdir.rename(workdir.with_name("moved"))
    assert damage(moved, files) == ""
    assert "is gone" in damage(workdir, files)


@examples(50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 1023), st.integers(1, 255))
def test_each_byte_counts(workdir: Path, at: int, change: int) -> None:
    """Whatever byte of a file changes, in whatever way, it is noticed, though the size is the
    same."""
    path = workdir / "image.fits"
    content = bytes(range(256)) * 4
    path.write_bytes(content)
    files = seal(workdir, workdir.parent)
    other = bytearray(content)
    other[at] ^= change
    path.write_bytes(other)
    assert "image.fits is not what was written" in damage(workdir, files)
    assert damage(workdir, files, thorough=False) == ""


def test_names_that_are_no_text(workdir: Path) -> None:
    """File systems take any bytes for a name; so does the description."""
    inside = workdir / "table.ms" / os.fsdecode(b"\xff\xfe")
    inside.write_text("as an old program wrote it")
    files = seal(workdir, workdir.parent)
    assert damage(workdir, files) == ""
    inside.rename(inside.with_name("renamed"))
    assert "table.ms is not what was written" in damage(workdir, files)


@pytest.mark.parametrize("what", ["longer", "gone", "renamed", "moved inside", "folder", "added"])
def test_each_file_counts(what: str, workdir: Path) -> None:
    """So does each file of a product that is a directory, by name and place and content."""
    files = seal(workdir, workdir.parent)
    data = workdir / "table.ms" / "data é"
    match what:
        case "longer":
            data.write_text("visibilities!")
        case "gone":
            data.unlink()
        case "renamed":
            data.rename(data.with_name("data"))
        case "moved inside":
            data.rename(data.parent / "ANTENNA" / data.name)
        case "folder":
            shutil.rmtree(workdir / "table.ms")
            (workdir / "table.ms").write_text("positionsvisibilities")
        case "added":
            (workdir / "table.ms" / "lock").touch()
    assert "table.ms is not what was written" in damage(workdir, files)


def test_large_files_count_by_pieces(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large file the size, the beginning, the end and what lies between them in places."""
    monkeypatch.setattr(manifest, "WHOLE", 100)
    monkeypatch.setattr(manifest, "PIECE", 8)
    path = workdir / "image.fits"
    files = seal(workdir, workdir.parent)
    content = path.read_bytes()
    for at in (0, 7, len(content) // 2, len(content) - 1):
        other = bytearray(content)
        other[at : at + 16] = bytes(255 - byte for byte in other[at : at + 16])
        path.write_bytes(other)
        assert "is not what was written" in damage(workdir, files), at
    path.write_bytes(content)
    assert damage(workdir, files) == ""


def test_what_has_no_content(workdir: Path) -> None:
    """A pipe, which to read would take for ever, and a link to nowhere do no harm."""
    os.mkfifo(workdir / "pipe")
    (workdir / "table.ms" / "nowhere").symlink_to("not there")
    (workdir / "link").symlink_to("not there")
    files = seal(workdir, workdir.parent)
    assert damage(workdir, files) == ""
    (workdir / "link").unlink()
    assert "link is gone" in damage(workdir, files)


def test_up_to_the_root(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is synced, and every directory from there to the root of the products."""
    synced = set()
    fsync = os.fsync

    def noted(descriptor: int) -> None:
        synced.add(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not say which file a descriptor is of")
    monkeypatch.setattr(os, "fsync", noted)
    seal(workdir, workdir.parent)
    everything = {str(path) for path in (workdir, *workdir.rglob("*"), workdir.parent)}
    assert synced == everything


def test_nothing_was_written(tmp_path: Path) -> None:
    """A call that asked for no directory has none."""
    assert seal(tmp_path / "none", tmp_path) == {}
    assert damage(tmp_path / "none", {}) == ""
