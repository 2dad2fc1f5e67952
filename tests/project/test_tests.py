"""The tests themselves: each says its rule, and is marked with what it needs."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import marks
import pytest
from repository import ROOT
from source_support import definitions

TESTS = ROOT / "tests"


def test_every_test_states_its_rule() -> None:
    """A test has a docstring."""
    without = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted(TESTS.rglob("test_*.py"))
        for node in definitions(path.read_text(encoding="utf-8"))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]
    assert without == []


class Item(SimpleNamespace):
    """As much of a test as the markers are made of."""

    def add_marker(self, name: str) -> None:
        self.marks.add(name)

    def get_closest_marker(self, name: str) -> str | None:
        return name if name in self.marks else None


def item(path: str, *fixtures: str, **params: Any) -> Item:
    case = SimpleNamespace(params=params)
    return Item(path=ROOT / path, fixturenames=fixtures, callspec=case, marks=set())


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (item("tests/unit/journal/test_store.py", "tmp_path"), {"quick"}),
        (item("tests/unit/journal/test_databases.py", journal="postgres"), {"postgres"}),
        (item("tests/unit/journal/test_databases.py", journal="sqlite"), {"quick"}),
        (item("tests/unit/executors/test_publishing.py", "bucket"), {"s3"}),
        (item("tests/prefect/server/test_page.py", "prefect_server"), {"prefect"}),
        (item("tests/unit/context/test_in_a_run.py", executor="processes"), {"processes"}),
        (item("tests/cli/test_resume.py", executor="processes"), {"command"}),
        (item("tests/crash/test_kills.py"), {"crash"}),
        (item("tests/clusters/test_parsl.py", "slurm"), {"cluster", "slurm"}),
        (item("tests/cli/test_anywhere.py", "postgres"), {"command", "postgres"}),
        (item("radps_dag/workloads/sim/charts/planes.py"), {"sim"}),
        (item("radps_dag/visible.py"), {"quick"}),
    ],
)
def test_a_test_is_marked_with_what_it_needs(one: Item, expected: set[str]) -> None:
    """Folder, fixtures and the words of a case say what a test needs; others are quick."""
    marks.pytest_collection_modifyitems([one])
    assert one.marks == expected


def test_the_folders_are_there() -> None:
    """A folder that gives a marker exists, so that a move does not make slow tests quick."""
    assert [str(folder) for folder in marks._FOLDERS if not Path(folder).is_dir()] == []
