"""What a killed process has left is removed; what the journal knows, and all else, stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from radps_dag.facts import Fact, Made, NodeFailed, NodeSucceeded
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.runs.orphans import remove_orphans
from radps_dag.runs.record import OpenRun, new_run


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(Workspace(tmp_path.resolve()))
    yield store
    store.close()


@pytest.fixture
def opened(store: Store) -> Iterator[OpenRun]:
    opened = new_run(store, "cube")
    yield opened
    opened.close()


def wrote(opened: OpenRun, *names: str) -> None:
    """Files that attempts have written."""
    for name in names:
        path = opened.directory.products / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def committed(opened: OpenRun, folder: str, *, failed: bool = False, key: str = "0" * 32) -> None:
    """The row of a call, which says in which directory it has written."""
    made = Made(key=key, workdir=(opened.directory.products / folder).as_uri() if folder else "")
    fact: Fact
    if failed:
        fact = NodeFailed(time=1.0, place="x", error="QA", message="", seconds=1.0, made=made)
    else:
        fact = NodeSucceeded(time=1.0, place="x", outputs={}, seconds=1.0, made=made)
    id, store = opened.directory.id, opened.store
    store.append(id, [to_row(id, fact, store.workspace)])


def left(opened: OpenRun) -> set[str]:
    products = opened.directory.products
    return {str(path.relative_to(products)) for path in products.rglob("*") if path.is_file()}


def test_what_nobody_knows_is_removed(opened: OpenRun) -> None:
    """Attempts without a row go, of whatever process; those with one stay, to the last file."""
    wrote(opened, "a/data", "a/more/log", "a.resumed-1/data", "a.attempt-2/data", "b.3/data")
    committed(opened, "a")
    assert len(remove_orphans(opened)) == 3
    assert left(opened) == {"a/data", "a/more/log"}
    assert remove_orphans(opened) == []


def test_within_groups(opened: OpenRun) -> None:
    """A group's directory stays with what is known in it, and goes where nothing is."""
    wrote(opened, "g/x/data", "g/y/data", "g/h/z/data", "g/h/w/data", "other/x/data")
    committed(opened, "g/x")
    committed(opened, "g/h/z")
    remove_orphans(opened)
    assert left(opened) == {"g/x/data", "g/h/z/data"}
    assert not (opened.directory.products / "other").exists()


def test_whatever_was_committed_stays(opened: OpenRun) -> None:
    """Also what a later attempt has replaced, and what failed for its quality; empty too."""
    wrote(opened, "a/data", "a.attempt-2/data", "bad/data")
    (opened.directory.products / "empty").mkdir()
    for folder in ("a", "a.attempt-2", "empty", ""):
        committed(opened, folder)
    committed(opened, "bad", failed=True)
    assert remove_orphans(opened) == []
    assert (opened.directory.products / "empty").is_dir()


def test_nothing_elsewhere(opened: OpenRun, store: Store, tmp_path: Path) -> None:
    """Only this run's products: not those of another run, nor the run's own files, nor what a link
    leads to."""
    other = new_run(store, "cube")
    wrote(other, "a/data")
    outside = tmp_path / "archive" / "data"
    outside.parent.mkdir()
    outside.write_text("precious")
    wrote(opened, "a/data", "loose")
    (opened.directory.products / "link").symlink_to(outside.parent)
    (opened.directory.products / "a" / "link").symlink_to(outside.parent)
    (opened.directory.path / "notes").mkdir()
    remove_orphans(opened)
    other.close()
    assert outside.read_text() == "precious"
    assert left(other) == {"a/data"}
    assert left(opened) == {"loose"}
    assert (opened.directory.path / "notes").is_dir()
    assert (opened.directory.products / "link").is_symlink()


def test_names_that_begin_alike(opened: OpenRun) -> None:
    """A name is known as a whole, with blanks and accents, in every spelling of an address."""
    wrote(opened, "a b é/data", "a b/data", "a/data", "a b é.attempt-2/data")
    committed(opened, "a b é")
    remove_orphans(opened)
    assert left(opened) == {"a b é/data"}


def test_a_run_without_products(opened: OpenRun) -> None:
    """There is nothing to do where there is nothing."""
    opened.directory.products.rmdir()
    assert remove_orphans(opened) == []
