"""`import-cab` and `import-procedure` as a user gives them."""

from __future__ import annotations

from pathlib import Path

from forked import command

CABS = """
cabs:
  good: {command: prog, inputs: {n: {dtype: int, abbreviation: x}}}
  bad: {command: c = a, flavour: python-code}
"""
PROCEDURE = """<ProcessingProcedure><ProcedureTitle>mine</ProcedureTitle>
<ProcessingCommand><Command>hifa_flagdata</Command></ProcessingCommand></ProcessingProcedure>"""


def test_tool_files_are_written_and_valid(tmp_path: Path) -> None:
    """What could not be said is a line each; a second time nothing is overwritten."""
    (tmp_path / "cabs.yml").write_text(CABS)
    done = command(tmp_path, "import-cab", "cabs.yml")
    assert done.returncode == 0
    assert done.stdout.split() == ["tools/good.yaml"]
    lines = done.stderr.splitlines()
    assert [line.partition(" warning:")[0] for line in lines] == ["cabs.yml:3:34:", "cabs.yml:4:9:"]
    assert command(tmp_path, "validate", "tools/good.yaml").returncode == 0
    again = command(tmp_path, "import-cab", "cabs.yml")
    assert again.returncode == 2
    assert "tools/good.yaml is there already" in again.stderr


def test_nothing_is_written_of_what_is_no_program(tmp_path: Path) -> None:
    """Nor of a cab that is not there."""
    (tmp_path / "cabs.yml").write_text(CABS)
    assert command(tmp_path, "import-cab", "cabs.yml", "--only", "bad").returncode == 2
    typo = command(tmp_path, "import-cab", "cabs.yml", "--only", "goof")
    assert (typo.returncode, "did you mean 'good'" in typo.stderr) == (2, True)
    assert not (tmp_path / "tools").exists()


def test_a_cab_that_makes_no_valid_file_is_left_out(tmp_path: Path) -> None:
    """With its reason; so is a second one of the same name. The others are written."""
    (tmp_path / "cabs.yml").write_text("""
cabs:
  a-b: {command: prog}
  a_b: {command: other}
  c: {command: prog, inputs: {n: {dtype: int, default: many}}}
""")
    done = command(tmp_path, "import-cab", "cabs.yml")
    assert done.returncode == 0
    assert done.stdout.split() == ["tools/a_b.yaml"]
    assert "cab 'a_b' is left out: another one is named" in done.stderr
    assert "cab 'c' is left out: what it says makes no valid c.yaml: default of" in done.stderr
    assert "prog" in (tmp_path / "tools" / "a_b.yaml").read_text()


def test_a_pipeline_is_written_and_valid(tmp_path: Path) -> None:
    """With the tools that it calls."""
    (tmp_path / "a.xml").write_text(PROCEDURE)
    done = command(tmp_path, "import-procedure", "a.xml", "-o", "alma")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["alma/mine.yaml", "alma/tools/hifa_flagdata.yaml"]
    assert command(tmp_path, "validate", "alma/mine.yaml").returncode == 0


def test_a_file_that_is_not_there_is_a_line(tmp_path: Path) -> None:
    """Of either command."""
    for name in ("import-cab", "import-procedure"):
        done = command(tmp_path, name, "nothing")
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1
