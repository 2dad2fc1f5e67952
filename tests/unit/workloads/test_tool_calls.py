"""Calls of tools: what arrives at a program, and what is made of what it leaves."""

from __future__ import annotations

import json
import os
import resource
import shlex
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from processes_support import alive
from run_support import until

from radps_dag.outcome import CallFailed
from radps_dag.workloads.contract.description import Workload
from radps_dag.workloads.contract.notes import noting
from radps_dag.workloads.contract.percents import percents_in, reporting
from radps_dag.workloads.contract.workload import OutputInvalid, invoke
from radps_dag.workloads.tools.argv import InputRefused, command_of, names_of
from radps_dag.workloads.tools.process import Host, hosting
from radps_dag.workloads.tools.reading import read_tool
from radps_dag.workloads.tools.versions import absent, find_program

# Writes its words, each with a NUL at its end, which no word can have.
PRINTS_WORDS = "printf '%s\\0' \"$@\" > words"
HOSTILE = [
    "", " ", "  two  blanks ", "a b", "\t", "\n", "a\nb", "\r\n", "'", '"', "''", '"a"', "`id`",
    "$(touch hacked)", "${HOME}", "$HOME", "; touch hacked", "&& touch hacked", "| touch hacked",
    "& touch hacked", "> hacked", "< /etc/passwd", "2>&1", "*", "?", "[a]", "{a,b}", "~", "~root",
    "!", "!!", "#", "# no comment", "\\", "\\n", "\\0", "a\\", "%s", "%n", "-", "--", "-rf", "-h",
    "-e touch hacked", "=", "a=b", "--x=y", "/", "/etc/passwd", "..", "../..", "äöü", "日本語", "🛰️",
    "e\u0301", "\u202egnp.exe", "\ufeff", "\u00a0", "\x1b[31m", "\x7f", "\x01\x02", "null", "true",
    "@file", "(", ")", "$IFS", "\u2028", "a" * 100_000,
]  # fmt: skip


def tool(folder: Path, script: str, text: str = "") -> Workload:
    """A tool whose program is a shell script."""
    program = folder / "program"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    path = folder / "tool.yaml"
    path.write_text(f"version: 1\nname: tool\nprogram: [./program]\n{text}")
    return read_tool(path)


def call(folder: Path, workload: Workload, **inputs: Any) -> dict[str, Any]:
    workdir = folder / "call"
    with Path(os.devnull).open("wb") as nowhere, hosting(Host(nowhere.fileno())):
        return invoke(workload, inputs, workdir, 0)


def words_in(folder: Path) -> list[bytes]:
    return (folder / "call" / "words").read_bytes().split(b"\0")[:-1]


LISTED = """
inputs:
  one: {type: array, items: {type: string}, flag: -one, repeat: true}
  all: {type: array, items: {type: string}, flag: -all, spread: true}
  rest: {type: array, items: {type: string}}
arguments: [--, "${{ inputs.rest }}"]
"""


def test_hostile_values_arrive_as_they_are(tmp_path: Path) -> None:
    """Every value is one word, byte for byte, wherever it stands; nothing of it is run."""
    assert len(HOSTILE) >= 60
    workload = tool(tmp_path, PRINTS_WORDS, LISTED)
    call(tmp_path, workload, one=HOSTILE, all=HOSTILE, rest=HOSTILE)
    values = [value.encode() for value in HOSTILE]
    flagged = [word for value in values for word in (b"-one", value)]
    assert words_in(tmp_path) == [*flagged, b"-all", *values, b"--", *values]
    assert [one.name for one in (tmp_path / "call").iterdir()] == ["words"]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_arrives_as_it_is(tmp_path: Path, value: str) -> None:
    """The same of any text at all."""
    workload = tool(tmp_path, PRINTS_WORDS, LISTED)
    call(tmp_path, workload, one=[value], all=[], rest=[value])
    assert words_in(tmp_path) == [b"-one", value.encode(), b"--", value.encode()]


FLAGS = """
inputs:
  n: {type: integer, flag: -n, default: 3}
  x: {type: number, flag: --x=}
  size: {type: array, items: {type: integer}, flag: -size, spread: true, minItems: 2, maxItems: 2}
  spws: {type: array, items: {type: integer}, flag: -spws, join: ","}
  deep: {type: boolean, flag: -deep, false_flag: -flat}
  quiet: {type: boolean, flag: -quiet, default: false}
  mask: {type: Product, flag: -mask, default: null}
  ms: {type: Product}
  name: {type: string, default: img}
arguments: [-name, "${{ inputs.name }}-1", "${{ inputs.ms }}", "${{ inputs.spws | length }}"]
"""


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, "-n 3 --x=0.5 -size 4 5 -spws 1,2 -flat -name img-1 /data/my.ms 2"),
        (
            {"n": -1, "deep": True, "quiet": True, "mask": {"uri": "file:///m%20k", "kind": "m"}},
            "-n -1 --x=0.5 -size 4 5 -spws 1,2 -deep -quiet -mask '/m k' -name img-1 /data/my.ms 2",
        ),
        (
            {"x": 1e-7, "spws": [], "size": [-1, -2]},
            "-n 3 --x=1e-07 -size -1 -2 -flat -name img-1 /data/my.ms 0",
        ),
    ],
)
def test_inputs_become_flags(tmp_path: Path, given: dict[str, Any], expected: str) -> None:
    """Flags in the order of the inputs, then the arguments; data by their paths, null is none."""
    found = tool(tmp_path, "", FLAGS).tool
    assert found is not None
    values = {"x": 0.5, "size": [4, 5], "spws": [1, 2], "deep": False, **given}
    values["ms"] = {"uri": "file:///data/my.ms", "kind": "visibilities"}
    words = [word.decode() for word in command_of(found, names_of(found, values))]
    assert words[1:] == shlex.split(expected)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"text": "-rf"}, "argument 2 would be '-rf', which begins with '-'"),
        ({"text": "-"}, "which begins with '-'"),
        ({"text": "a\0b"}, "has a NUL character"),
        ({"text": "\ud800"}, "half a character"),
        ({"size": [1, 2, 3]}, "input 'size'"),
        ({"n": 0}, "less than the minimum"),
        ({"text": "x" * 200_000}, "cannot be started: Argument list too long"),
    ],
)
def test_values_that_no_word_can_be_are_refused(
    tmp_path: Path, given: dict[str, Any], reason: str
) -> None:
    """One line says what is wrong, and the program is not started."""
    text = """
inputs:
  text: {type: string, default: a}
  n: {type: integer, flag: -n, minimum: 1, default: 1}
  size: {type: array, items: {type: integer}, flag: -s, spread: true, maxItems: 2, default: []}
arguments: [first, "${{ inputs.text }}"]
"""
    with pytest.raises(CallFailed) as caught:
        call(tmp_path, tool(tmp_path, PRINTS_WORDS, text), **given)
    assert reason in caught.value.message
    assert "\n" not in caught.value.message
    assert list((tmp_path / "call").iterdir()) == []


def test_data_elsewhere_is_not_changed_in_place(tmp_path: Path) -> None:
    """What would be changed is a copy: that is refused."""
    text = "inputs: {ms: {type: Product, flag: -ms}}\nmutates: [ms]\n"
    found = tool(tmp_path, "", text).tool
    assert found is not None
    with pytest.raises(InputRefused, match="changed in place"):
        names_of(found, {"ms": {"uri": "s3://bucket/my.ms", "kind": "visibilities"}})


def test_the_environment_is_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program gets PATH and the like, what the tool names, and no other variable of the run."""
    monkeypatch.setenv("SECRET_TOKEN", "not for programs")
    monkeypatch.setenv("LICENSE", "for this one")
    text = """
inputs: {n: {type: integer, default: 2}}
environment: {THREADS: "${{ inputs.n }}", MODE: fast}
pass_environment: [LICENSE, NOT_THERE]
"""
    call(tmp_path, tool(tmp_path, "env -0 > env", text))
    got = dict(
        line.split("=", 1) for line in (tmp_path / "call" / "env").read_text().split("\0") if line
    )
    assert (got["THREADS"], got["MODE"], got["LICENSE"]) == ("2", "fast", "for this one")
    assert got["PATH"] == os.environ["PATH"]
    assert not {"SECRET_TOKEN", "NOT_THERE"} & set(got)


OUTPUTS = """
inputs: {name: {type: string, default: img}}
arguments: ["${{ inputs.name }}"]
outputs:
  image: {path: "${{ inputs.name }}-image.fits", kind: image}
  planes: {glob: "${{ inputs.name }}-0*.fits", kind: image}
  model: {path: model.fits, kind: image, optional: true}
  rms: {type: number, stdout: "rms = (?P<rms>[0-9.e+-]+)"}
  beams: {type: integer, stderr: "(?P<n>[0-9]+) beams"}
  peak: {type: number, json: qa.json, pointer: /image/1/peak}
  qa: {type: object, json: qa.json}
  name: {input: name}
"""
MAKES = r"""
touch "$1-image.fits" "$1-0001.fits" "$1-0000.fits"
echo '{"image": [{}, {"peak": 0.5}]}' > qa.json
echo "rms = 3"; printf 'rms = 1.5e-3\r\nlast line without an end'; echo "12 beams" >&2
"""


def test_outputs_are_files_and_values(tmp_path: Path) -> None:
    """By path, by glob in order, by what was printed last, from JSON, and handed on."""
    made = call(tmp_path, tool(tmp_path, MAKES, OUTPUTS), name="a b")
    folder = tmp_path / "call"

    def image(name: str) -> dict[str, str]:
        return {"uri": (folder / name).as_uri(), "kind": "image"}

    assert made == {
        "image": image("a b-image.fits"),
        "planes": [image("a b-0000.fits"), image("a b-0001.fits")],
        "model": None,
        "rms": 1.5e-3,
        "beams": 12,
        "peak": 0.5,
        "qa": {"image": [{}, {"peak": 0.5}]},
        "name": "a b",
    }


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (MAKES + "rm *-image.fits", "output 'image': the program has not written img-image.fits"),
        (MAKES + "rm *-00*", "output 'planes': the program has written nothing like img-0*.fits"),
        (MAKES.replace("rms", "RMS"), "output 'rms': no line of stdout matches its pattern"),
        (MAKES.replace("1.5e-3", "1.5e-3-"), "output 'rms': expected a number, found '1.5e-3-'"),
        (MAKES + "rm qa.json", "output 'peak': the program has not written a file qa.json"),
        (MAKES + "echo { > qa.json", "output 'peak': qa.json is not JSON"),
        (MAKES + "echo [] > qa.json", "output 'peak': qa.json has no /image/1/peak"),
        (MAKES.replace("0.5", '"high"'), "output 'peak': expected a number, found 'high'"),
    ],
)
def test_a_missing_output_is_a_failure(tmp_path: Path, script: str, reason: str) -> None:
    """It is named, says which output, and has the last lines of what the program said."""
    with pytest.raises(CallFailed) as caught:
        call(tmp_path, tool(tmp_path, script, OUTPUTS))
    assert (caught.value.error, caught.value.kinds[1]) == ("OutputMissing", "ProgramFailed")
    assert reason in caught.value.message
    assert "last line without an end" in caught.value.traceback


@pytest.mark.parametrize(
    ("script", "error", "reason"),
    [
        ("echo all; echo wrong >&2; exit 3", "ProgramFailed", "ended with exit code 3: wrong"),
        ("exit 1", "ProgramFailed", "program ended with exit code 1: it printed nothing"),
        ("kill -9 $$", "ProgramFailed", "program was killed by SIGKILL"),
        ("echo Clean diverged at 3", "CleanDiverged", "program: Clean diverged at 3"),
        ("echo Clean diverged; exit 1", "CleanDiverged", "Clean diverged"),
        ("echo no memory >&2; exit 2", "OutOfMemory", "no memory"),
        ("printf '\\377\\376 Clean diverged'", "CleanDiverged", "diverged"),
    ],
)
def test_a_failure_has_a_name(tmp_path: Path, script: str, error: str, reason: str) -> None:
    """An exit code, a signal, or a line that the tool file names: also with exit code 0."""
    text = """
success: {codes: [0, 2]}
fail_on:
  - {stdout: Clean diverged, error: CleanDiverged}
  - {stderr: no memory, error: OutOfMemory}
"""
    with pytest.raises(CallFailed) as caught:
        call(tmp_path, tool(tmp_path, script, text))
    assert caught.value.error == error
    assert reason in caught.value.message
    assert {"ProgramFailed", "Exception"} <= set(caught.value.kinds)


def test_other_exit_codes_may_mean_success(tmp_path: Path) -> None:
    """`success.codes` are all that mean it."""
    workload = tool(tmp_path, "exit 2", "success: {codes: [0, 2]}")
    assert call(tmp_path, workload) == {}


def test_warnings_are_noted(tmp_path: Path) -> None:
    """A line that `warn_on` names is told once, with how many there were."""
    script = "echo careful 1; echo careful 2; echo fine; echo careful 3"
    with noting() as notes:
        call(tmp_path, tool(tmp_path, script, "warn_on: [{stdout: careful}]"))
    assert notes == ["tool: careful 1 (3 such lines)"]


def test_a_part_of_a_program_is_missing(tmp_path: Path) -> None:
    """Exit code 127 says so, as in shells: of a call, and of the version command, whose answer is
    then what is missing."""
    script = "echo no engine here: install it >&2; exit 127"
    workload = tool(tmp_path, script, "version_command: [./program, --version]")
    with pytest.raises(CallFailed) as caught:
        call(tmp_path, workload)
    assert caught.value.error == "ProgramMissing"
    assert "no engine here" in str(caught.value)
    assert workload.tool is not None
    assert absent(workload.tool) == "no engine here: install it"


def test_a_program_beside_python_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its folder is not on the PATH, as in an environment that nobody has activated."""
    tool(tmp_path, "")
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_program("program") is None
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    assert find_program("program") == str(tmp_path / "program")


def test_a_missing_program_says_how_to_get_it(tmp_path: Path) -> None:
    """The tool file knows where programs come from."""
    workload = tool(tmp_path, "", "install: apt-get install imager")
    (tmp_path / "program").unlink()
    with pytest.raises(CallFailed) as caught:
        call(tmp_path, workload)
    assert caught.value.error == "ProgramMissing"
    assert caught.value.message.endswith("is not on this machine: apt-get install imager")
    assert "FileNotFoundError" in caught.value.kinds


def test_a_file_that_is_no_program_is_told(tmp_path: Path) -> None:
    """A script without its first line cannot be started, in one line."""
    workload = tool(tmp_path, "")
    (tmp_path / "program").write_bytes(b"\x7fELF no program")
    with pytest.raises(CallFailed, match="cannot be started: Exec format error"):
        call(tmp_path, workload)


@pytest.mark.parametrize("path", ["/etc/passwd", "../../a", "a/../../b", "", ".", "a\0"])
def test_outputs_stay_in_the_directory_of_the_call(tmp_path: Path, path: str) -> None:
    """Also where an input makes the path."""
    text = """
inputs: {path: {type: string}}
outputs: {made: {path: "${{ inputs.path }}", kind: image}}
"""
    with pytest.raises(CallFailed, match="is not a path in the directory of the call"):
        call(tmp_path, tool(tmp_path, "true", text), path=path)


def test_much_output_takes_no_memory(tmp_path: Path) -> None:
    """It is handed on piece by piece, all of it; a line without an end is no exception."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    script = "head -c 30000000 /dev/zero; yes line | head -c 30000000; echo; echo 'rms = 7'"
    text = 'outputs: {rms: {type: integer, stdout: "rms = (?P<rms>[0-9]+)"}}'
    workload = tool(tmp_path, script, text)
    log = tmp_path / "log"
    with log.open("wb") as file, hosting(Host(file.fileno())):
        assert invoke(workload, {}, tmp_path / "call", 0) == {"rms": 7}
    assert log.stat().st_size == 60_000_000 + len("\nrms = 7\n")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_what_a_program_leaves_behind_is_not_waited_for(tmp_path: Path) -> None:
    """A child that holds the pipes ends with the program that started it."""
    script = "(echo $$ > /dev/null; exec sleep 1000) & echo $! > child"
    workload = tool(tmp_path, script)
    with Path(os.devnull).open("wb") as nowhere, hosting(Host(nowhere.fileno(), apart=True)):
        invoke(workload, {}, tmp_path / "call", 0)
    child = int((tmp_path / "call" / "child").read_text())
    for _ in range(100):
        if not alive(child):
            return
        time.sleep(0.05)
    pytest.fail("it is still there")


def test_json_of_an_output_is_strict(tmp_path: Path) -> None:
    """What is not JSON to a run, such as NaN, does not become an output."""
    text = "outputs: {qa: {type: object, json: qa.json}}"
    with pytest.raises(OutputInvalid):
        call(tmp_path, tool(tmp_path, "echo '{\"a\": NaN}' > qa.json", text))


def test_values_in_a_list_are_counted_as_json(tmp_path: Path) -> None:
    """Numbers are written as JSON writes them, and no text is quoted."""
    workload = tool(tmp_path, PRINTS_WORDS, LISTED.replace("string", "number"))
    call(tmp_path, workload, one=[1, 1.0, 1e300], all=[], rest=[0.1])
    found = [word.decode() for word in words_in(tmp_path)]
    assert found == ["-one", "1", "-one", "1.0", "-one", json.dumps(1e300), "--", "0.1"]


@pytest.mark.parametrize(
    ("pattern", "line"),
    [("(?P<percent>[0-9.]+)%", "25%"), ("(?P<done>[0-9]+) of (?P<of>[0-9]+)", "row 1 of 4")],
)
def test_progress_is_told_while_the_program_runs(tmp_path: Path, pattern: str, line: str) -> None:
    """What it prints of how far it is can be read by others meanwhile, and is gone afterwards."""
    noise = "echo 'row 1 of 0'; echo 'about 700%'"
    script = f"echo '{line}' >&2; {noise}; while ! [ -e ../go ]; do sleep 0.05; done"
    workload = tool(tmp_path, script, f'progress: "{pattern}"')
    folder = tmp_path / "progress"

    def called() -> None:
        with reporting(folder, "stage/image[spw=1]"):
            call(tmp_path, workload)

    thread = threading.Thread(target=called)
    thread.start()
    until(lambda: percents_in(folder) == {"stage/image[spw=1]": 25.0})
    (tmp_path / "go").touch()
    thread.join()
    assert not folder.exists()
