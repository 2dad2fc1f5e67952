"""`radps-dag-casa` without CASA: what it makes of its words, and of a Python that has none."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest
from repository import ROOT

from radps_dag.language.source import parse, read_source
from radps_dag.workloads.casa.measuring import MEASURES
from radps_dag.workloads.casa.task import arguments_of

TOOLS = ROOT / "pipelines" / "programs" / "tools"


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("niter", "not NAME=TEXT"),
        ("=5", "not NAME=TEXT"),
        ("a b=5", "not NAME=TEXT"),
        ("niter:=five", "no JSON"),
    ],
)
def test_a_wrong_word_is_refused(word: str, reason: str) -> None:
    """By itself, with what it should be."""
    with pytest.raises(ValueError, match=reason):
        arguments_of([word])


def test_a_text_is_a_text() -> None:
    """However much it looks like a number or has = and : in it."""
    assert arguments_of(["field=0", "spw=0:1~5", "msselect=a=b"]) == {
        "field": "0",
        "spw": "0:1~5",
        "msselect": "a=b",
    }


@pytest.mark.skipif(find_spec("casatasks") is not None, reason="CASA is in this environment")
def test_a_python_without_casa_says_what_to_install() -> None:
    """One line, and the exit code that shells have for a program that is not there."""
    words = [sys.executable, "-m", "radps_dag.workloads.casa.task", "--version"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 127
    assert "pip install 'radps-dag[casa]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_each_task_has_a_tool_file() -> None:
    """Whose program is that task."""
    for task in MEASURES:
        source = read_source(TOOLS / f"{task}.yaml", task, lambda problem: None)
        assert source is not None
        document = parse(source, lambda problem: None)
        assert document is not None
        assert list(document.data["program"][:2]) == ["radps-dag-casa", task]
