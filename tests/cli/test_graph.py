"""`radps-dag graph`: formats, endings, places, and errors in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from radps_dag.cli.main import _exit_code

PIPELINE = """\
version: 1
name: small
stages:
  first: {pause: {message: Go on?}}
  group:
    needs: [first]
    steps:
      second: {pause: {message: And now?}}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(PIPELINE)
    return path


def starts(path: Path) -> bytes:
    return path.read_bytes()[:8]


@pytest.mark.parametrize(
    ("arguments", "written", "first"),
    [
        ([], "small.png", b"\x89PNG"),
        (["--svg"], "small.svg", b"<svg"),
        (["--dot"], "small.dot", b"digraph"),
        (["--mermaid"], "small.mmd", b"flowcha"),
        (["-o", "x.svg"], "x.svg", b"<svg"),
        (["-o", "x.PNG"], "x.PNG", b"\x89PNG"),
        (["-o", "x.gv"], "x.gv", b"digraph"),
        (["-o", "x.mermaid"], "x.mermaid", b"flowcha"),
        (["--svg", "-o", "x.picture"], "x.picture", b"<svg"),
    ],
)
def test_formats(
    file: Path,
    arguments: list[str],
    written: str,
    first: bytes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The flag or the ending gives the format; the path that was written is printed."""
    assert _exit_code(["graph", str(file), *arguments]) == 0
    assert capsys.readouterr().out == f"{written}\n"
    assert starts(Path(written)).startswith(first)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "x.pdf"], "'.pdf'"),
        (["-o", "x"], "without an ending"),
        (["-o", "nowhere/x.png"], "cannot write nowhere"),
        (["--depth", "0"], "depth"),
        (["--layout", "neato"], "neato"),
    ],
)
def test_mistakes_are_said(
    file: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot be done ends with code 2 and says why."""
    assert _exit_code(["graph", str(file), *arguments]) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error


def test_a_bad_pipeline_is_not_drawn(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The problems are those of `validate`, and nothing is written."""
    file.write_text(PIPELINE.replace("needs: [first]", "needs: [frist]"))
    assert _exit_code(["graph", str(file)]) == 2
    assert "small.yaml:6" in capsys.readouterr().err
    assert not Path("small.png").exists()


def test_depth_hides_what_is_inside(file: Path) -> None:
    """`--depth 1` shows stages, and that there is more."""
    assert _exit_code(["graph", str(file), "--depth", "1", "-o", "x.mmd"]) == 0
    text = Path("x.mmd").read_text()
    assert "1 inside" in text and "second" not in text


def test_direction(file: Path) -> None:
    """`--direction right` flows to the right."""
    assert _exit_code(["graph", str(file), "--direction", "right", "-o", "x.mmd"]) == 0
    assert Path("x.mmd").read_text().startswith("flowchart LR")


def test_to_standard_output(file: Path) -> None:
    """`-o -` writes the file's bytes and nothing else."""
    command = [sys.executable, "-m", "radps_dag", "graph", str(file), "--svg", "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert done.stdout.startswith(b"<svg") and done.stdout.endswith(b"</svg>\n")
