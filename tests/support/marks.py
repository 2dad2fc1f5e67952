"""Markers of the tests by what they need: given by folder, and by the fixtures that a test uses.

`quick` is what needs none of it: `pytest -m quick`.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from _pytest.doctest import DoctestModule
from repository import ROOT

__all__ = [
    "MARKS",
    "pytest_collect_file",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_ignore_collect",
]

MARKS = {
    "quick": "needs nothing but Python, and no longer than a moment",
    "prefect": "needs a Prefect server, which takes seconds to start",
    "crash": "kills, freezes or damages what runs, again and again",
    "postgres": "needs PostgreSQL",
    "s3": "needs a server that speaks S3",
    "browser": "needs Chromium",
    "command": "starts radps-dag as a process of its own, most of a second for each command",
    "processes": "starts worker processes of an executor, a third of a second for each",
    "sim": "computes with numpy, zarr and matplotlib, which take seconds to start",
    "cluster": "starts a cluster of processes, which takes seconds",
    "slurm": "needs Slurm",
    "slow": "takes seconds of a processor; given by hand",
}

# Nothing in these folders is quick; doctests are of their package's folder.
_FOLDERS = {
    ROOT / "tests" / "cli": "command",
    ROOT / "tests" / "clusters": "cluster",
    ROOT / "tests" / "crash": "crash",
    ROOT / "tests" / "docs": "command",
    ROOT / "tests" / "prefect": "prefect",
    ROOT / "tests" / "libraries" / "sim": "sim",
    ROOT / "radps_dag" / "prefect": "prefect",
    ROOT / "radps_dag" / "workloads" / "sim": "sim",
}
_LONGEST = ("crash", "prefect", "sim", "cluster", "command")
# Fixtures, and the words of cases that ask for one of them.
_NEEDS = {
    "prefect_server": "prefect",
    "postgres": "postgres",
    "bucket": "s3",
    "s3": "s3",
    "browser": "browser",
    "slurm": "slurm",
    "processes": "processes",
}
_SHORT = ("quick", "quick or processes")


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers: one that is misspelt is an error."""
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with what it needs, or as quick; long folders come first.

    Nobody then waits at the end for a process that has begun with a long file.
    """
    for item in items:
        for mark in _marks(item):
            item.add_marker(mark)
        if not any(item.get_closest_marker(mark) for mark in MARKS):
            item.add_marker("quick")
    items.sort(key=_turn)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out folders without a short test where those alone are wanted: imports take seconds."""
    quick = config.option.markexpr in _SHORT and collection_path in _FOLDERS
    return True if quick else None


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path,
) -> Generator[None, list[pytest.Collector], list[pytest.Collector]]:
    """Look for examples only in files that have some: pytest would import every module for it."""
    collectors = yield
    if file_path.suffix == ".py" and ">>>" not in file_path.read_text(encoding="utf-8"):
        return [each for each in collectors if not isinstance(each, DoctestModule)]
    return collectors


def _turn(item: pytest.Item) -> int:
    around = {_FOLDERS[folder] for folder in item.path.parents if folder in _FOLDERS}
    return min((_LONGEST.index(mark) for mark in around), default=len(_LONGEST))


def _marks(item: pytest.Item) -> set[str]:
    case = getattr(item, "callspec", None)
    words = {str(value) for value in case.params.values()} if case else set()
    needs = {*getattr(item, "fixturenames", ()), *words}
    around = {_FOLDERS[folder] for folder in item.path.parents if folder in _FOLDERS}
    marks = around | {mark for need, mark in _NEEDS.items() if need in needs}
    # What a folder needs is more than a few processes, and `_SHORT` leaves it out.
    return marks - {"processes"} if around else marks
