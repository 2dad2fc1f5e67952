"""A run as one file: made again elsewhere as it was, and nothing else is let in."""

from __future__ import annotations

import json
import os
import resource
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import forked
import pytest
from archive_support import filled
from run_support import PATIENCE, PIPELINES, PROGRAM

from radps_dag.archive import bring_in, export
from radps_dag.archive.form import JOURNAL, _digest
from radps_dag.facts import Made, NodeSucceeded, RunStarted
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import Row, checksum, to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError

PLACE = "runs/r/products/a/file.txt"


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A run with its products as one file."""
    store = filled(tmp_path / "origin")
    export(store, "r", tmp_path / "good.zip", products=True)
    store.close()
    return tmp_path / "good.zip"


@pytest.fixture
def target(tmp_path: Path) -> Store:
    return open_store(Workspace(tmp_path / "new place"))


def left_in(store: Store) -> list[str]:
    """What is in a workspace beside its journal."""
    root = store.workspace.root
    return sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith("journal.db")
    )


def test_a_run_comes_back(good: Path, target: Store, tmp_path: Path) -> None:
    """An imported run says what it said, and names its products where they are now."""
    archive = bring_in(target, good)
    facts = list(target.facts("r"))
    assert (archive.head.run, len(facts)) == ("r", 2)
    assert isinstance(facts[1], NodeSucceeded)
    new = (tmp_path / "new place" / PLACE).as_uri()
    assert facts[1].outputs["file"]["uri"] == new
    assert (tmp_path / "new place" / PLACE).read_text() == "content"
    assert left_in(target) == [PLACE]
    origin = open_store(Workspace(tmp_path / "origin"), reading=True)
    assert list(origin.rows("r")) == list(target.rows("r"))


def test_without_products(tmp_path: Path, target: Store) -> None:
    """Without products the file is JSON, and the run says all the same."""
    store = filled(tmp_path / "origin")
    export(store, "r", tmp_path / "r.json")
    bring_in(target, tmp_path / "r.json")
    assert list(target.rows("r")) == list(store.rows("r"))
    assert left_in(target) == []


def test_a_name_that_is_no_text_is_not_packed(tmp_path: Path) -> None:
    """A zip file has names of text alone: a product with another name is refused in one line."""
    from radps_dag.executors.manifest import seal

    store = filled(tmp_path / "origin")
    folder = store.workspace.run("r").products / "b"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.txt")).write_text("content")
    made = Made(key="b", workdir=folder.as_uri(), files=seal(folder, folder))
    fact = NodeSucceeded(time=2.0, place="b", outputs={}, seconds=0.1, made=made)
    store.append("r", [to_row("r", fact, store.workspace)])
    with pytest.raises(RadpsDagError, match="a name that is no text") as caught:
        export(store, "r", tmp_path / "r.zip", products=True)
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.glob("*r.zip*"))
    assert export(store, "r", tmp_path / "r.json").facts == 3


@pytest.mark.parametrize("kind", ["memory", "directory"])
def test_products_of_another_root_come_along(kind: str, tmp_path: Path, target: Store) -> None:
    """What lies outside of the workspace is packed, and is in the workspace afterwards."""
    import fsspec

    root = "memory://radps" if kind == "memory" else (tmp_path / "big disk").as_uri()
    files, base = fsspec.core.url_to_fs(f"{root.replace('%20', ' ')}/r/a.x")
    files.makedirs(base)
    files.pipe_file(f"{base}/one two.txt", b"content")
    from hashlib import sha256

    name = "one two.txt" if kind == "memory" else "one%20two.txt"
    made = Made(
        key="k",
        workdir=f"{root}/r/a.x",
        files={"one two.txt": (7, sha256(b"content").hexdigest()[:32])},
    )
    outputs = {"list": [{"uri": f"{root}/r/a.x/{name}", "kind": "table"}]}
    store = open_store(Workspace(tmp_path / "origin"))
    store.create("r", "p", 1.0)
    fact = NodeSucceeded(time=1.5, place="a", outputs=outputs, seconds=0.1, made=made)
    store.append("r", [to_row("r", fact, store.workspace)])
    export(store, "r", tmp_path / "r.zip", products=True)
    bring_in(target, tmp_path / "r.zip")
    (back,) = target.facts("r")
    assert isinstance(back, NodeSucceeded)
    from radps_dag.workloads import open_product

    (product,) = back.outputs["list"]
    assert product["uri"].startswith((tmp_path / "new place" / "runs").as_uri())
    with open_product(product) as file:
        assert file.read() == b"content"


def test_a_run_that_is_there_is_refused(good: Path, target: Store) -> None:
    """A run is not imported over one of its name."""
    bring_in(target, good)
    with pytest.raises(RadpsDagError, match="run r is there already"):
        bring_in(target, good)
    assert len(list(target.rows("r"))) == 2


def test_an_import_that_was_cut_short_can_be_done_again(good: Path, target: Store) -> None:
    """Products that are there already, as they should be, do not stand in the way; others do, and
    stay as they are."""
    path = target.workspace.root / PLACE
    path.parent.mkdir(parents=True)
    path.write_text("another")
    with pytest.raises(RadpsDagError, match="is here already, and another one"):
        bring_in(target, good)
    assert path.read_text() == "another"
    path.write_text("content")
    bring_in(target, good)
    assert len(list(target.rows("r"))) == 2


def test_nothing_is_written_over(tmp_path: Path) -> None:
    """An export does not write over a file that is there."""
    store = filled(tmp_path / "origin")
    (tmp_path / "r.json").write_text("precious")
    with pytest.raises(RadpsDagError, match="is there already"):
        export(store, "r", tmp_path / "r.json")
    assert (tmp_path / "r.json").read_text() == "precious"


def test_what_is_damaged_is_not_exported(tmp_path: Path) -> None:
    """A run whose product has changed, or whose journal has, is not exported, and no half of a
    file is left."""
    store = filled(tmp_path / "origin")
    path = tmp_path / "origin" / PLACE
    path.write_text("CONTENT")
    with pytest.raises(RadpsDagError, match="is not what was written; export the run without"):
        export(store, "r", tmp_path / "r.zip", products=True)
    path.unlink()
    with pytest.raises(RadpsDagError, match="is gone; export the run without"):
        export(store, "r", tmp_path / "r.zip", products=True)
    with store.begin() as connection:
        connection.execute("UPDATE radps_facts SET place = 'b' WHERE seq = 2")
    with pytest.raises(RadpsDagError, match="row 2 of run 'r' is damaged"):
        export(store, "r", tmp_path / "r.json")
    assert [path.name for path in tmp_path.iterdir()] == ["origin"]


Document = dict[str, Any]


def packed(
    good: Path,
    change: Callable[[Document], object] = lambda document: None,
    members: Mapping[str, bytes] | None = None,
    *,
    sign: bool = True,
    link: str = "",
) -> Path:
    """The good file with other things in it; `sign` gives it the checksums that it should have."""
    with zipfile.ZipFile(good) as source:
        document = json.loads(source.read(JOURNAL))
        content = {PLACE: source.read(PLACE)}
    change(document)
    content.update(members or {})
    if sign:
        document.pop("sha256", None)
        document["sha256"] = _digest(document)
    file = good.with_name("bad.zip")
    with zipfile.ZipFile(file, "w") as target:
        target.writestr(JOURNAL, json.dumps(document))
        for name, data in content.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = ((stat.S_IFLNK if name == link else stat.S_IFREG) | 0o644) << 16
            target.writestr(info, data)
    return file


def renamed(name: str) -> Callable[[Document], None]:
    """The product is to go to another place."""

    def change(document: Document) -> None:
        document["files"][name] = document["files"].pop(PLACE)

    return change


def without_place(good: Path, name: str) -> Path:
    file = packed(good, renamed(name), {name: b"content"})
    kept = good.with_name("bad2.zip")
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(kept, "w") as target:
        for info in source.infolist():
            if info.filename != PLACE:
                target.writestr(info, source.read(info))
    return kept


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.txt",
        "runs/r/products/../../../evil.txt",
        "/tmp/evil.txt",
        "runs/../x/products/evil.txt",
        "runs/r/evil.txt",
        "runs/r/driver.lock/evil/x",
        "journal.db",
        "runs/r/products/a/..",
        "runs//products/a/x",
        "runs/r/products/a\\..\\x",
        "runs/r/products/" + "x" * 300,
    ],
)
def test_a_place_outside_is_refused(name: str, good: Path, target: Store, tmp_path: Path) -> None:
    """A product that would land anywhere but among a run's products is refused, and nothing is
    written."""
    before = sorted(tmp_path.rglob("*evil*"))
    with pytest.raises(RadpsDagError) as told:
        bring_in(target, without_place(good, name))
    assert "\n" not in str(told.value)
    assert sorted(tmp_path.rglob("*evil*")) == before
    assert left_in(target) == []
    assert target.heads() == []


def with_rows(change: Callable[[list[list[Any]]], object]) -> Callable[[Document], None]:
    """Other rows, with the checksums that they should have."""

    def changed(document: Document) -> None:
        change(document["rows"])
        for values in document["rows"]:
            values[6] = checksum(Row("r", *values), values[0])

    return changed


def made_of(**members: Any) -> Callable[[Document], None]:
    def change(rows: list[list[Any]]) -> None:
        payload = json.loads(rows[1][5])
        payload["made"].update(members)
        rows[1][5] = json.dumps(payload)

    return with_rows(change)


NESTED = f'{{"message": "", "level": "info", "x": {"[" * 400 + "]" * 400}}}'


def bigger(document: Document) -> None:
    document["files"][PLACE][0] = 10**15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(format="something else"), "no run that radps-dag has exported"),
        (lambda d: d.update(version=2), "is of version 2, and this radps-dag knows only 1"),
        (lambda d: d.update(version="1"), "no run that radps-dag has exported"),
        (lambda d: d.update(run="../x"), "is not a name of a run"),
        (lambda d: d.update(run=""), "is not a name of a run"),
        (lambda d: d.pop("rows"), "no run that radps-dag has exported"),
        (lambda d: d["rows"].pop(0), "row 1 of run r is missing"),
        (lambda d: d.update(created=10**400), "created cannot be"),
        (lambda d: d.update(created=-1), "created cannot be"),
        (lambda d: d.update(created="noon"), "created cannot be"),
        (lambda d: d.update(generation=10**30), "generation cannot be"),
        (lambda d: d.update(generation=True), "generation cannot be"),
        (lambda d: d.update(files=[]), "files cannot be"),
        (lambda d: d.update(files={PLACE: 7}), "files cannot be"),
        (lambda d: d.update(pipeline="\ud800"), "pipeline cannot be"),
        (lambda d: d.update(pipeline="p" * 201), "is too long"),
        (with_rows(lambda rows: rows[0].__setitem__(2, "\ud800")), "rows cannot be"),
        (with_rows(lambda rows: rows[0].__setitem__(1, 1e300)), "rows cannot be"),
        (with_rows(lambda rows: rows[0].__setitem__(5, '{"message": 7}')), "message cannot be 7"),
        (with_rows(lambda rows: rows[0].__setitem__(5, "[" * 9999)), "cannot be understood"),
        (with_rows(lambda rows: rows[0].__setitem__(5, NESTED)), "nested deeper than"),
        (made_of(files=[]), "files cannot be"),
        (made_of(added=[7]), "is not an object"),
        (lambda d: d["rows"][1].__setitem__(2, "b"), "row 2 of run r is damaged"),
        (lambda d: d["rows"][0].append(1), "no run that radps-dag has exported"),
        (with_rows(lambda rows: rows[0].__setitem__(3, "unheard")), "cannot be understood"),
        (with_rows(lambda rows: rows[0].__setitem__(5, "[]")), "cannot be understood"),
        (with_rows(lambda rows: rows[1].__setitem__(4, "other")), "a key that is not its own"),
        (made_of(workdir="workspace-uri:/../../etc"), "names files outside"),
        (made_of(files={"../x": [1, "d"]}), "names files outside"),
        (lambda d: d["files"][PLACE].__setitem__(1, "0" * 64), "its checksum does not match"),
        (lambda d: d["files"].update({f"{PLACE}2": [1, "d"]}), "is missing"),
        (lambda d: d["files"].pop(PLACE), "does not belong to the run"),
        (lambda d: d["files"][PLACE].__setitem__(0, 3), "is not as large as it should be"),
        (bigger, "is not as large as it should be"),
    ],
)
def test_what_is_not_a_run_is_refused(
    change: Callable[[Document], object], message: str, good: Path, target: Store
) -> None:
    """Whatever is not as an export is, is refused in one line, and nothing of it is left."""
    with pytest.raises(RadpsDagError, match=message) as told:
        bring_in(target, packed(good, change))
    assert "\n" not in str(told.value)
    assert left_in(target) == []
    assert target.heads() == []


def test_a_changed_file_is_noticed(good: Path, target: Store) -> None:
    """A change anywhere in the facts is noticed, whatever the checksums of the rows say."""
    change = with_rows(lambda rows: rows[0].__setitem__(1, 99.0))
    with pytest.raises(RadpsDagError, match="it is not what was exported"):
        bring_in(target, packed(good, change, sign=False))


def test_links_are_refused(good: Path, target: Store) -> None:
    """A member that is a link is refused, whatever it leads to."""
    with pytest.raises(RadpsDagError, match="is not a file"):
        bring_in(target, packed(good, members={PLACE: b"content"}, link=PLACE))
    assert left_in(target) == []


def test_a_link_in_the_workspace_is_not_followed(good: Path, target: Store, tmp_path: Path) -> None:
    """A folder of the workspace that is a link to elsewhere gets nothing."""
    (tmp_path / "elsewhere").mkdir()
    target.workspace.runs.mkdir()
    (target.workspace.runs / "r").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RadpsDagError, match="leads out of the workspace"):
        bring_in(target, good)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_another_run_is_not_touched(good: Path, tmp_path: Path) -> None:
    """An archive adds nothing to the products of a run that is here already."""
    target = filled(tmp_path / "busy", "other")
    name = "runs/other/products/b/file.txt"
    with pytest.raises(RadpsDagError, match="is here already, and another one"):
        bring_in(target, without_place(good, name))
    assert left_in(target) == ["runs/other/products/a/file.txt"]


def test_more_than_it_says_is_refused(good: Path, target: Store) -> None:
    """A member that unpacks to more than it says is stopped there."""
    file = packed(good, members={PLACE: b"content"})
    data = bytearray(file.read_bytes())
    with zipfile.ZipFile(good.with_name("bomb.zip"), "w", zipfile.ZIP_DEFLATED) as bomb:
        with zipfile.ZipFile(file) as source:
            bomb.writestr(JOURNAL, source.read(JOURNAL))
        bomb.writestr(PLACE, b"\0" * 10_000_000)
    data = bytearray(good.with_name("bomb.zip").read_bytes())
    # The size in the directory and in front of the member, as the journal has it.
    for place in range(len(data) - 4):
        if data[place : place + 4] == (10_000_000).to_bytes(4, "little"):
            data[place : place + 4] = (7).to_bytes(4, "little")
    good.with_name("bomb.zip").write_bytes(data)
    with pytest.raises(RadpsDagError) as told:
        bring_in(target, good.with_name("bomb.zip"))
    assert "\n" not in str(told.value)
    assert left_in(target) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"not json",
        b"[" * 100_000,
        b'{"format": "radps-dag run", "version": ' + b"9" * 5000 + b"}",
        b"PK\x05\x06" + b"\0" * 18,
        b"PK\x03\x04 and then nothing",
    ],
)
def test_any_other_file_is_refused(content: bytes, target: Store, tmp_path: Path) -> None:
    """A file that is something else is refused in one line."""
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(RadpsDagError) as told:
        bring_in(target, tmp_path / "file")
    assert "\n" not in str(told.value)
    assert str(tmp_path / "file") in str(told.value)


def test_half_a_file_is_refused(good: Path, target: Store) -> None:
    """A file of which the end, or a piece, is missing is refused."""
    whole = good.read_bytes()
    for part in (whole[: len(whole) // 2], whole[:200] + whole[260:]):
        good.write_bytes(part)
        with pytest.raises(RadpsDagError):
            bring_in(target, good)
    assert left_in(target) == []


def command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return forked.command(cwd, *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_an_imported_run_goes_on(
    store: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A part of a pipeline is run, exported, and the original removed; where it is imported a run
    uses all that was made, and `resume` has nothing left to do, without the pipeline's file."""
    origin, other = tmp_path / "origin", tmp_path / "other place"
    shutil.copytree(PIPELINES, origin / "pipelines")
    other.mkdir()
    file = origin / "pipelines" / "stages" / "image_continuum_per_spw.yaml"
    options = ["--no-prefect", "--json"]
    first = command("run", str(file.relative_to(origin)), *options, cwd=origin)
    assert first.returncode == 0, first.stderr
    run = json.loads(first.stdout.splitlines()[0])["run"]
    done = command("export", run, str(tmp_path / "run.zip"), "--products", cwd=origin)
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "pipelines"
    shutil.copytree(PIPELINES, kept)
    shutil.rmtree(origin)
    url = []
    if store == "postgres":
        url = ["--store", request.getfixturevalue("postgres").database()]
    done = command("import", str(tmp_path / "run.zip"), *url, cwd=other)
    assert done.returncode == 0, done.stderr
    again = command("import", str(tmp_path / "run.zip"), *url, cwd=other)
    assert again.returncode == 2
    assert f"run {run} is there already" in again.stderr
    for line in (
        ("resume", run),
        ("run", str(kept / "stages" / "image_continuum_per_spw.yaml")),
    ):
        ran = command(*line, *options, *url, cwd=other)
        assert ran.returncode == 0, ran.stderr
        made = [json.loads(text).get("made") for text in ran.stdout.splitlines()]
        assert [one["origin"] for one in made if one] == [run] * sum(map(bool, made))
        assert any(made)
        assert str(origin) not in json.loads(ran.stdout.splitlines()[-1])["outputs"].__str__()


def test_products_are_not_imported_as_code(tmp_path: Path) -> None:
    """A run that came from elsewhere cannot have its products run as workloads."""
    store = filled(tmp_path / ".radps")
    from radps_dag.facts import RunStarted

    evil = tmp_path / ".radps" / "runs" / "r" / "products" / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\n")
    (tmp_path / "p.yaml").write_text("version: 1\nname: p\nstages:\n  a:\n    run: simulate_work\n")
    begun = RunStarted(
        time=1.0,
        place="",
        run="r",
        pipeline="p",
        file="p.yaml",
        params={},
        library="placeholder",
        executor="threads",
        seed=0,
        settings={"modules": [str(evil)]},
        provenance={"directory": str(tmp_path)},
    )
    store.append("r", [to_row("r", begun, store.workspace)])
    store.close()
    ran = command("resume", "r", "--no-prefect", cwd=tmp_path)
    assert ran.returncode == 2
    assert "imported as code" in ran.stderr
    assert not (tmp_path / "owned").exists()


@pytest.mark.slow
def test_names_of_files(tmp_path: Path) -> None:
    """The command says what a file must be called, before it does anything."""
    filled(tmp_path / ".radps").close()
    assert "name it x.zip" in command("export", "r", "x.json", "--products", cwd=tmp_path).stderr
    assert "name it x.json" in command("export", "r", "x.zip", cwd=tmp_path).stderr
    assert "no run 'q'" in command("export", "q", "x.json", cwd=tmp_path).stderr
    assert command("import", "nothing.zip", cwd=tmp_path).returncode == 1


@pytest.mark.slow
def test_an_imported_run_is_shown(good: Path, tmp_path: Path) -> None:
    """An imported run is listed and shown as one that was run here."""
    assert command("import", str(good), cwd=tmp_path).returncode == 0
    listed = command("runs", "--json", cwd=tmp_path)
    assert [one["run"] for one in json.loads(listed.stdout)] == ["r"], listed.stderr
    shown = command("show", "r", "a", "--json", cwd=tmp_path)
    assert (tmp_path / ".radps" / PLACE).as_uri() in shown.stdout, shown.stderr


def test_one_changed_byte_is_refused(good: Path, target: Store) -> None:
    """Wherever a byte of a packed file changes, nothing comes in, or all that it should be."""
    with (
        zipfile.ZipFile(good) as source,
        zipfile.ZipFile(good.with_name("packed.zip"), "w", zipfile.ZIP_DEFLATED) as file,
    ):
        for name in (JOURNAL, PLACE):
            file.writestr(name, source.read(name))
    whole = good.with_name("packed.zip").read_bytes()
    refused = 0
    for at in range(0, len(whole), 3):
        good.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        if target.head("r") is not None:
            with target.begin() as connection:
                connection.execute("DELETE FROM radps_facts")
                connection.execute("DELETE FROM radps_runs")
            shutil.rmtree(target.workspace.runs)
        try:
            bring_in(target, good)
        except RadpsDagError as error:
            refused += 1
            assert "\n" not in str(error)
            assert not target.workspace.runs.exists(), at
            assert target.heads() == []
    assert refused > len(whole) / 6


def deflated(file: Path, members: Mapping[str, list[bytes]]) -> None:
    """A zip file, its members written in pieces and packed."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, pieces in members.items():
            with packed.open(name, "w") as member:
                for piece in pieces:
                    member.write(piece)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["pipe", "zeros", "journal", "products", "values", "nothing"])
def test_what_takes_room_is_refused(what: str, good: Path, tmp_path: Path) -> None:
    """A pipe, an endless file, and what unpacks to a multiple of its size: one line, little memory,
    and no workspace is made for it."""
    file = tmp_path / "bad.zip"
    with zipfile.ZipFile(good) as source:
        journal = source.read(JOURNAL)
    match what:
        case "pipe":
            os.mkfifo(file)
        case "zeros":
            file.symlink_to("/dev/zero")
        case "journal":
            deflated(file, {JOURNAL: [b" " * 2**20] * 500})
        case "values":
            deflated(file, {JOURNAL: [b"[", *[b"[],[1]," * 2**16] * 40]})
        case "products":
            deflated(file, {JOURNAL: [journal], PLACE: [bytes(2**20)] * 500})
    done = subprocess.run(
        [*PROGRAM, "import", str(file), "--workspace", str(tmp_path / "w")],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        preexec_fn=_little_memory,
    )
    assert done.returncode in (1, 2), done
    assert done.stderr.count("\n") == 1, done
    assert str(file) in done.stderr
    assert not (tmp_path / "w").exists()


def _little_memory() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (200 * 2**20, 200 * 2**20))


def test_a_run_that_begins_another_is_refused(good: Path, target: Store) -> None:
    """What `resume` reads of a run's beginning is that of the run."""
    begun = RunStarted(
        time=1.0, place="", run="../../x", pipeline="p", file="p.yaml", params={}, seed=0,
        library="placeholder", executor="threads",
    )  # fmt: skip
    payload = to_row("r", begun, target.workspace).payload

    def change(rows: list[list[Any]]) -> None:
        rows[0][3], rows[0][5] = "run_started", payload

    with pytest.raises(RadpsDagError, match="begins another run"):
        bring_in(target, packed(good, with_rows(change)))


def test_a_run_that_says_where_its_products_lie_is_refused(good: Path, target: Store) -> None:
    """No export says so, and whoever removes the run would remove what is there."""
    begun = RunStarted(
        time=1.0, place="", run="r", pipeline="p", file="p.yaml", params={}, seed=0,
        library="placeholder", executor="threads", settings={"products": "/home/somebody"},
    )  # fmt: skip
    payload = to_row("r", begun, target.workspace).payload

    def change(rows: list[list[Any]]) -> None:
        rows[0][3], rows[0][5] = "run_started", payload

    with pytest.raises(RadpsDagError, match="row 1 names a place for products outside of it"):
        bring_in(target, packed(good, with_rows(change)))
    assert left_in(target) == []
