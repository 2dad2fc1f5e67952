"""The list of runs as it fits a terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from radps_dag.cli.runs import _table
from radps_dag.facts import RunEnded, RunStarted
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.workspace import Workspace, pick
from radps_dag.views.runs import Listed

LONG = "20261125-012734-image_continuum_of_each_spectral_window_and_more"


def listed(run: str, status: Any, **more: Any) -> Listed:
    seen = {
        "pipeline": run.split("-", 2)[2],
        "created": 1.8e9,
        "started": 1.8e9,
        "seconds": 125.0,
        "done": 1304,
        "failed": 0,
        "reused": 0,
        "resumed": 0,
        "driver": "",
        "cause": "",
        **more,
    }
    return Listed(run=run, status=status, **seen)


RUNS = [
    listed("20261125-012737-full_cube", "running", driver="pid 7 on a.host", questions=2),
    listed(
        "20261125-012736-calibration",
        "failed",
        failed=12,
        reused=1111,
        cause="image/clean[field=J1924-2914,spw=1]/restore: ArithmeticError: the beam cannot be "
        "fitted, because there is nothing in the field that could be seen",
    ),
    listed("20261125-012735-full_cube", "paused", questions=1, resumed=3),
    listed("20261124-012735-full_cube", "succeeded"),
]


def shown(runs: list[Listed], width: int) -> list[str]:
    lines = [line.plain.rstrip() for line in _table(runs, width)]
    assert max(map(len, lines)) <= width
    return lines


def test_eighty_columns() -> None:
    """The whole ids, which have the pipeline in them, states, times and what is wrong have room."""
    lines = shown(RUNS, 80)
    assert lines[0].split() == ["run", "status", "started", "took", "done", "failed"]
    text = " ".join(" ".join(lines).split())
    for run in RUNS:
        assert f"{run.run} {run.status} " in text and run.cause in text
    assert text.count("2m 05s 1,304") == len(RUNS)
    assert "a question waits: radps-dag questions 20261125-012735-full_cube" in text
    assert "go on with it: radps-dag resume 20261125-012735-full_cube" in text
    assert "driven by pid 7 on a.host" in text


def test_a_long_name() -> None:
    """Of an id for which there is no room its beginning is shown, which commands take as it is."""
    runs = [listed(LONG, "interrupted"), *RUNS]
    head, row, *_ = shown(runs, 80)
    assert head.split() == ["run", "status", "started", "took", "failed"]
    beginning, status, *_ = row.split()
    assert beginning != LONG and beginning.startswith("20261125-012734-image_")
    assert status == "interrupted"
    assert pick(beginning, [run.run for run in runs]) == LONG


def test_where_there_is_room() -> None:
    """A wide terminal and a pipe have all columns, and all texts on one line."""
    assert " ".join(shown(RUNS, 200)[0].split()).endswith("failed reused resumed")
    cause = " ".join(["because"] * 100)
    head, row, below = shown([listed(LONG, "failed", cause=cause)], sys.maxsize)
    assert head.split()[:2] == ["run", "pipeline"]
    assert row.startswith(LONG) and below.strip() == cause


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a journal of one run that has ended."""
    store = open_store(Workspace(tmp_path / ".radps"))
    facts = (
        RunStarted(
            time=1.8e9, place="", run="r", pipeline="p", file="p.yaml", params={}, seed=0,
            library="placeholder", executor="threads",
        ),
        RunEnded(time=1.8e9 + 1, place="", status="succeeded", seconds=1.0),
    )  # fmt: skip
    store.create("r", "p", 1.8e9)
    store.append("r", [to_row("r", fact, store.workspace) for fact in facts])
    store.close()
    return tmp_path


@pytest.mark.parametrize("command", ["runs", "status", "questions"])
def test_looking_at_runs_imports_nothing_heavy(command: str, folder: Path) -> None:
    """Who looks at runs waits for the start of the program more than for anything else: neither
    Prefect nor SQLAlchemy nor the graph library, no expressions and no workloads."""
    script = (
        "import sys\nfrom radps_dag.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'prefect', 'networkx', 'numpy', 'asyncio', 'sqlalchemy', 'jinja2', 'jsonschema',"
        " 'radps_dag.language.model', 'radps_dag.workloads.contract.workload'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, command], capture_output=True, text=True, cwd=folder
    )
    assert done.returncode == 0, done.stderr
