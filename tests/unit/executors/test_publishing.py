"""Products at any root: written whole, found again, checked, read by workloads, told when lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from radps_dag.executors.call import Call, Performed
from radps_dag.executors.publishing import harm, publish
from radps_dag.executors.run_call import perform
from radps_dag.facts import Added, Made
from radps_dag.journal.workspace import Workspace
from radps_dag.outcome import CallFailed
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.storage import remote
from radps_dag.workloads import Product, Workdir, local_path, open_product, workload
from radps_dag.workloads.contract.opening import caching_in
from radps_dag.workloads.contract.registry import Library

ROOTS = ("memory", "s3")


@pytest.fixture(params=ROOTS)
def root(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "memory":
        yield "memory://radps/products"
        fsspec.filesystem("memory").store.clear()
    else:
        yield request.getfixturevalue("bucket") + "/radps"


@workload
def make(*, workdir: Workdir) -> dict[str, Any]:
    """Make a file, a folder of files, and things that say where they are."""
    (workdir / "plain #1.txt").write_text("one")
    cube = workdir / "cube.zarr" / "0"
    cube.mkdir(parents=True)
    (cube / "0.0").write_bytes(b"\x00\x01")
    (cube.parent / ".zattrs").write_text("{}")
    folder = {"uri": (workdir / "cube.zarr").as_uri(), "kind": "image", "version": "v1"}
    file = {"uri": (workdir / "plain #1.txt").resolve().as_uri(), "kind": "table"}
    return {"all": [file, {"inside": folder}], "text": "plain #1.txt", "number": 1}


@workload
def fail(*, workdir: Workdir) -> dict[str, Any]:
    """Write something, and break."""
    (workdir / "half").write_text("half")
    raise ValueError("broken")


def library() -> Library:
    return Library("test", {one.workload.name: one.workload for one in (make, fail)}, ())


def call(tmp_path: Path, root: str, name: str = "make", place: str = "a/b") -> Call:
    products = tmp_path / "products"
    publish = f"{root}/run1/{place}"
    return Call(
        place=place,
        workload=name,
        arguments={},
        workdir=products / place,
        root=products,
        seed="0",
        cache=tmp_path / "copies",
        publish=publish,
    )


def made_of(tmp_path: Path, root: str) -> tuple[dict[str, Any], Made]:
    performed = perform(call(tmp_path, root), library())
    made = Made(key="k", workdir=performed.workdir, files=performed.files, marks=performed.marks)
    return performed.outputs, made


def test_products_go_to_the_root(root: str, tmp_path: Path) -> None:
    """What a call writes is at the root when it ends, its outputs name it there, nothing of it
    stays here, and it is read as it was written."""
    outputs, made = made_of(tmp_path, root)
    file, folder = outputs["all"][0], outputs["all"][1]["inside"]
    assert file["uri"] == f"{made.workdir}/plain #1.txt"
    assert folder["uri"] == f"{made.workdir}/cube.zarr"
    assert made.workdir.startswith(f"{root}/run1/a/b.")
    assert outputs["text"] == "plain #1.txt"
    assert not (tmp_path / "products" / "a" / "b").exists()
    with open_product(file) as opened:
        assert opened.read() == b"one"
    with open_product(file, "r") as opened:
        assert opened.read() == "one"
    with caching_in(tmp_path / "copies"):
        copy = local_path(folder)
        assert copy.name == "cube.zarr"
        assert (copy / "0" / "0.0").read_bytes() == b"\x00\x01"
        assert (copy / ".zattrs").read_text() == "{}"
        assert local_path(folder) == copy
        assert local_path(file).read_text() == "one"
    assert [path for path in (tmp_path / "copies").iterdir() if "partial" in path.name] == []


def test_no_two_attempts_share_a_place(root: str, tmp_path: Path) -> None:
    """The same call again writes to another place, and what is there already stays as it is."""
    _, first = made_of(tmp_path, root)
    _, second = made_of(tmp_path, root)
    assert first.workdir != second.workdir
    assert harm(first) == harm(second) == ""
    assert first.files == second.files


def test_what_is_as_it_was_is_used(root: str, tmp_path: Path) -> None:
    """What was published passes, thoroughly looked at or not."""
    _, made = made_of(tmp_path, root)
    assert harm(made) == ""
    assert harm(made, thorough=False) == ""


@pytest.mark.parametrize("name", ["plain #1.txt", "cube.zarr/0/0.0"])
def test_what_is_gone_is_noticed(name: str, root: str, tmp_path: Path) -> None:
    """A file, or one of a folder, that has gone is noticed by its size alone."""
    _, made = made_of(tmp_path, root)
    files, base = fsspec.core.url_to_fs(made.workdir)
    files.rm_file(f"{base}/{name}")
    assert name.partition("/")[0] in harm(made, thorough=False)


@pytest.mark.parametrize("name", ["plain #1.txt", "cube.zarr/0/0.0"])
def test_what_was_changed_is_noticed(name: str, root: str, tmp_path: Path) -> None:
    """Content of the same length that is other content is noticed."""
    _, made = made_of(tmp_path, root)
    files, base = fsspec.core.url_to_fs(made.workdir)
    size = files.size(f"{base}/{name}")
    files.pipe_file(f"{base}/{name}", b"x" * size)
    assert harm(made).endswith("is not what was written")


def test_a_failed_call_publishes_nothing(root: str, tmp_path: Path) -> None:
    """What a call has written before it failed stays here, to be looked at."""
    with pytest.raises(CallFailed):
        perform(call(tmp_path, root, "fail"), library())
    assert remote.listing(f"{root}/run1") == {}
    assert (tmp_path / "products" / "a" / "b" / "half").exists()


def test_a_lost_bucket_is_the_calls_failure(bucket: str, tmp_path: Path) -> None:
    """A root that does not answer fails the call in one line; `retries` may name the error."""
    with pytest.raises(CallFailed) as failed:
        perform(call(tmp_path, f"{bucket}-gone/x"), library())
    assert "ConnectionError" in failed.value.kinds
    assert "\n" not in failed.value.message
    assert "cannot be written" in failed.value.message
    # Nothing of what was computed is lost with it.
    assert (tmp_path / "products" / "a" / "b" / "plain #1.txt").exists()


def test_a_product_that_is_not_there(root: str, tmp_path: Path) -> None:
    """A product that is nowhere is a FileNotFoundError, from any root and in any way."""
    gone: Product = {"uri": f"{root}/nothing", "kind": "image", "version": "1"}
    here: Product = {"uri": (tmp_path / "nothing").as_uri(), "kind": "image"}
    with caching_in(tmp_path):
        with pytest.raises(FileNotFoundError):
            local_path(gone)
        with pytest.raises(FileNotFoundError), open_product(gone) as file:
            file.read()
    with pytest.raises(FileNotFoundError):
        open_product(here)


def test_products_are_only_read(root: str) -> None:
    """Nothing that is there is written again."""
    with pytest.raises(ValueError, match="only read"):
        open_product({"uri": f"{root}/x", "kind": "image"}, "wb")


def test_local_products_stay_where_they_are(tmp_path: Path) -> None:
    """A product on this machine is read in its place, and no copy is made."""
    path = tmp_path / "a b.txt"
    path.write_text("x")
    product: Product = {"uri": path.as_uri(), "kind": "table"}
    with caching_in(tmp_path / "copies"):
        assert local_path(product) == path
    assert not (tmp_path / "copies").exists()


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("s3://bucket/folder/", "s3://bucket/folder"),
        ("memory://x", "memory://x"),
        ("/data/products", "file:///data/products"),
        ("file:///data/a%20b", "file:///data/a%20b"),
        ("", ""),
    ],
)
def test_roots(given: str, root: str) -> None:
    """A root is a URL without an end; a path is one too."""
    assert remote.root_of(given) == root


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere://x/y", "no place for products"),
        ("sftp://me:secret-word@host/x", "must have no password"),
    ],
)
def test_no_roots(given: str, message: str) -> None:
    """What is no root is refused in one line, without the password that is in it."""
    with pytest.raises(UsageError) as told:
        remote.root_of(given)
    assert message in str(told.value)
    assert "secret-word" not in str(told.value)
    assert "\n" not in str(told.value)


def test_a_root_is_tried_first(bucket: str, tmp_path: Path) -> None:
    """A root that cannot be written is refused before anything is computed."""
    remote.make_sure(f"{bucket}/x")
    with pytest.raises(RadpsDagError, match="cannot be written"):
        remote.make_sure(f"{bucket}-gone/x")
    (tmp_path / "file").write_text("")
    with pytest.raises(RadpsDagError, match="cannot be made"):
        remote.make_sure((tmp_path / "file" / "x").as_uri())


def test_a_directory_elsewhere_is_written_directly(tmp_path: Path) -> None:
    """With a directory as the root, calls write there, a folder for each run, and nothing is
    copied."""
    workspace = Workspace(tmp_path / "ws", (tmp_path / "big disk").as_uri())
    directory = workspace.new_run("p")
    assert directory.products == tmp_path / "big disk" / directory.id
    assert directory.published == ""
    (tmp_path / "ws2").mkdir()
    # Another workspace with the same root does not get a folder that is there.
    other = Workspace(tmp_path / "ws2", workspace.products).new_run("p")
    assert other.id != directory.id


def test_wire_keeps_all_of_a_call(tmp_path: Path) -> None:
    """What a worker process is told and tells is what the driver said and gets."""
    from radps_dag.executors import wire

    asked = call(tmp_path, "memory://x")
    assert wire.to_call(json.loads(json.dumps(wire.to_json(asked)))) == asked
    performed = perform(asked, library())
    again = wire.to_performed(json.loads(json.dumps(wire.from_performed(performed))))
    assert again == performed


def test_what_is_added_to_the_context_names_the_root(root: str, tmp_path: Path) -> None:
    """A product that a call adds to the context, or withdraws, is named where it was published."""
    asked = call(tmp_path, root)
    asked.workdir.mkdir(parents=True)
    path = asked.workdir / "x.json"
    path.write_text("{}")
    product = {"uri": path.as_uri(), "kind": "table"}
    added = (Added(key="table", value=product), Added(withdrawn=path.as_uri(), reason="bad"))
    done = publish(asked, Performed({}, added=added))
    assert done.added[0].value["uri"] == done.added[1].withdrawn == f"{done.workdir}/x.json"
