"""What the page about Python shows runs from its first block to its last, as in a notebook."""

from __future__ import annotations

import ast
import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from docs_support import blocks
from repository import ROOT

import radps_dag

PAGE = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")


def test_the_page_runs_as_a_notebook(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each block is a cell: all share their names, and an event loop runs around them."""
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}

    async def notebook() -> list[object]:
        return [cell(block, names) for block in blocks(PAGE, "python")]

    shown = asyncio.run(notebook())
    status, run, directory = shown[1]  # type: ignore[misc]
    assert (status, directory) == ("succeeded", tmp_path / ".radps" / "runs" / run)
    assert shown[2] == []
    assert re.search(r"^calibrate_gains: \d+\.\d s$", capsys.readouterr().out, re.MULTILINE)


def cell(block: str, names: dict[str, Any]) -> object:
    """What a notebook shows below a cell: the value of its last line, if that is an expression."""
    body = ast.parse(block).body
    last = body.pop() if isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)


def test_the_page_names_what_there_is() -> None:
    """The table lists the functions that the package has."""
    listed = re.findall(r"^\| `(\w+)[(`]", PAGE, re.MULTILINE)
    assert listed == [
        name
        for name in ("load", "check", "build", "plan", "run", "resume", "load_context", "workload")
        if callable(getattr(radps_dag, name))
    ]
    assert set(listed) == {name for name in radps_dag.__all__ if name.islower()}
