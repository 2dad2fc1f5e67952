"""What the page about the context shows is so: its Python runs, in its order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from repository import ROOT

from radps_dag.cli.context import command as context_command
from radps_dag.cli.run import command as run_command

PAGE = (ROOT / "docs" / "context.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipeline runs, and what the Python asserts of it holds."""
    monkeypatch.chdir(tmp_path)
    (pipeline,) = blocks("yaml")
    Path("pipeline.yaml").write_text(pipeline, encoding="utf-8")
    done = CliRunner().invoke(run_command, ["pipeline.yaml", "--no-prefect", "--quiet"])
    assert done.exit_code == 0, done.output
    found = blocks("python")
    assert len(found) == 3
    workload, *others = found
    # A workload stands in a module, where its hints can be looked up.
    Path("workloads.py").write_text(workload, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    __import__("workloads")
    for block in others:
        exec(compile(block, "context.md", "exec"), {})  # the page's own text


def test_every_use_is_answered() -> None:
    """Each use case and each gap has a row that says what serves it."""
    rows = dict(re.findall(r"^\| ((?:UC|GAP)-\d\d) \|[^|]*\| ([^|]+) \|$", PAGE, re.MULTILINE))
    wanted = [f"UC-{number:02}" for number in range(1, 20)]
    wanted += [f"GAP-{number:02}" for number in range(1, 9)]
    assert list(rows) == wanted and all(rows.values())


def test_the_options_shown_are_those_there_are() -> None:
    """Each option on the page is one of the command."""
    known = {name for parameter in context_command.params for name in parameter.opts}
    lines = [line for line in blocks("sh")[0].splitlines() if line.startswith("radps-dag context")]
    for line in lines:
        for option in re.findall(r"--[a-z]+", line):
            assert option in known, line
