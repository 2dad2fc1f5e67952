"""Completion of the command line, as click answers a shell, and once in a real one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class
from docs_support import blocks
from forked import command
from repository import ROOT
from run_support import PROGRAM, WORKLOADS, write
from terminal_support import Desktop

from radps_dag.cli.completion import BashWords
from radps_dag.cli.main import COMMANDS, _radps_dag

OUTER = """
params:
  band: {enum: [L, X], default: L, description: Receiver}
  deep: {type: boolean, default: false}
  niter: {type: integer, default: 10}
stages:
  first: {run: give, with: {value: 3}, description: What is given}
  image_cube: {use: parts/image.yaml}
  image_line: {use: parts/image.yaml, needs: [image_cube]}
"""
INNER = """
stages:
  clean:
    for_each: {spw: [0, 1]}
    steps:
      minor: {run: give, with: {value: 1}}
      major: {run: give, with: {value: 2}}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pipeline, and a run of it."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "parts").mkdir()
    write(folder / "parts" / "image.yaml", INNER)
    write(folder / "outer.yaml", OUTER)
    options = ("--no-prefect", "--quiet", "--workloads", str(WORKLOADS))
    command(folder, "run", "outer.yaml", *options).check_returncode()
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(made)
    return made


def completed(*words: str) -> list[str]:
    """What may stand in the place of the last word."""
    *args, incomplete = words
    asked = BashWords(_radps_dag, {}, "radps-dag", "_RADPS_DAG_COMPLETE")
    return [item.value for item in asked.get_completions(args, incomplete)]


def in_bash(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """What bash, which ends words at `=` and `:` as well, puts in the place of the last word."""
    monkeypatch.setenv("COMP_WORDS", "\n".join(("radps-dag", *words)))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    asked = BashWords(_radps_dag, {}, "radps-dag", "_RADPS_DAG_COMPLETE")
    return [line.partition(",")[2] for line in asked.complete().splitlines()]


def test_commands_and_options() -> None:
    """All commands, those that begin so, and the options of one."""
    assert completed("") == list(COMMANDS)
    assert completed("re") == ["resume", "report"]
    assert completed("status", "--fo") == ["--follow"]
    assert completed("run", "--library", "") == ["placeholder", "sim"]
    assert completed("resume", "--executor", "") == ["threads", "processes"]
    assert completed("run", "--executor", "pr") == ["processes"]
    assert completed("no_such_command", "--") == ["--version", "--debug", "--help"]


def test_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Newest first, by how they begin or by a part; bash keeps what was typed where several fit."""
    ids = ["20261124-061502-cube", "20261125-071503-cube", "20261126-081504-flag"]
    for id in ids:
        (tmp_path / "kept" / "runs" / id).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    show = ("show", "--workspace", "kept")
    assert completed(*show, "") == [*reversed(ids), "last"]
    assert completed(*show, "20261125") == [ids[1]]
    assert completed(*show, "flag") == [ids[2]]
    assert completed(*show, "cube") == [
        ids[1],
        ids[0],
        "last",
    ]  # which begin with nothing in common
    for name in ("resume", "status", "qa", "cancel", "export", "answer", "questions", "context"):
        assert completed(name, "--workspace", "kept", "20261126") == [ids[2]]
    assert completed("context", "--workspace", "kept", "--diff", "2026112") == [*reversed(ids)]


@pytest.mark.parametrize("option", ["--only", "--from", "--until"])
def test_stages(folder: Path, option: str) -> None:
    """Those of the file, also behind a comma."""
    assert completed("run", "outer.yaml", option, "") == ["first", "image_cube", "image_line"]
    assert completed("plan", "outer.yaml", option, "first,image_l") == ["first,image_line"]


@pytest.mark.parametrize(
    "words",
    [("run", "outer.yaml", "--force"), ("show", "last"), ("show", "outer"), ("resume", "--force")],
)
def test_places(folder: Path, words: tuple[str, ...]) -> None:
    """Those of the file or of the run, a level at a time; with `/` where there is more inside."""
    assert completed(*words, "i") == ["image_cube", "image_cube/", "image_line", "image_line/"]
    assert completed(*words, "image_cube/") == ["image_cube/clean", "image_cube/clean/"]
    assert completed(*words, "image_cube/clean/mi") == ["image_cube/clean/minor"]


@pytest.mark.parametrize("before", ["image_*/clean/", "image_cube/clean[spw=0]/", "*/clean#2/"])
def test_places_in_patterns(folder: Path, before: str) -> None:
    """Behind a pattern, an instance or an iteration come the steps of what it fits."""
    assert completed("show", "last", before) == [f"{before}minor", f"{before}major"]
    assert completed("run", "outer.yaml", "--force", f"{before}mi") == [f"{before}minor"]


def test_params(folder: Path) -> None:
    """Names with what follows them, and the values of one as far as they are known."""
    assert completed("run", "outer.yaml", "-p", "") == ["band=", "deep=", "niter="]
    assert completed("run", "outer.yaml", "-p", "b") == ["band=", "band=L", "band=X"]
    assert completed("resume", "last", "-p", "deep=") == ["deep=true", "deep=false"]
    assert completed("plan", "outer.yaml", "-p", "niter=") == ["niter=10"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "outer.yaml", "-p", "band", "="), ["L", "X"]),
        (("run", "outer.yaml", "-p", "band", "=", "X"), ["X"]),
        (("run", "outer.yaml", "--param", "=", "band", "=", ""), ["L", "X"]),
        (("run", "outer.yaml", "--only", "=", "image_l"), ["image_line"]),
        (("run", "outer.yaml", "--store", "a", ":", "//b", "--only", "fi"), ["first"]),
    ],
)
def test_words_that_bash_cuts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], expected: list[str]
) -> None:
    """They are read as the one word that they are; the answer is for the last part alone."""
    assert in_bash(monkeypatch, *words) == expected


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_options_that_hold_their_values(
    folder: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    """What is answered stands for the whole word, so the option is in it."""
    word = "--only=first,image_l"
    monkeypatch.setenv("COMP_WORDS", f"radps-dag run outer.yaml {word}")
    monkeypatch.setenv("COMP_CWORD", "3" if shell == "zsh" else word)
    asking = get_completion_class(shell)
    assert asking is not None
    answer = asking(_radps_dag, {}, "radps-dag", "_RADPS_DAG_COMPLETE").complete()
    assert answer.split() == {"zsh": ["plain", "--only=first,image_line", "_"]}.get(
        shell, ["plain,--only=first,image_line"]
    )


@pytest.mark.parametrize("file", ["run", "plan", "validate", "graph"])
def test_files_are_completed_by_the_shell(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipeline's file is a file."""
    monkeypatch.setenv("COMP_WORDS", f"radps-dag {file} pi")
    monkeypatch.setenv("COMP_CWORD", "2")
    asked = BashWords(_radps_dag, {}, "radps-dag", "_RADPS_DAG_COMPLETE")
    assert asked.complete() == "file,pi"


@pytest.mark.parametrize(
    "words",
    [
        ("show", ""),
        ("show", "last", ""),
        ("run", "nothing.yaml", "--only", ""),
        ("run", "broken.yaml", "--force", ""),
        ("run", "pipe", "-p", ""),
        ("resume", "20261124", "--force", ""),
        ("resume", "--workspace", "damaged", "20261124", "-p", ""),
    ],
)
def test_what_is_not_there(words: tuple[str, ...], tmp_path: Path) -> None:
    """Without a workspace, and with what cannot be read, there is nothing to complete and no
    word about it."""
    (tmp_path / "broken.yaml").write_text("stages: [\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "damaged" / "runs" / "20261124-061502-cube").mkdir(parents=True)
    (tmp_path / "damaged" / "journal.db").write_text("not a database")
    done = asked_of_the_program(tmp_path, *words)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_nothing_heavy_is_imported(folder: Path) -> None:
    """A shell asks with every key: neither Prefect nor what checks, draws or keeps is loaded."""
    heavy = {"prefect", "sqlalchemy", "networkx", "rich", "numpy", "jinja2", "jsonschema"}
    for words in (("run", "outer.yaml", "-p", ""), ("resume", "last", "--force", "image_cube/")):
        done = asked_of_the_program(folder, *words, python=("-X", "importtime"))
        loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert "radps_dag.language.source" in loaded
        assert done.stdout.count("\n") > 1
        assert not loaded & heavy
    # The answer comes from the table of commands, so none of them is imported.
    done = asked_of_the_program(folder, "", python=("-X", "importtime"))
    assert "radps_dag.cli.run" not in done.stderr and done.stdout.count("\n") == len(COMMANDS)


def asked_of_the_program(
    folder: Path, *words: str, python: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    """As a shell asks."""
    environment = {
        "_RADPS_DAG_COMPLETE": "bash_complete",
        "COMP_WORDS": "\n".join(("radps-dag", *words)),
        "COMP_CWORD": str(len(words)),
    }
    program, *rest = PROGRAM
    return subprocess.run(
        [program, *python, *rest],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_in_a_real_shell(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's line for bash sets it up; the key Tab then completes."""
    page = (ROOT / "docs" / "run.md").read_text(encoding="utf-8")
    (set_up,) = [
        line for block in blocks(page, "sh") for line in block.splitlines() if "bashrc" in line
    ]
    monkeypatch.setenv("HOME", str(tmp_path))
    subprocess.run(["bash", "-c", set_up], check=True)
    with (tmp_path / ".bashrc").open("a") as file:
        file.write("PS1='$ '\n")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "radps-dag"
    # It completes, and otherwise shows what it was called with.
    program.write_text(
        '#!/bin/sh\n[ -z "$_RADPS_DAG_COMPLETE" ] && exec printf "<%s>" "$@"\n'
        f"exec {sys.executable} -m radps_dag\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    bash = (str(shutil.which("bash")), "--noprofile", "-i")
    (run,) = [path.name for path in (folder / ".radps" / "runs").iterdir()]
    with Desktop(folder, (), program=bash) as shell:
        shell.expect("$ ")
        shell.type("radps-dag statu\tout\t\n")
        shell.expect(f"<status><{run}>")
        shell.type("radps-dag run out\t-p ba\tX --force image_c\t/cle\t/mi\t\n")
        shell.expect("<run><outer.yaml><-p><band=X><--force><image_cube/clean/minor>")
        assert "Traceback" not in shell.text and "rror" not in shell.text
