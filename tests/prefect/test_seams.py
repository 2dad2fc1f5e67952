"""All that is relied on inside Prefect is listed, is as it is relied on, and is all there is."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import prefect
import pytest
from prefect.flow_engine import AsyncFlowRunEngine
from repository import ROOT
from run_support import until

from radps_dag.engine.tracker import Untracked
from radps_dag.prefect import flow_runs, seam_check, seams
from radps_dag.prefect.seam_check import Seam
from radps_dag.prefect.seams import CLIENT, PUBLIC, SERVER, WORKER
from radps_dag.prefect.server import starting
from radps_dag.prefect.server.files import ServerFiles
from radps_dag.runs.session import prefect_tracker
from radps_dag.storage import locks

PACKAGE = ROOT / "radps_dag" / "prefect"
SEAMS = (*CLIENT, *WORKER, *SERVER)
GONE = Seam("prefect", "gone", "", ())

SERVE = """
import sys
from radps_dag.prefect import seam_check, seams
from radps_dag.prefect.server import main
seams.SERVER = (seam_check.Seam("prefect", "gone", "", ()),)
sys.exit(main.main(sys.argv[1:]))
"""


def test_all_seams_are_there() -> None:
    """Each name is where it was, with its parameters and attributes; what has moved is named."""
    assert seam_check.moved(SEAMS) == []


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_nothing_else_is_reached_for(path: Path) -> None:
    """A module imports Prefect's documented interface, and what the list says that it uses."""
    user = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    listed = {seam.dotted for seam in SEAMS if user in seam.users}
    reached = {
        name
        for name in _reached(ast.parse(path.read_text("utf-8")))
        if not _documented(name) and not any(_is_in(one, {name}) for one in listed)
    }
    assert reached == set()


@pytest.mark.parametrize("seam", SEAMS, ids=lambda seam: seam.dotted)
def test_each_is_used_by_whom_it_says(seam: Seam) -> None:
    """A seam that nobody needs any more leaves the list."""
    name = seam.dotted.split(".")[-1]
    shown = name if name != "__init__" else seam.dotted.split(".")[-2]
    for user in seam.users:
        source = (PACKAGE / f"{user.replace('.', '/')}.py").read_text("utf-8")
        assert shown in source or seam.module in source, user


def test_what_is_replaced_is_listed() -> None:
    """A method of Prefect's engine that one of ours replaces is a seam of its own."""
    ours, theirs = flow_runs._Engine, AsyncFlowRunEngine
    listed = {seam.dotted for seam in CLIENT}
    replaced = {
        name
        for name in vars(ours)
        if hasattr(theirs, name) and not name.startswith("__") and callable(getattr(ours, name))
    }
    assert replaced
    assert {f"{theirs.__module__}.{theirs.__name__}.{name}" for name in replaced} <= listed


@pytest.mark.parametrize(
    ("seam", "lacks"),
    [
        (Seam("prefect.gone", "X", "", ()), "prefect.gone.X is not there"),
        (Seam("prefect.flow_engine", "Gone.run", "", ()), "prefect.flow_engine.Gone.run is not"),
        (Seam("prefect", "Task", "", (), takes=("speed",)), "prefect.Task takes no 'speed'"),
        (Seam("prefect", "Task", "", (), has=("fn", "_speed")), "prefect.Task has no '_speed'"),
    ],
)
def test_what_has_moved_is_one_line(seam: Seam, lacks: str) -> None:
    """It says what is missed, how many more are, which version this is, and what can be done."""
    with pytest.raises(seam_check.Moved) as caught:
        seam_check.check([seam, *CLIENT, seam], "or do without")
    line = str(caught.value)
    assert line.startswith(f"Prefect {prefect.__version__} ") and "\n" not in line
    assert lacks in line and "(and 1 more)" in line
    assert "pip install 'prefect" in line and line.endswith(", or do without")


def test_a_run_goes_on_without_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a seam of the tracker has moved, one warning says so, and the run is not tracked."""
    monkeypatch.setattr(seams, "CLIENT", (GONE,))
    warnings: list[str] = []
    tracker = prefect_tracker("cube", None, lambda message: None, warnings.append)
    assert isinstance(tracker, Untracked)
    (line,) = warnings
    assert "prefect.gone is not there; pip install 'prefect" in line
    assert line.endswith("this run goes on without Prefect's page")


def test_a_server_says_what_it_misses(tmp_path: Path) -> None:
    """The local server looks before it begins; what it misses is the line that its user is told."""
    place = ServerFiles.of(tmp_path)
    place.make()
    options = [str(place.directory), "--idle-timeout", "60"]
    subprocess.run([sys.executable, "-c", SERVE, *options], check=True, timeout=120)
    assert until(lambda: not locks.is_held(place.lock), seconds=120)
    line = starting._died(place)
    assert "prefect.gone is not there; pip install 'prefect" in line
    assert "or run with --no-prefect" in line and "\n" not in line


def _reached(tree: ast.AST) -> Iterator[str]:
    """The names in Prefect that a module's code imports, or takes of `prefect` itself."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names, level=0):
                found = [f"{module}.{one.name}" for one in names]
            case ast.Import(names=names):
                found = [one.name for one in names if one.name != "prefect"]
            case ast.Attribute(value=ast.Name(id="prefect"), attr=name):
                found = [f"prefect.{name}"] if name != "server" else []
            case _:
                continue
        yield from (name for name in found if _is_in(name, {"prefect"}))


def _is_in(name: str, around: set[str] | tuple[str, ...]) -> bool:
    return any(name == one or name.startswith(f"{one}.") for one in around)


def _documented(name: str) -> bool:
    last = name.rsplit(".", maxsplit=1)[-1]
    if name == f"prefect.{last}":
        return last in prefect.__all__ or last == "__version__"
    return not last.startswith("_") and _is_in(name, PUBLIC)
