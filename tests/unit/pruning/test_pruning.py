"""Pruning: what goes, what stays for whom, and what a crash at any step leaves."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pruning_support import DAY, SHAPES, Shape, Site, check_kept, laid_out

from radps_dag.facts import (
    NOT_SELECTED,
    Made,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
)
from radps_dag.journal.claims import claim
from radps_dag.journal.store import Store
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.pruning import Choice, plan, prune, removal
from radps_dag.reuse.earlier import EarlierRuns
from radps_dag.storage import clearing


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.store.close()


def pruned(site: Site, *runs: str) -> removal.Pruned:
    return prune(site.store, plan(site.store, Choice(runs)))


def test_a_run_goes_with_what_only_it_has(site: Site) -> None:
    """Products that a kept run uses again stay, all others go; the mark waits for the rest, which
    goes once nobody reads it."""
    site.run("one")
    shared = site.made("one", "a")
    site.made("one", "b")
    site.end("one")
    site.run("two", number=1)
    site.says("two", "a", shared)
    site.made("two", "b")
    site.end("two")
    planned = plan(site.store, Choice(("one",)))
    assert [(item.run, item.status) for item in planned.going] == [("one", "succeeded")]
    done = prune(site.store, planned)
    assert (list(done.runs), done.freed["one"], done.troubles) == (["one"], planned.size, [])
    assert site.left() == ["one/products/a/a b.txt", "two/products/b/a b.txt"]
    assert [head.run for head in site.store.heads()] == ["two"]
    assert list(pruned(site, "two").runs) == ["two"]
    assert site.folders() == []
    assert not site.store.workspace.pruned.exists()


def test_the_choice(site: Site) -> None:
    """Age counts from the end of a run, the newest are those that began last; both together mean
    both; nobody goes for nothing."""
    for number, run in enumerate(["one", "two", "three"]):
        site.run(run, number=number)
        site.end(run, number=10 - number)
    went = lambda **choice: {item.run for item in plan(site.store, Choice(**choice)).going}  # noqa: E731
    assert went(before=8.5 * DAY) == {"three"}
    assert went(keep_last=1) == {"one", "two"}
    assert went(keep_last=1, before=9.5 * DAY) == {"two"}
    assert went(keep_last=3) == set()
    assert went(runs=()) == set()
    assert went(runs=("last", "wo")) == {"three", "two"}
    with pytest.raises(UsageError, match="no run 'four'"):
        plan(site.store, Choice(("four",)))


def test_who_stays(site: Site) -> None:
    """A run that is driven, that waits for an answer, or that a running one has pinned stays."""
    for number, run in enumerate(["driven", "waits", "pinned", "other"]):
        site.run(run, number=number)
        site.end(run, "paused" if run == "waits" else "failed")
    held = claim(site.store, site.store.workspace.run("driven"))
    running = site.open()
    assert running.pin("pinned")
    planned = plan(site.store, Choice(keep_last=0))
    done = prune(site.store, planned)
    assert list(done.runs) == ["other"]
    staying = {**planned.staying, **done.staying}
    assert {run: why.split(";")[0][:24] for run, why in staying.items()} == {
        "driven": "it is driven by process ",
        "waits": "it waits for an answer",
        "pinned": "a run that goes on uses ",
    }
    held.release()
    running.close()
    assert set(pruned(site, "driven", "pinned").runs) == {"driven", "pinned"}


def test_a_run_that_begins_meanwhile_uses_nothing_of_what_goes(site: Site) -> None:
    """Results of a run that is being removed are not looked at; nor are they once it has gone."""
    site.run("one")
    site.made("one", "a")
    site.end("one")
    view = removal._view(site.store, Choice(("one",)))
    beginning = site.open()
    with removal._locked(site.store, view):
        assert EarlierRuns(beginning, "new", "p", others_count=True).results("one").made == {}
    assert EarlierRuns(beginning, "new", "p", others_count=True).results("one").made
    beginning.close()


def test_records_that_others_read(site: Site) -> None:
    """A run stays whole for one that takes a stage, its context, or data from it of which nobody
    else has the record; and as long as data that it changed in place stay."""
    for run in ("stage", "context", "named", "changed", "free"):
        site.run(run)
        made = site.made(run, "a")
        site.end(run)
    site.tell("changed", NodeStarted(time=1.0, place="b", kind="task", changes={"file:///ms": "1"}))
    site.tell("free", NodeStarted(time=1.0, place="b", kind="task", changes={made.workdir: "1"}))
    site.tell("stage", NodeSucceeded(time=1.0, place="s", outputs={}, seconds=1.0))
    site.run("kept", provenance={"context": {"left": {"c": "context"}}})
    site.tell("kept", NodeSkipped(time=1.0, place="s", reason=NOT_SELECTED))
    path = site.store.workspace.run("named").products / "a/a b.txt"
    site.tell("kept", NodeStarted(time=1.0, place="n", kind="task", inputs={"ms": f"{path}"}))
    planned = plan(site.store, Choice(("stage", "context", "named", "changed", "free")))
    assert {item.run for item in planned.going} == {"free"}
    assert planned.staying == {
        "stage": "run kept takes stage s from it",
        "context": "run kept has the context of stage c from it",
        "named": "run kept reads its products",
        "changed": "it changed in place what stays: file:///ms",
    }


def test_a_damaged_run_that_stays_is_named(site: Site) -> None:
    """Nothing goes where it is not known what a kept run reads; the damaged one itself can go."""
    for run in ("one", "two"):
        site.run(run)
        site.made(run, "a")
    with site.store.begin() as connection:
        connection.execute("UPDATE radps_facts SET payload = '{}' WHERE run = 'two' AND seq = 2")
    with pytest.raises(RadpsDagError, match="row 2 of run 'two' is damaged"):
        plan(site.store, Choice(("one",)))
    assert list(pruned(site, "two").runs) == ["two"]


@pytest.mark.parametrize("kind", ["directory", "memory"])
def test_products_of_another_root(kind: str, tmp_path: Path) -> None:
    """Products go from where the run has kept them, on another disk or in an object store; a root
    that is away is waited for."""
    import fsspec

    root = "memory://radps-prune" if kind == "memory" else (tmp_path / "disk").as_uri()
    files, base = fsspec.core.url_to_fs(root)
    site = Site(tmp_path)
    for run in ("one", "two"):
        site.run(run, settings={"products": root})
        for place in ("a", "b"):
            files.makedirs(f"{base}/{run}/{place}", exist_ok=True)
            files.pipe_file(f"{base}/{run}/{place}/f", b"0123456789")
    site.says("two", "a", Made(key="k", workdir=f"{root}/one/a", files={"f": (10, "x")}))
    planned = plan(site.store, Choice(("one",)))
    assert planned.size == 10
    if kind == "directory":
        (tmp_path / "disk").rename(tmp_path / "away")
        done = prune(site.store, planned)
        assert "mount it, then prune again" in done.troubles[0]
        (tmp_path / "away").rename(tmp_path / "disk")
        planned = plan(site.store, Choice(()))
        assert [item.run for item in planned.leftovers] == ["one"]
    prune(site.store, planned)
    left = [name.removeprefix(base) for name in files.find(base)]
    assert left == ["/one/a/f", "/two/a/f", "/two/b/f"]
    if kind == "memory":
        files.rm(base, recursive=True)


def test_links_are_not_followed(site: Site, tmp_path: Path) -> None:
    """What a link among the products leads to stays."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive/raw.ms").write_text("precious")
    site.run("one")
    products = site.store.workspace.run("one").products
    (products / "folder").symlink_to(tmp_path / "archive")
    (products / "file").symlink_to(tmp_path / "archive/raw.ms")
    pruned(site, "one")
    assert (tmp_path / "archive/raw.ms").read_text() == "precious"
    assert not products.exists()


class Crash(BaseException):
    """The end of the process, at a step."""


@contextmanager
def crashing(step: int) -> Iterator[list[str]]:
    """Every change of a file or of the journal counts as a step; at this one the process ends,
    before or in the midst of it."""
    steps: list[str] = []
    with pytest.MonkeyPatch.context() as patch:

        def counted(owner: Any, name: str, halfway: Callable[..., object] | None = None) -> None:
            true = getattr(owner, name)

            def call(*given: Any, **named: Any) -> Any:
                steps.append(name)
                if len(steps) == step:
                    if halfway is not None:
                        halfway(*given)
                    raise Crash
                return true(*given, **named)

            patch.setattr(owner, name, call)

        def half_removed(folder: Path) -> None:
            for path in folder.rglob("*"):
                if path.is_file():
                    path.unlink()
                    return

        counted(removal, "write_marks")
        counted(Store, "remove")
        counted(clearing.shutil, "rmtree", half_removed)
        counted(Path, "replace")
        counted(Path, "unlink")
        counted(Path, "rmdir")
        yield steps


def crashed(folder: Path, shape: Shape, chosen: set[str], step: int) -> int:
    """Prune with a crash at a step, and again; the number of steps that there are."""
    kept = {f"run{number}" for number in range(len(shape))} - chosen
    reference = Site(folder / "reference")
    laid_out(reference, shape)
    with crashing(0) as steps:
        pruned(reference, *chosen)
    reference.store.close()
    site = Site(folder / "crashed")
    laid_out(site, shape)
    with crashing(1 + (step - 1) % len(steps)), pytest.raises(Crash):
        pruned(site, *chosen)
    site.store.close()
    site.store = site.open()
    check_kept(site.store, kept)
    pruned(site, *({head.run for head in site.store.heads()} & chosen))
    check_kept(site.store, kept)
    assert site.left() == reference.left()
    assert site.folders() == reference.folders()
    site.store.close()
    return len(steps)


def test_a_crash_at_each_step(tmp_path: Path) -> None:
    """Wherever it ends: kept runs are whole, every command reads the workspace, and a second prune
    leaves what the first would have."""
    count = step = 1
    while step <= count:
        count = crashed(tmp_path / str(step), [[-1, -1], [0, -1]], {"run0"}, step)
        step += 1
    assert count > 5


@given(shape=SHAPES, data=st.data(), step=st.integers(1, 100))
def test_any_crash(shape: Shape, data: st.DataObject, step: int) -> None:
    """The same of any runs that share results, whichever of them go."""
    names = [f"run{number}" for number in range(len(shape))]
    chosen = data.draw(st.sets(st.sampled_from(names), min_size=1))
    folder = Path(tempfile.mkdtemp(prefix="radps-dag-"))
    try:
        crashed(folder, shape, chosen, step)
    finally:
        shutil.rmtree(folder)
