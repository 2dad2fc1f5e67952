"""Links in what calls have written: none leads out of it, whoever reads it later."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest
from archive_support import filled

from radps_dag.archive import bring_in, export
from radps_dag.archive.form import JOURNAL
from radps_dag.executors.call import Call, Performed
from radps_dag.executors.manifest import damage, seal
from radps_dag.executors.publishing import publish
from radps_dag.facts import Made, NodeSucceeded
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.storage.links import LeadsOut, refuse_leading_out
from radps_dag.workloads.contract.delivery import entries


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a call has written, beside something secret."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "key").write_text("secret")
    folder = tmp_path / "call"
    (folder / "inner" / "deep").mkdir(parents=True)
    (folder / "inner" / "file").write_text("content")
    return folder


OUT = {
    "a file": ("out", "../secret/key"),
    "an absolute path": ("out", "/etc/passwd"),
    "a directory": ("out", "../secret"),
    "a directory below": ("inner/out", "../../secret"),
    "through a link inside": ("out", "hop/../../secret/key"),
    "through a link of its own": ("out", "first"),
    "a directory whose name begins alike": ("out", "../call2"),
    "what is around it": ("out", ".."),
    "a name that is not there": ("out", "../nowhere"),
}


@pytest.mark.parametrize("case", OUT)
def test_a_link_that_leads_out_is_named(case: str, folder: Path) -> None:
    """Wherever it is and through whatever it leads, the link is named in one line."""
    name, target = OUT[case]
    (folder.parent / "call2").mkdir()
    (folder / "hop").symlink_to("inner")
    if case == "through a link inside":
        (folder / "hop").unlink()
        (folder / "hop").symlink_to("inner/deep/../..")
    if target == "first":
        (folder / "first").symlink_to(folder.parent / "secret")
    (folder / name).symlink_to(target)
    with pytest.raises(LeadsOut, match="is a link that leads out of") as told:
        refuse_leading_out(folder, folder, "copy it")
    assert "\n" not in str(told.value)
    assert str(folder / ("first" if target == "first" else name)) in str(told.value)


@pytest.mark.parametrize(
    "target", ["file", "../inner/file", "deep", "..", ".", "link", "nowhere", "deep/../file"]
)
def test_a_link_that_stays_inside_is_kept(target: str, folder: Path) -> None:
    """A link to what the call has written itself, or to nothing there, is nobody's trouble."""
    (folder / "inner" / "link").symlink_to(target)
    refuse_leading_out(folder, folder, "copy it")
    assert (folder / "inner" / "link").readlink() == Path(target)


@pytest.mark.parametrize("name", ["out", "inner/out"])
@pytest.mark.parametrize("target", ["/", "/dev/zero", "../secret", "../secret/key"])
def test_what_is_behind_a_link_is_not_read(
    name: str, target: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The digests of what a call has written are those of its own files, and of the link; they
    change when it leads elsewhere, and not when that changes."""
    link = folder / name
    link.symlink_to(target)
    real = Path.open

    def only_inside(path: Path, *given: Any, **more: Any) -> Any:
        assert path.resolve().is_relative_to(folder), path
        return real(path, *given, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", only_inside)
        files = seal(folder, folder)
        assert damage(folder, files) == damage(folder, files, thorough=False) == ""
    (folder.parent / "secret" / "key").write_text("another")
    assert damage(folder, files) == ""
    link.unlink()
    link.symlink_to("/elsewhere")
    assert damage(folder, files).endswith("is not what was written")


def test_a_link_to_nowhere_inside_is_as_it_was(folder: Path) -> None:
    """A look at sizes alone finds it as a thorough one does."""
    (folder / "nowhere").symlink_to("inner/nothing")
    files = seal(folder, folder)
    assert damage(folder, files) == damage(folder, files, thorough=False) == ""


def with_call(tmp_path: Path, target: str) -> Store:
    """A run with a call that has made a link."""
    store = filled(tmp_path / "origin")
    folder = store.workspace.run("r").products / "b"
    folder.mkdir()
    (folder / "own.txt").write_text("own")
    (folder / "link").symlink_to(target)
    made = Made(key="b", workdir=folder.as_uri(), files=seal(folder, folder))
    fact = NodeSucceeded(time=2.0, place="b", outputs={}, seconds=0.1, made=made)
    store.append("r", [to_row("r", fact, store.workspace)])
    return store


@pytest.mark.parametrize("target", ["/etc/passwd", "/etc", "../a/file.txt"])
def test_nothing_behind_a_link_is_exported(target: str, tmp_path: Path) -> None:
    """An export has nothing that calls of the run have not made; no half of it is left."""
    store = with_call(tmp_path, target)
    with pytest.raises(LeadsOut, match="export the run without --products") as told:
        export(store, "r", tmp_path / "r.zip", products=True)
    assert str(store.workspace.run("r").products / "b" / "link") in str(told.value)
    assert not list(tmp_path.glob("*r.zip*"))
    assert export(store, "r", tmp_path / "r.json").facts == 3


def test_what_a_link_inside_leads_to_is_exported(tmp_path: Path) -> None:
    """A link to a file of the call is packed as that file, and comes back."""
    store = with_call(tmp_path, "own.txt")
    export(store, "r", tmp_path / "r.zip", products=True)
    with zipfile.ZipFile(tmp_path / "r.zip") as packed:
        names = set(packed.namelist()) - {JOURNAL}
    assert {Path(name).name for name in names} == {"file.txt", "own.txt", "link"}
    back = open_store(Workspace(tmp_path / "back"))
    bring_in(back, tmp_path / "r.zip")
    assert (back.workspace.run("r").products / "b" / "link").read_text() == "own"


def test_nothing_behind_a_link_is_published(folder: Path, tmp_path: Path) -> None:
    """What goes to another root is what the call has written."""
    (folder / "out").symlink_to("../secret/key")
    url = f"memory://{tmp_path.name}/x"
    call = Call(place="a", workload="w", arguments={}, seed="", workdir=folder, publish=url)
    with pytest.raises(LeadsOut, match="write a copy into it instead"):
        publish(call, Performed(outputs={}))
    import fsspec

    files, base = fsspec.core.url_to_fs(url)
    assert not files.find(base.rpartition("/")[0])


def test_nothing_behind_a_link_is_delivered(folder: Path, tmp_path: Path) -> None:
    """A manifest lists what calls have made; a link among it that leads elsewhere is named."""
    products, workdir = tmp_path / "products", tmp_path / "products" / "deliver"
    workdir.mkdir(parents=True)
    (products / "a").mkdir()
    (products / "a" / "out").symlink_to(folder.parent / "secret" / "key")
    (products / "a" / "file").write_text("content")
    (products / "a" / "inside").symlink_to("file")
    with pytest.raises(LeadsOut, match="a/out is a link that leads out"):
        entries([{"uri": (products / "a" / "out").as_uri(), "kind": "x"}], workdir)
    (entry,) = entries([{"uri": (products / "a" / "inside").as_uri(), "kind": "x"}], workdir)
    assert entry["size"] == 7
