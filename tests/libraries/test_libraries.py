"""Every library of ours is the placeholders' under the same names: a pipeline may take any."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from radps_dag.workloads.contract.registry import find_library, libraries
from radps_dag.workloads.contract.signature_diff import differences

OURS = sorted({"placeholder", "sim"} & set(libraries()))
MODEL = find_library("placeholder").workloads


def test_both_libraries_are_there() -> None:
    """The placeholders and the real library are found by name."""
    assert OURS == ["placeholder", "sim"]


@pytest.mark.parametrize("library", OURS)
def test_same_names(library: str) -> None:
    """No workload is missing, and none is there that a pipeline for placeholders could not call."""
    assert set(find_library(library).workloads) == set(MODEL)


@pytest.mark.parametrize("name", sorted(MODEL))
@pytest.mark.parametrize("library", OURS)
def test_same_signatures(library: str, name: str) -> None:
    """Inputs, their defaults and units, and outputs are those of the placeholder."""
    assert differences(MODEL[name], find_library(library).workloads[name]) == []


@pytest.mark.parametrize("name", sorted(MODEL))
@pytest.mark.parametrize("library", OURS)
def test_each_says_what_it_is(library: str, name: str) -> None:
    """Every input and output is described, and placeholders alone call themselves so."""
    workload = find_library(library).workloads[name]
    assert not [one.name for one in workload.inputs if not one.description]
    assert not [one.name for one in workload.outputs or () if not one.description]
    assert workload.placeholder == (library == "placeholder")
    assert ("placeholder" in workload.summary) == workload.placeholder


def test_without_the_extra(tmp_path: Path) -> None:
    """Where numpy is not installed, the error says which extra has it."""
    hidden = tmp_path / "hide.py"
    hidden.write_text(
        "import sys\n"
        "sys.modules['numpy'] = None\n"
        "from radps_dag.cli import main\n"
        "sys.argv = ['radps-dag', 'workloads', '--library', 'sim']\n"
        "main()\n",
        encoding="utf-8",
    )
    done = subprocess.run([sys.executable, str(hidden)], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines() == [
        "radps-dag: library 'sim' needs numpy, which is not installed: pip install 'radps-dag[sim]'"
    ]


def test_placeholders_need_no_numpy() -> None:
    """A run of placeholders, and a validation, does not import what only real processing needs."""
    script = (
        "import sys\n"
        "from radps_dag.workloads.contract.registry import find_library\n"
        "find_library('placeholder')\n"
        "print([name for name in ('numpy', 'zarr') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
