"""`radps-dag executors`: what there is, and one call that says what is wrong."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

PROFILE = """
executor = "few"
[executors.few]
kind = "processes"
slots = 3
[executors.far]
kind = "dask"
scheduler = "tcp://127.0.0.1:9"
[[executors.hpc.blocks]]
name = "wide"
cpus = 8
[executors.hpc]
kind = "parsl"
"""


class Shell:
    """A folder with a profile, and the command line in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "radps-dag.toml").write_text(PROFILE, encoding="utf-8")

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "radps_dag", *words],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_executors_of_a_profile(shell: Shell) -> None:
    """Kinds are listed, and what the profile makes of them: with calls at once, where, and which
    one is taken; nothing is started for it."""
    rows = {one["name"]: one for one in json.loads(shell("executors", "--json").stdout)}
    assert [*rows] == ["threads", "processes", "dask", "parsl", "few", "far", "hpc"]
    few, far, hpc = rows["few"], rows["far"], rows["hpc"]
    assert (few["kind"], few["slots"], few["default"]) == ("processes", 3, True)
    assert (far["slots"], far["where"]) == (0, "tcp://127.0.0.1:9")
    assert (hpc["slots"], hpc["where"]) == (8, "local: wide")
    assert "[executors.NAME]" in rows["dask"]["unready"] and not rows["threads"]["unready"]
    listed = shell("executors").stdout
    assert "far        as many calls at once as the workers take, in worker processes" in listed


def test_what_executors_have(shell: Shell) -> None:
    """This machine, the kinds of jobs; a scheduler that does not answer is told, and the rest is
    there."""
    told = shell("executors", "--hosts", "--json")
    rows = {row["name"]: row["offers"] for row in json.loads(told.stdout)}
    (here,), (jobs,) = rows["few"], rows["hpc"]
    assert (here["host"], here["calls"]) == (platform.node(), 3)
    assert here["resources"]["cpus"] >= 1 and here["resources"]["memory"] > 10**8
    assert (jobs["name"], jobs["host"], jobs["jobs"], jobs["calls"]) == ("wide", "", 1, 8)
    assert (told.returncode, rows["far"]) == (2, [])
    assert "no Dask scheduler at tcp://127.0.0.1:9" in told.stderr


def test_an_executor_is_tested(shell: Shell) -> None:
    """A call is computed there, and nothing of it is left."""
    told = shell("executors", "test", "few")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("few: a call was computed on ")
    assert "3 calls at once; library 'placeholder'; products in file:///" in told.stdout
    assert [one.name for one in shell.folder.iterdir()] == ["radps-dag.toml"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("fwe",),
            "NAME must be one of threads, processes, dask, parsl, few, far, hpc, not 'fwe'; ",
        ),
        (("dask",), "NAME 'dask' is set up in radps-dag.toml: [executors.NAME] with kind = "),
        (("few", "--library", "nothing"), "no workload library 'nothing'"),
        (("few", "--workloads", "own.py"), "workload file own.py does not exist"),
        (("few", "--products", "radps-dag.toml"), "the directory for products cannot be made"),
    ],
)
def test_what_is_wrong_with_an_executor(shell: Shell, words: tuple[str, ...], told: str) -> None:
    """One line that says it, and an exit code that is not 0."""
    done = shell("executors", "test", *words)
    assert done.returncode in (1, 2)
    assert told in done.stderr and done.stderr.count("\n") == 1
