"""A workspace that can be moved: its own place is not in what it keeps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fact_strategy import values
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.journal.workspace import Workspace, pick
from radps_dag.problem import RadpsDagError, UsageError

# Blanks, accents, quotes, percent signs, and names that begin like others.
ROOTS = [
    "/data",
    "/data/obs",
    "/data/obs 2",
    "/data/obs/.radps",
    "/data/observations",
    "/données/Öl & Söhne",
    "/a%20b/#1",
    '/say "so"/back\\slash',
    "/星/🛰",
]
roots = st.sampled_from(ROOTS).map(Path)
products = st.sampled_from(["", "s3://bucket/data", "s3://bucket/data/", "file:///elsewhere/out"])
workspaces = st.builds(Workspace, roots, products)


@given(workspaces, values)
def test_round_trip(workspace: Workspace, value: object) -> None:
    """What is kept comes back as it was, in the same place, whatever it looks like."""
    text = json.dumps(value)
    assert workspace.absolute(workspace.relative(text)) == text


@given(workspaces, st.data())
def test_addresses_round_trip(workspace: Workspace, data: st.DataObject) -> None:
    """So do addresses, of this workspace and of others whose names begin alike."""
    text = json.dumps(data.draw(st.lists(addresses(), max_size=4)))
    assert workspace.absolute(workspace.relative(text)) == text


@st.composite
def addresses(draw: st.DrawFn) -> str:
    root = draw(roots)
    below = draw(st.sampled_from(["", "/", "/a b", "2/x", "/runs/r1/products/é.json"]))
    written = draw(st.sampled_from(["path", "uri", "quoted"]))
    if written == "uri":
        return root.as_uri() + below
    return f"{root}{below}" if written == "path" else f'cannot read "{root}{below}": no'


@given(roots, roots, st.sampled_from(["x", "runs/r1/products/a b/é.json", "%41"]))
def test_moved(before: Path, after: Path, below: str) -> None:
    """What lies in the workspace is found where the workspace is now; what only has a name that
    begins alike stays where it is, and so do products at another root."""
    old, new = Workspace(before, "s3://old"), Workspace(after, "s3://new")
    inside = [f"{before}/{below}", f"{before.as_uri()}/{below}"]
    outside = [f"{before}2/{below}", f"{before}", f"s3://old/{below}", "x"]
    kept = old.relative(json.dumps([inside, outside]))
    assert json.loads(new.absolute(kept)) == [
        [f"{after}/{below}", f"{after.as_uri()}/{below}"],
        outside,
    ]


def test_two_runs_in_one_second(tmp_path: Path) -> None:
    """Runs that begin together have directories of their own."""
    workspace = Workspace(tmp_path)
    assert len({workspace.new_run("cube").path for _ in range(5)}) == 5


def test_no_directory_can_be_made(tmp_path: Path) -> None:
    """What stands in the way is named, with what to do."""
    (tmp_path / "runs").write_text("not a directory")
    with pytest.raises(RadpsDagError, match=r"runs: the run's directory cannot be made: .*--work"):
        Workspace(tmp_path).new_run("cube")


def test_picking_a_run() -> None:
    """A run is meant by any part of its id that no other run has; `runs` may cut it with dots."""
    known = ["20261124-1-cube", "20261124-2-cube-2", "20261124-2-cube", "20261125-1-flag_all"]
    assert pick("20261124-2-cube", known) == "20261124-2-cube"
    for part in ("20261125", "flag_all", "1-flag", "flag", "20261125-1-f\N{HORIZONTAL ELLIPSIS}"):
        assert pick(part, known) == "20261125-1-flag_all"


@pytest.mark.parametrize("part", ["20261124", "cube", "-", "2-cube"])
def test_a_part_that_several_runs_have(part: str) -> None:
    """It is refused in one line that names them, however many there are."""
    known = [f"20261124-{number}-cube" for number in range(32)]
    with pytest.raises(UsageError, match=r"may be any of \d+ runs; there are 20261124-") as error:
        pick(part, known)
    assert len(str(error.value)) < 200 and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("part", "meant"),
    [
        ("flga", "flag"),
        ("061520", "061502"),
        ("20261125-061520-flag", "20261125-061502-flag"),
    ],
)
def test_a_part_that_no_run_has(part: str, meant: str) -> None:
    """The part that was likely meant is named."""
    known = ["20261124-123456-cube", "20261125-061502-flag"]
    with pytest.raises(UsageError, match=f"no run '{part}' .*; did you mean '{meant}'"):
        pick(part, known)
    with pytest.raises(UsageError, match=f"no run 'image' .*; there are {known[0]}, {known[1]}"):
        pick("image", known)


def test_no_part_at_all() -> None:
    """A variable of the shell that is empty means no run, also where there is only one."""
    with pytest.raises(UsageError, match="the run's id is empty"):
        pick("", ["20261124-1-cube"])
