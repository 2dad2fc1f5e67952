"""`radps-dag workloads`, as a shell sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from radps_dag.cli.main import main
from radps_dag.workloads.contract.registry import find_library


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as raised:
        main(["workloads", *arguments])
    assert isinstance(raised.value.code, int)
    return raised.value.code


@pytest.fixture(autouse=True)
def no_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Every workload is listed by name with its summary, in columns."""
    assert run() == 0
    out = capsys.readouterr().out
    lines = out.splitlines()[:-2]
    names = [line.split()[0] for line in lines if not line.startswith(" ")]
    assert names == sorted(find_library("placeholder").workloads)
    column = max(map(len, names)) + 2
    assert all(line[column - 1] == " " != line[column] for line in lines)
    assert all(len(line) <= 100 for line in out.splitlines())


def test_one(capsys: pytest.CaptureFixture[str]) -> None:
    """One workload: its mark, its text, inputs with types, units and defaults, and outputs."""
    assert run("solve_gains") == 0
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "solve_gains (placeholder: simulates, measures nothing)"
    inputs = lines[lines.index("Inputs") + 1 : lines.index("Outputs") - 1]
    assert [line.split()[0] for line in inputs] == [
        "ms", "bandpass", "spws", "scan", "interval", "start",
    ]  # fmt: skip
    assert inputs[4].split() == ["interval", "number", "[s]", "solution", "interval"]
    assert inputs[5].endswith("solutions of the iteration before (default null)")
    assert any(line.split()[:3] == ["phase_rms", "number", "[deg]"] for line in lines)
    assert "  run: solve_gains" in lines


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """Programs get the same as JSON: a list of all, or one."""
    assert run("--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == len(find_library("placeholder").workloads)
    assert run("clean", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["placeholder"]) == ("clean", True)
    assert found["inputs"][2] == {
        "name": "niter",
        "type": "an integer",
        "unit": "",
        "description": "minor iterations of this cycle",
        "required": False,
        "default": 400,
    }


def test_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name, and a misspelt library, exit 2 with the likely fix."""
    assert run("claen") == 2
    assert "no workload 'claen' in library 'placeholder'; did you mean 'clean'?" in (
        capsys.readouterr().err
    )
    assert run("--library", "placeholdr") == 2
    assert "did you mean 'placeholder'?" in capsys.readouterr().err


def test_own_workloads(no_profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The project's own workloads are listed with the library's, and are not placeholders."""
    (no_profile / "radps-dag.toml").write_text('workloads = ["own.py"]', encoding="utf-8")
    (no_profile / "own.py").write_text(
        "from radps_dag.workloads import workload\n"
        "@workload\n"
        "def measure(field: str, extra=None):\n"
        "    '''Measure.'''\n",
        encoding="utf-8",
    )
    assert run("measure") == 0
    out = capsys.readouterr().out
    assert out.startswith("measure\n\n  Measure.\n")
    assert "  not declared: any" in out


def test_a_file_of_ones_own(no_profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--workloads FILE.py` shows what is in a file, as `validate` and `run` would take it."""
    text = (
        "from radps_dag.workloads import workload\n"
        "@workload\n"
        "def measure_noise(field: str) -> dict:\n"
        '    """Measure the noise."""\n'
    )
    Path("own.py").write_text(text, encoding="utf-8")
    assert run("measure_noise", "--workloads", "own.py") == 0
    assert "Measure the noise." in capsys.readouterr().out
    assert run("--workloads", "own.py") == 0
    assert "measure_noise" in capsys.readouterr().out
    assert run("measure_noise") == 2


def test_what_changes_data_in_place(no_profile: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One workload says which inputs name the data that it changes in place; so does its JSON."""
    (no_profile / "radps-dag.toml").write_text('workloads = ["own.py"]', encoding="utf-8")
    (no_profile / "own.py").write_text(
        "from radps_dag.workloads import Product, workload\n"
        "@workload(mutates='ms')\n"
        "def own_flag(ms: Product, model: Product): ...\n"
        "@workload(mutates=True)\n"
        "def own_reset(level: float): ...\n",
        encoding="utf-8",
    )
    assert run("own_flag") == 0
    assert "  It changes data in place: ms." in capsys.readouterr().out
    assert run("own_flag", "--json") == 0
    assert json.loads(capsys.readouterr().out)["mutates"] == ["ms"]
    assert run("own_reset") == 0
    assert "  It changes data in place, which no input names." in capsys.readouterr().out
    assert run("clean", "--json") == 0
    assert json.loads(capsys.readouterr().out)["mutates"] is False
