"""`radps-dag validate` and `radps-dag schema`, as a shell sees them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from repository import GOLDEN

from radps_dag import checks
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.cli.main import main
from radps_dag.cli.problems import as_github, as_text
from radps_dag.language.schema import schema
from radps_dag.problem import Location, Problem, Source

GOOD = GOLDEN / "good" / "all_of_the_language.yaml"
WORKLOADS = f"--workloads={GOLDEN / 'workloads.py'}"
BAD = "version: 1\nname: x\nstages:\n  a:\n    run: observe\n    retrys: 3\n"


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "bad.yaml").write_text(BAD, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "bad.yaml"


def exit_code(*arguments: object) -> int:
    with pytest.raises(SystemExit) as raised:
        main([str(argument) for argument in arguments])
    assert isinstance(raised.value.code, int)
    return raised.value.code


def test_a_good_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 0 and one line."""
    assert exit_code("validate", WORKLOADS, GOOD) == 0
    assert capsys.readouterr().out == "1 file valid, 7 nodes\n"


def test_a_bad_file(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2; the place, the message, the rule, the line and a caret under the place."""
    assert exit_code("validate", WORKLOADS, bad) == 2
    assert capsys.readouterr().out.splitlines() == [
        "bad.yaml:6:5: unknown key 'retrys'; did you mean 'retries'? [unknown-key]",
        "  6 |     retrys: 3",
        "    |     ^",
        "1 problem in 1 of 1 file",
    ]


def test_several_files(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every file is checked, also after a bad one; a missing one is told with a hint."""
    assert exit_code("validate", WORKLOADS, bad, "bda.yaml", GOOD) == 2
    captured = capsys.readouterr()
    assert "no such file: 'bda.yaml'; did you mean 'bad.yaml'?" in captured.err
    assert captured.out.endswith("1 problem in 2 of 3 files\n")


def test_json(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: one object on standard output, everything else elsewhere."""
    assert exit_code("validate", "--format=json", WORKLOADS, bad, "bda.yaml") == 2
    found = json.loads(capsys.readouterr().out)
    assert found["valid"] is False
    assert found["problems"] == [
        {
            "file": "bad.yaml",
            "line": 6,
            "column": 5,
            "rule": "unknown-key",
            "severity": "error",
            "message": "unknown key 'retrys'; did you mean 'retries'?",
        }
    ]
    assert len(found["errors"]) == 1
    assert exit_code("validate", "--format=json", WORKLOADS, GOOD) == 0
    assert json.loads(capsys.readouterr().out) == {"valid": True, "problems": [], "errors": []}


def test_github(bad: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For annotations: a workflow command for each problem."""
    assert exit_code("validate", "--format=github", WORKLOADS, bad) == 2
    assert capsys.readouterr().out == (
        "::error file=bad.yaml,line=6,col=5,title=unknown-key::"
        "unknown key 'retrys'; did you mean 'retries'?\n"
    )


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that a rule warns of, at the name of its first stage."""

    def rule(view: View, shapes: Shapes) -> Iterator[Problem]:
        yield Problem(view.pipeline.stages[0].at, "odd", "this never holds", severity="warning")

    monkeypatch.setattr(checks, "RULES", (*checks.RULES, rule))
    file = tmp_path / "odd.yaml"
    stages = "stages:\n  a: {run: simulate_work, with: {value: 1}}\n"
    file.write_text(f"version: 1\nname: odd\n{stages}", encoding="utf-8")
    return file


def test_a_warning_leaves_a_file_valid(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A warning is shown at its place in each format, and the exit code is 0."""
    assert exit_code("validate", odd) == 0
    text = capsys.readouterr().out.splitlines()
    assert text[0] == f"{odd}:4:3: warning: this never holds [odd]"
    assert text[-1] == "1 file valid, 1 node, 1 warning"
    assert exit_code("validate", "--format=json", odd) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["valid"] is True
    assert [(one["severity"], one["message"]) for one in found["problems"]] == [
        ("warning", "this never holds")
    ]
    assert exit_code("validate", "--format=github", odd) == 0
    assert capsys.readouterr().out.startswith("::warning file=")


def test_warnings_can_be_taken_for_errors(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With `--strict` a warning is an error: exit 2, and no word of a warning."""
    assert exit_code("validate", "--strict", odd) == 2
    out = capsys.readouterr().out
    assert "warning:" not in out
    assert out.endswith("1 problem in 1 of 1 file\n")


def test_errors_and_warnings_are_counted_apart(
    bad: str, odd: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with an error is bad; its warnings and those of other files are told beside."""
    assert exit_code("validate", WORKLOADS, bad, odd) == 2
    assert capsys.readouterr().out.endswith("1 problem in 1 of 2 files, 2 warnings\n")


def test_who_runs_a_file_is_warned_too(odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`plan`, and so `run`, tells the warnings on standard error before it does anything."""
    assert exit_code("plan", odd, "--workspace", odd.parent) == 0
    assert "warning: this never holds [odd]" in capsys.readouterr().err


def test_github_escapes() -> None:
    """Nothing in a name or a message ends the command early."""
    at = Location(Source("a,b:c%.yaml", ""), 1, 1)
    command = as_github(Problem(at, "rule", "50% of a,\nb"))
    assert command == "::error file=a%2Cb%3Ac%25.yaml,line=1,col=1,title=rule::50%25 of a,%0Ab"


@pytest.mark.parametrize(
    ("line", "column", "caret_under"),
    [("key: value", 6, "v"), ("é: ü", 4, "ü"), ("x" * 500 + "!" + "x" * 500, 501, "!")],
)
def test_the_caret_stands_under_its_place(line: str, column: int, caret_under: str) -> None:
    """Also in long lines, of which only the part around the place is shown."""
    _, shown, caret = as_text(Problem(Location(Source("f", line), 1, column), "r", "m")).split("\n")
    assert shown[caret.index("^")] == caret_under
    assert len(shown) < 200


def test_wide_characters_take_two_columns() -> None:
    """The caret stands right in a terminal where a character is two columns wide."""
    _, _, caret = as_text(Problem(Location(Source("f", "銀河: x"), 1, 5), "r", "m")).split("\n")
    assert caret == "    | " + " " * 6 + "^"


def test_no_terminal_escapes_reach_the_terminal() -> None:
    """A line of the file is shown without what changes a terminal."""
    shown = as_text(Problem(Location(Source("f", "a: \x1b[31mred\u202e"), 1, 4), "r", "m"))
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_an_unknown_library(capsys: pytest.CaptureFixture[str]) -> None:
    """`--library` of nothing is an error of the command, not of the file."""
    assert exit_code("validate", "--library=placeholdr", GOOD) == 2
    assert "did you mean 'placeholder'?" in capsys.readouterr().err


def test_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """`radps-dag schema` prints the grammar that `validate` uses."""
    assert exit_code("schema") == 0
    assert json.loads(capsys.readouterr().out) == schema()


def test_validate_imports_nothing_heavy() -> None:
    """Validation starts fast: no Prefect, no graph library, no terminal library, no numpy."""
    script = (
        "import sys\nfrom radps_dag.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'prefect', 'networkx', 'rich', 'numpy', 'asyncio', 'sqlalchemy', 'jsonschema',"
        " 'radps_dag.facts', 'radps_dag.workloads.contract.knowledge'}\n"
        "sys.exit(', '.join(sorted(heavy & set(sys.modules))) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "validate", WORKLOADS, str(GOOD)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_a_closed_pipe_is_no_error() -> None:
    """`radps-dag validate ... | head` ends quietly."""
    command = f"{sys.executable} -m radps_dag schema | head -c 10"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert done.stderr == ""
