"""Data from outside count by their content, which is looked at again before anything is used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fsspec
import pytest
from resume_support import Desk, desk
from run_support import write

from radps_dag.reuse import outside
from radps_dag.reuse.outside import GONE, Outside
from radps_dag.storage.remote import Unreachable

__all__ = ["desk"]  # a fixture

GIVEN = """
stages:
  find: {run: give, with: {value: {uri: "DATA", kind: test}, name: find}}
  read: {run: load, CACHE, with: {product: "${{ stages.find.value }}", name: read}}
  hand: {run: give, with: {value: "${{ stages.find.value }}", name: hand}}
  after: {run: give, with: {value: "${{ stages.read.value }}", name: after}}
outputs: {seen: "${{ stages.after.value }}"}
"""


@pytest.mark.parametrize("cache", ["needs: []", "cache: false"])
def test_data_that_changed(cache: str, desk: Desk) -> None:
    """What is given data from outside runs again when these have changed, and not when they were
    written again as they were; the plan agrees."""
    data = desk.directory / "data" / "x.json"
    data.parent.mkdir()
    data.write_text("[1]")
    uri = data.as_uri()
    desk.pipeline(GIVEN.replace("DATA", uri).replace("CACHE", cache))
    assert desk.run().outputs == {"seen": [1]}
    executed = desk.executed
    data.unlink()
    data.write_text("[1]")
    assert desk.run().outputs == {"seen": [1]}
    assert sum((desk.executed - executed).values()) == (1 if "false" in cache else 0)
    data.write_text("[2]")
    plan = desk.plan()
    assert {place: verdict for place, (verdict, _) in plan.items()} == dict.fromkeys(plan, "run")
    assert plan["find"] == ("run", f"{data} changed")
    assert desk.run().outputs == {"seen": [2]}


@pytest.mark.parametrize("how", ["run", "resume"])
def test_data_that_are_gone(how: str, desk: Desk) -> None:
    """What is given them runs, and fails by itself; nothing of what they gave is used instead."""
    data = desk.directory / "x.json"
    data.write_text("[1]")
    desk.pipeline(GIVEN.replace("DATA", data.as_uri()).replace("CACHE", "needs: []"))
    assert desk.run().code == 0
    data.unlink()
    assert desk.plan()["find"] == ("run", f"{data} is gone")
    told = (desk.run if how == "run" else desk.resume)()
    assert told.code == 1
    assert "FileNotFoundError" in told.out


CHANGED = """
params: {level: {type: integer, default: 5}, file: {type: string, default: there}}
stages:
  before: {run: measure, with: {data: {uri: "DATA", kind: test}, name: before}}
  flag:
    run: flag_in_place
    needs: [before]
    with: {data: {uri: "DATA", kind: test}, level: "${{ params.level }}"}
  measure: {run: measure, with: {data: "${{ stages.flag.value }}"}}
  last: {run: need, needs: [measure], with: {file: "${{ params.file }}"}}
outputs: {seen: "${{ stages.measure.value }}", before: "${{ stages.before.value }}"}
"""


@pytest.mark.parametrize("touched", [False, True])
def test_data_that_the_run_itself_changes(touched: bool, desk: Desk) -> None:
    """A resumed run uses again what it made before and after its own change of data from outside,
    and makes all of it again where somebody else has changed them since."""
    data = desk.directory / "data"
    data.write_text("1000000")
    desk.pipeline(CHANGED.replace("DATA", data.as_uri()))
    assert desk.run().code == 1
    executed = desk.executed
    if touched:
        data.write_text("2000000")
    (desk.directory / "there").touch()
    resumed = desk.resume()
    assert resumed.outputs["seen"] == "5000000"
    assert resumed.outputs["before"] == ("2000000" if touched else "1000000")
    assert sum((desk.executed - executed).values()) == (4 if touched else 1)
    assert desk.run().outputs["before"] == "5000000"


@pytest.fixture
def looks(tmp_path: Path) -> Outside:
    return Outside(tmp_path / "contents.jsonl")


def age(path: Path, seconds: float) -> None:
    """Set the time at which a file was written so far back."""
    os.utime(path, ns=(path.stat().st_mtime_ns - int(seconds * 1e9),) * 2)


def anew(tmp_path: Path) -> Outside:
    """As another process looks."""
    return Outside(tmp_path / "contents.jsonl")


def test_what_was_read_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as size, time and inode are as they were, also by another process."""
    monkeypatch.setattr(outside, "YOUNG", -(10**12))
    file = tmp_path / "data"
    file.write_text("abc")
    first = anew(tmp_path).content(file.as_uri())
    read: list[Path] = []
    monkeypatch.setattr(outside, "describe", lambda path: read.append(path) or (3, "read"))
    assert anew(tmp_path).content(file.as_uri()) == first
    assert not read
    age(file, 5)
    assert anew(tmp_path).content(file.as_uri()) == "3 read"
    assert read == [file]


def test_a_file_that_is_young_is_read(tmp_path: Path) -> None:
    """It may be changed again within the same tick of the clock: that is noticed."""
    file = tmp_path / "data"
    file.write_text("abc")
    status = file.stat()
    first = anew(tmp_path).content(file.as_uri())
    file.write_text("abd")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert anew(tmp_path).content(file.as_uri()) != first


def test_a_directory(tmp_path: Path) -> None:
    """It is known by all that is in it, and a rewrite of the same does not count."""
    folder = tmp_path / "data"
    (folder / "a").mkdir(parents=True)
    (folder / "a" / "x").write_text("1")
    (folder / "y").write_text("2")
    uri = folder.as_uri()
    first = anew(tmp_path).content(uri)
    (folder / "y").unlink()
    (folder / "y").write_text("2")
    assert anew(tmp_path).content(uri) == first
    (folder / "a" / "x").write_text("3")
    second = anew(tmp_path).content(uri)
    (folder / "z").touch()
    assert len({first, second, anew(tmp_path).content(uri), GONE}) == 4


@pytest.mark.parametrize(
    ("uri", "content"),
    [
        ("file:///no/such", GONE),
        ("no/such", None),
        ("https://no.such/x", None),
        ("x:/y", None),
        ("no-such://y", None),
    ],
)
def test_what_cannot_be_looked_at(uri: str, content: str | None, looks: Outside) -> None:
    """What is not there is gone; what is not reached from here counts by its address alone."""
    assert looks.content(uri) == content


def test_an_object_in_a_store(tmp_path: Path) -> None:
    """It counts by its content where the store says nothing that changes with that."""
    files = fsspec.filesystem("memory")
    uri = "memory://outside-test/x"
    files.pipe_file("/outside-test/x", b"abc")
    first = anew(tmp_path).content(uri)
    files.pipe_file("/outside-test/x", b"abc")
    assert anew(tmp_path).content(uri) == first
    files.pipe_file("/outside-test/x", b"abd")
    assert anew(tmp_path).content(uri) != first
    files.rm("/outside-test/x")
    assert anew(tmp_path).content(uri) == GONE


def test_a_store_that_does_not_answer(looks: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error, and nothing is taken to be as it was."""

    def refuse(uri: str) -> Any:
        raise Unreachable(f"{uri} cannot be listed")

    monkeypatch.setattr(outside, "listing", refuse)
    with pytest.raises(Unreachable):
        looks.content("s3://bucket/x")


NAMED = """
params:
  file: {type: string, format: path, must_exist: true}
  files: {type: array, items: {type: string, format: glob, must_exist: true}}
stages:
  text: {run: give, with: {value: "${{ params.file }}", name: text}}
  part: {use: part.yaml, with: {file: data/x.json}}
  read: {run: load, with: {product: {uri: "${{ params.file }}", kind: test}}}
  each: {for_each: {file: "${{ params.files }}"}, run: give, with: {value: "${{ each.file }}"}}
outputs: {seen: "${{ stages.read.value }}"}
"""
PART = """
name: part
version: 1
params:
  file: {type: string, format: path, must_exist: true}
  other: {type: string, format: path, must_exist: true, default: data/y.json}
stages:
  text: {run: give, with: {value: "${{ params.file }}", name: part}}
  other: {run: give, with: {value: "${{ params.other }}", name: other}}
"""


def test_files_that_params_name(desk: Desk) -> None:
    """What gets the path of a file that must exist runs again when the file has changed, also
    where it gets a text, in a fan-out and in a used file; what does not, does not."""
    data = desk.directory / "data"
    data.mkdir()
    for name in ("x.json", "y.json"):
        (data / name).write_text("[1]")
    write(desk.directory / "part.yaml", PART)
    desk.pipeline(NAMED)
    params = ("-p", "file=data/x.json", "-p", "files=data/*.json")
    assert desk.run(*params).outputs == {"seen": [1]}
    plan = {place for place, (verdict, _) in desk.plan(*params).items() if verdict == "run"}
    assert plan == set()
    (data / "x.json").write_text("[2]")
    plan = {place for place, (verdict, _) in desk.plan(*params).items() if verdict == "run"}
    assert plan == {"text", "part", "part/text", "read", "each", f"each[file={data}/x.json]"}
    assert desk.run(*params).outputs == {"seen": [2]}
    (data / "x.json").unlink()
    refused = desk.run(*params)
    assert refused.code == 2
    assert f"param 'file': {data}/x.json does not exist" in refused.err


def test_a_name_with_a_number_sign(desk: Desk) -> None:
    """A path is taken as it is: what lies behind # or ? belongs to it, and % means nothing."""
    name = "a#1?%41.json"
    (desk.directory / name).write_text("[1]")
    text = NAMED.partition("  part:")[0]
    desk.pipeline(text + 'outputs: {file: "${{ stages.text.value }}"}')
    params = ("-p", f"file={name}", "-p", f"files={name}")
    assert desk.run(*params).outputs == {"file": str(desk.directory / name)}
    (desk.directory / name).write_text("[2]")
    assert desk.plan(*params)["text"][0] == "run"
