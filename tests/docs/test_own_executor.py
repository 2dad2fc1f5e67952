"""The guide to an executor of one's own: the page's executor is found, and computes a run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from docs_support import blocks
from repository import ROOT, SUPPORT
from run_support import run

PAGE = (ROOT / "docs" / "own-executor.md").read_text(encoding="utf-8")
WORKLOADS = SUPPORT / "run_workloads.py"
PIPELINE = """
version: 1
name: three
stages:
  a: {for_each: {i: [1, 2, 3]}, run: give, with: {value: "${{ each.i }}"}}
"""


class Project:
    """A folder with the page's module, its package as if installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (self.module,) = blocks(PAGE, "python")
        self.file = folder / "p.yaml"
        self.file.write_text(PIPELINE, encoding="utf-8")

    def install(self, module: str, value: str = "our_executor:Serial") -> None:
        """Lay out what `pip install` does with the page's table."""
        (text,) = blocks(PAGE, "toml")
        table = tomllib.loads(text)["project"]
        assert table["entry-points"]["radps_dag.executors"] == {"serial": "our_executor:Serial"}
        (self.folder / "our_executor.py").write_text(module, encoding="utf-8")
        info = self.folder / f"our_executor-{table['version']}.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {table['name']}\nVersion: {table['version']}\n"
        )
        (info / "entry_points.txt").write_text(f"[radps_dag.executors]\nserial = {value}\n")

    def uninstall(self) -> None:
        shutil.rmtree(next(self.folder.glob("*.dist-info")))

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "radps_dag", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{ROOT}")
    return Project(tmp_path)


def test_the_executor_of_the_page(project: Project) -> None:
    """It is listed with its slots and its package, completed, and runs a pipeline, one call after
    another; what it ran can be looked at and resumed elsewhere when it is gone."""
    project.install(project.module)
    listed = json.loads(project("executors", "--json").stdout)
    (serial,) = [one for one in listed if one["name"] == "serial"]
    assert serial["slots"] == 1 and not serial["default"]
    assert (serial["package"], serial["version"]) == ("our-executor", "1")
    assert "from our-executor 1: our_executor:Serial" in project("executors").stdout
    options = ("--no-prefect", "--workloads", str(WORKLOADS))
    done = run(project.file, *options, "--executor", "serial", cwd=project.folder)
    assert done.code == 0, done.err
    assert done.facts[0]["executor"] == "serial"
    assert len(done.of("node_succeeded", "a[")) == 3
    project.uninstall()
    shown = project("show", "last", "a[i=1]")
    assert shown.returncode == 0, shown.stderr
    told = project("resume", "--no-prefect", "--force", "a")
    assert told.returncode == 2
    assert "must be one of threads, processes, dask, parsl, not 'serial'" in told.stderr
    told = project("resume", "--no-prefect", "--force", "a", "--executor", "threads")
    assert told.returncode == 0, told.stderr


SETTINGS = """
from dataclasses import dataclass

from radps_dag.executors.tables import option, text


@dataclass(frozen=True)
class Settings:
    queue: str = option(text, "")


class Serial:
    settings = Settings
"""


def test_settings_of_its_own(project: Project) -> None:
    """A settings class of the executor is what a table of the profile is read into; a key that it
    does not have is a line."""
    module = project.module.replace("class Serial:", SETTINGS)
    project.install(module.replace("= setup.slots", "= len(setup.settings.queue)"))
    profile = project.folder / "radps-dag.toml"
    profile.write_text('[executors.long]\nkind = "serial"\nqueue = "long"\n')
    told = project("executors", "test", "long")
    assert told.returncode == 0, told.stderr
    assert "4 calls at once" in told.stdout
    profile.write_text('[executors.long]\nkind = "serial"\nqueu = "long"\n')
    told = project("executors")
    assert told.returncode == 2
    assert "unknown key 'executors.long.queu'; did you mean 'queue'?" in told.stderr


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("import asyncio", "import asynkio", "cannot be imported: ModuleNotFoundError: No module"),
        ("def slots_for", "def slots", "is not an executor: it has no slots_for"),
        ("    capabilities = ", "    others = ", "is not an executor: it has no capabilities"),
        ("self.slots = setup.slots", "raise OSError('no queue')", "opened: OSError: no queue"),
    ],
)
def test_an_executor_that_cannot_be_used(project: Project, old: str, new: str, why: str) -> None:
    """One line with its name and why, exit code 2, and no run; those that can be used are listed
    all the same."""
    project.install(project.module.replace(old, new))
    told = project(
        "run",
        "p.yaml",
        "--no-prefect",
        "--quiet",
        "--executor",
        "serial",
        "--workloads",
        str(WORKLOADS),
    )
    assert told.returncode == 2
    assert told.stderr.startswith("radps-dag: executor 'serial' ")
    assert why in told.stderr and told.stderr.count("\n") == 1
    assert project("runs", "--json").stdout.strip() in ("", "[]")
    if "opened" not in why:
        listed = project("executors")
        assert listed.returncode == 2
        assert "threads" in listed.stdout and listed.stderr == told.stderr


def test_a_name_that_no_executor_has(project: Project) -> None:
    """The likely name of those that are installed, exit code 2."""
    project.install(project.module)
    told = project("run", "p.yaml", "--executor", "seriel", "--workloads", str(WORKLOADS))
    assert told.returncode == 2
    assert told.stderr == (
        "radps-dag: --executor must be one of threads, processes, dask, parsl, serial, "
        "not 'seriel'; did you mean 'serial'?\n"
    )
