"""Tools as a shell sees them: checked, listed, shown as commands, run and ended."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from journal_support import facts_of_only_run
from run_support import PROGRAM, until

from radps_dag.cli.main import main
from radps_dag.workloads.tools.containers import _found

TOOL = """
version: 1
name: imager
description: Image visibilities
program: [./image]
version_command: [./image, --version]
install: apt-get install imager
inputs:
  ms: {type: Product, kind: visibilities, description: what to image}
  size: {type: array, items: {type: integer}, flag: -size, spread: true}
  niter: {type: integer, flag: -niter, default: 3}
  title: {type: string, flag: -title, default: ""}
arguments: ["${{ inputs.ms }}"]
outputs: {rms: {type: number, stdout: "rms = (?P<rms>[0-9.]+)"}}
fail_on: [{stdout: diverged, error: CleanDiverged}]
"""
PIPELINE = """
version: 1
name: p
params: {title: {type: string, default: ""}}
stages:
  image:
    run: imager
    retries: {max: 1, delay: 0s, on: [CleanDiverged]}
    with:
      ms: {uri: "my.ms", kind: visibilities}
      size: [8, 8]
      title: ${{ params.title }}
outputs: {rms: "${{ stages.image.rms }}"}
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as raised:
        main(list(arguments))
    assert isinstance(raised.value.code, int)
    return raised.value.code


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pipeline with a tool beside it, whose program is a script."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "imager.yaml").write_text(TOOL)
    (tmp_path / "p.yaml").write_text(PIPELINE)
    says(tmp_path, "echo rms = 0.5")
    return tmp_path


def says(project: Path, script: str) -> None:
    program = project / "tools" / "image"
    version = '[ "$1" = --version ] && { echo; echo imager 2.1; exit; }'
    program.write_text(f"#!/bin/sh\n{version}\n{script}\n")
    program.chmod(0o755)


def test_tool_files_are_validated(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Like pipelines: good ones are counted, and a mistake has file, line and column."""
    assert run("validate", "tools/imager.yaml", "p.yaml") == 0
    assert capsys.readouterr().out == "2 files valid, 1 node\n"
    (project / "tools" / "imager.yaml").write_text(TOOL.replace("spread", "spred"))
    assert run("validate", "tools/imager.yaml") == 2
    assert "tools/imager.yaml:10:60: unknown key 'spred'; did you mean 'spread'?" in (
        capsys.readouterr().out
    )


def test_programs_are_looked_for(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--tools` says which are there, with versions, and how to get those that are not."""
    assert run("validate", "p.yaml", "--tools") == 0
    program = project / "tools" / "image"
    assert f"  imager: {program}, imager 2.1\n" in capsys.readouterr().out
    program.unlink()
    assert run("validate", "p.yaml") == 0
    assert run("validate", "tools/imager.yaml", "--tools") == 2
    expected = f"missing: imager: {program} is not on this machine: apt-get install imager\n"
    assert expected in capsys.readouterr().out


def test_tools_are_listed_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    """Beside functions, in the same words, with the program."""
    assert run("workloads") == 0
    assert "Image visibilities" in capsys.readouterr().out
    assert run("workloads", "imager") == 0
    out = capsys.readouterr().out
    assert "  ms     Product           what to image" in out
    assert "tools/image; --argv shows the whole command" in out
    assert run("workloads", "imager", "--json") == 0
    about = json.loads(capsys.readouterr().out)
    assert about["defined_at"] == "tools/imager.yaml:3"


def test_the_command_is_shown(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--argv` prints what would run, quoted for a shell, or as JSON."""
    given = ["-p", "ms=a b.ms", "-p", "size=4,5", "-p", "title=$(id)"]
    assert run("workloads", "imager", "--argv", *given) == 0
    words = shlex.split(capsys.readouterr().out)
    program, ms = str(project / "tools" / "image"), str(project / "a b.ms")
    assert words == [program, "-size", "4", "5", "-niter", "3", "-title", "$(id)", ms]
    assert run("workloads", "imager", "--argv", "--json", *given) == 0
    assert json.loads(capsys.readouterr().out) == words


def test_the_command_has_the_engine_around_it(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the profile says that the tool runs in a container: binds, user, digest; without the
    engine it says so, and with `fallback` it is the program of the machine."""
    text = TOOL.replace("version: 1", "version: 1\nimage: docker://site/imager:1", 1)
    (project / "tools" / "imager.yaml").write_text(text)
    (project / "radps-dag.toml").write_text('[containers]\nengine = "podman"\n')
    given = ("-p", "ms=my.ms", "-p", "size=8,8")
    monkeypatch.setenv("PATH", "/nowhere")
    _found.cache_clear()
    assert run("workloads", "imager", "--argv", *given) == 2
    assert "podman is not on this machine" in capsys.readouterr().err
    (project / "radps-dag.toml").write_text('[containers]\nengine = "podman"\nfallback = true\n')
    assert run("workloads", "imager", "--argv", *given) == 0
    assert "podman" not in capsys.readouterr().out
    (project / "radps-dag.toml").write_text('[containers]\nengine = "podman"\n')
    (project / "podman").write_text("#!/bin/sh\necho sha256:12ab\n")
    (project / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{project}:/usr/bin:/bin")
    _found.cache_clear()
    assert run("workloads", "imager", "--argv", "--json", *given) == 0
    words = json.loads(capsys.readouterr().out)
    assert words[:3] == [str(project / "podman"), "run", "--rm"]
    assert f"type=bind,source={project}/my.ms,destination={project}/my.ms,readonly" in words
    assert "--network" in words
    at = words.index("sha256:12ab")
    assert words[at - 2] == "--entrypoint"
    assert words[-1] == str(project / "my.ms")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["imager", "--argv"], "needs the input 'ms': -p ms=..., a Product"),
        (["imager", "--argv", "-p", "sise=1"], "no input 'sise'; did you mean 'size'?"),
        (["imager", "--argv", "-p", "niter=many"], "expected an integer, found 'many'"),
        (["imager", "--argv", "-p", "niter"], "write -p INPUT=VALUE"),
        (["autoflag", "--argv"], "is a function of Python"),
        (["--argv"], "name it"),
        (["imager", "-p", "niter=1"], "give both, or neither"),
    ],
)
def test_bad_requests_are_one_line(
    arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is unknown, missing or wrong, with what there is."""
    assert run("workloads", *arguments) == 2
    err = capsys.readouterr().err
    assert reason in err
    assert err.count("\n") == 1


def test_the_schema_of_tool_files(capsys: pytest.CaptureFixture[str]) -> None:
    """`schema --tool` is for editors; it knows no workloads."""
    assert run("schema", "--tool") == 0
    assert json.loads(capsys.readouterr().out)["title"] == "a tool file"
    assert run("schema", "--tool", "--library", "sim") == 2


def test_a_tool_runs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Outputs, provenance, use again, another version, retries by name, what was printed."""
    assert run("run", "p.yaml", "--no-prefect", "--quiet") == 0
    assert run("show", "last") == 0
    assert "image imager 2.1" in capsys.readouterr().out
    assert run("plan", "p.yaml") == 0
    assert "0 to run, 1 to reuse" in capsys.readouterr().out
    version = (project / "tools" / "image").read_text().replace("2.1", "2.2.0")
    (project / "tools" / "image").write_text(version)
    assert run("plan", "p.yaml") == 0
    assert "1 to run, 0 to reuse" in capsys.readouterr().out
    says(project, "echo it diverged at 3")
    assert run("run", "p.yaml", "--no-prefect", "-p", "title=x") == 1
    told = "".join(capsys.readouterr())
    assert "CleanDiverged: image: it diverged at 3" in told
    assert "attempt 2 of 2" in told
    assert run("show", "last", "image") == 0
    assert "it diverged at 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("executor", "number"), [("threads", signal.SIGTERM), ("processes", signal.SIGINT)]
)
def test_a_signal_ends_program_and_run(
    project: Path, executor: str, number: signal.Signals
) -> None:
    """Also a program that minds no signal, and its children; the exit code says which signal."""
    says(project, f"trap '' TERM INT; echo $$ > {project}/pid; while :; do sleep 1; done")
    driver = subprocess.Popen(
        [*PROGRAM, "run", "p.yaml", "--no-prefect", "--quiet", "--executor", executor],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    pid = project / "pid"
    try:
        assert until(lambda: pid.exists() and pid.read_text().strip() != "")
        os.kill(driver.pid, number)
        driver.communicate(timeout=30)
    finally:
        driver.kill()
    assert driver.returncode == 128 + number
    assert until(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())
    assert facts_of_only_run(project / ".radps")[-1]["fact"] == "run_ended"


def test_data_changed_in_place_are_changed_again(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A tool that `mutates` is not used again by another run, and what reads its data follows."""
    (project / "tools" / "append.yaml").write_text("""
version: 1
name: append
program: [./add]
inputs: {ms: {type: Product}}
arguments: ["${{ inputs.ms }}"]
outputs: {ms: {input: ms}}
mutates: [ms]
""")
    (project / "tools" / "count.yaml").write_text("""
version: 1
name: count
program: [wc, -l]
inputs: {ms: {type: Product}}
arguments: ["${{ inputs.ms }}"]
outputs: {lines: {type: integer, stdout: "^ *(?P<lines>[0-9]+)"}}
""")
    program = project / "tools" / "add"
    program.write_text('#!/bin/sh\necho line >> "$1"\n')
    program.chmod(0o755)
    (project / "my.ms").touch()
    (project / "p.yaml").write_text("""
version: 1
name: p
stages:
  append: {run: append, with: {ms: {uri: my.ms, kind: visibilities}}}
  count: {run: count, with: {ms: "${{ stages.append.ms }}"}}
outputs: {lines: "${{ stages.count.lines }}"}
""")
    for number in (1, 2):
        assert run("run", "p.yaml", "--no-prefect", "--quiet") == 0
        capsys.readouterr()
        assert run("show", "last", "--json") == 0
        assert json.loads(capsys.readouterr().out)["outputs"] == {"lines": number}


def test_unordered_access_to_changed_data_is_refused(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a tool as of a function: both places are told, and `needs` puts it right."""
    reads = TOOL.replace("outputs:", "outputs:\n  ms: {input: ms}\n#").replace(
        "fail_on", "# fail_on"
    )
    reads = reads.replace(
        "  size: {type: array, items: {type: integer}, flag: -size, spread: true}\n", ""
    )
    (project / "tools/imager.yaml").write_text(reads)
    changes = reads.replace("name: imager", "name: changer") + "mutates: [ms]\n"
    (project / "tools/changer.yaml").write_text(changes)
    text = """
version: 1
name: p
stages:
  first: {run: imager, with: {ms: {uri: my.ms, kind: visibilities}}}
  change: {run: changer, with: {ms: "${{ stages.first.ms }}"}}
  look: {run: imager, with: {ms: "${{ stages.first.ms }}"}}
"""
    (project / "p.yaml").write_text(text)
    assert run("validate", "p.yaml") == 2
    told = capsys.readouterr().out
    assert "p.yaml:6:" in told
    assert "'change' changes 'ms' in place, and 'look' (line 7) gets the same data" in told
    (project / "p.yaml").write_text(text.replace("look: {", "look: {needs: [change], "))
    assert run("validate", "p.yaml") == 0
