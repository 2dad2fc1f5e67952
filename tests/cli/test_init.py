"""`radps-dag init`: a project that works as it is, and never in the way of another."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from radps_dag.cli.init import example_pipelines
from radps_dag.cli.main import main


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as raised:
        main([str(argument) for argument in arguments])
    assert isinstance(raised.value.code, int)
    return raised.value.code


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_starter_validates_and_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is laid out is valid, runs, and is what the next steps name."""
    assert run("init", "project") == 0
    out = capsys.readouterr().out
    assert "cd project" in out
    monkeypatch.chdir(folder / "project")
    assert run("validate", "--strict", "pipeline.yaml") == 0
    assert run("run", "pipeline.yaml", "--no-prefect", "--quiet") == 0
    assert run("workloads", "measure_noise") == 0
    for step in re.findall(r"radps-dag (\w+) (\S+)", out):
        assert step[0] in ("validate", "graph", "run")
        assert (folder / "project" / step[1]).is_file()


def test_examples_validate(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The examples are copied whole: each is valid where it lies, with its drills."""
    assert run("init", "examples", "--examples") == 0
    copied = folder / "examples"
    monkeypatch.chdir(copied)
    files = sorted(str(path) for path in Path().rglob("*.yaml") if "faults" not in path.parts)
    assert run("validate", "--strict", *files) == 0
    shipped = Path(str(example_pipelines()))
    original = {path.relative_to(shipped) for path in shipped.rglob("*.yaml")}
    assert original == set(Path().rglob("*.yaml"))
    assert os.access(Path("programs", "tools", "gains.py"), os.X_OK)
    drill = re.search(r"radps-dag (run .* --faults .*)", capsys.readouterr().out)
    assert drill is not None
    assert run(*drill[1].split(), "--no-prefect", "--quiet", "-p", "pace=0") == 0


@pytest.mark.parametrize("option", [[], ["--examples"]])
def test_editor_lines_lead_to_the_schema(option: list[str], folder: Path) -> None:
    """The first line of each file names a schema that is there."""
    assert run("init", "project", *option) == 0
    for path in (folder / "project").rglob("*.yaml"):
        first = path.read_text(encoding="utf-8").splitlines()[0]
        _, _, schema = first.partition("$schema=")
        assert (path.parent / schema).is_file(), path


def test_nothing_is_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One file in the way, and nothing is written at all."""
    project = folder / "project"
    project.mkdir()
    (project / "README.md").write_text("mine", encoding="utf-8")
    assert run("init", "project") == 2
    assert "project has README.md already" in capsys.readouterr().err
    assert [path.name for path in project.iterdir()] == ["README.md"]
    assert (project / "README.md").read_text(encoding="utf-8") == "mine"


def test_into_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file where the directory should be is told."""
    (folder / "project").touch()
    assert run("init", "project") == 2
    assert "project is a file; name a directory" in capsys.readouterr().err


def test_into_the_current_directory(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`init .` works, and needs no `cd`."""
    assert run("init", ".") == 0
    assert (folder / "pipeline.yaml").is_file()
    assert "cd " not in capsys.readouterr().out
