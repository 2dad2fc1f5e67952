"""`radps-dag run`, as a shell sees it: what is asked, what is told, where things land."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from journal_support import facts_of, facts_of_only_run
from run_support import PIPELINES, WORKLOADS, run, write

from radps_dag.cli.main import main

PARAMS = """
version: 1
name: typed
params:
  count: {type: integer, minimum: 1, default: 1}
  level: {type: number, default: 1.5}
  deep: {type: boolean, default: false}
  spws: {type: array, items: {type: integer}, default: []}
  fields: {type: array, items: {type: string}, default: []}
  name: {type: string, default: none}
  mode: {enum: [cube, cont], default: cube}
  limit: {type: [integer, "null"], default: null}
stages:
  a: {run: give, with: {value: "${{ params.count }}"}}
outputs:
  all: ${{ params }}
"""
CHAIN = """
version: 1
name: chain
params: {value: {type: integer, default: 1}}
stages:
  first: {run: give, with: {value: "${{ params.value }}"}}
  second: {run: give, with: {value: "${{ stages.first.value + 1 }}"}}
  third: {run: give, with: {value: "${{ stages.second.value + 1 }}"}}
  other: {run: give, with: {value: 7}}
outputs: {third: "${{ stages.third.value }}", other: "${{ stages.other.value }}"}
"""


class Told(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def facts(self) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def outputs(self) -> Mapping[str, Any]:
        assert self.code == 0, self.err
        outputs: Mapping[str, Any] = self.facts[-1]["outputs"]
        return outputs

    @property
    def started(self) -> set[str]:
        return {fact["place"] for fact in self.facts if fact["fact"] == "node_started"}


class Shell:
    """Runs `radps-dag run` in this process and a directory, without Prefect."""

    def __init__(self, directory: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.directory = directory
        self._capfd = capfd

    def __call__(self, text: str, *options: str, progress: str = "--json") -> Told:
        file = write(self.directory / "pipeline.yaml", text)
        return self.command("run", str(file), *options, *self.usual, *progress.split())

    @property
    def usual(self) -> tuple[str, ...]:
        return ("--no-prefect", "--workloads", str(WORKLOADS))

    def command(self, *words: str) -> Told:
        with pytest.raises(SystemExit) as raised:
            main(list(words))
        assert isinstance(raised.value.code, int)
        return Told(raised.value.code, *self._capfd.readouterr())

    @property
    def runs(self) -> list[Path]:
        return sorted(self.directory.glob(".radps/runs/*"))


@pytest.fixture
def shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Shell:
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capfd)


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("count=3", 3),
        ("level=3", 3),
        ("level=1.4e9", 1.4e9),
        ("level=-1e-3", -0.001),
        ("deep=true", True),
        ("spws=0,1", [0, 1]),
        ("spws=[0, 1]", [0, 1]),
        ("spws=5", [5]),
        ("spws=", []),
        ("fields=J1924-2914, G09.62", ["J1924-2914", "G09.62"]),
        ("name=007", "007"),
        ("name=true", "true"),
        ("name=a=b", "a=b"),
        ("name=", ""),
        ("name=12:30:45", "12:30:45"),
        ("mode=cont", "cont"),
        ("limit=null", None),
        ("limit=4", 4),
    ],
)
def test_params_have_their_type(argument: str, value: Any, shell: Shell) -> None:
    """A value is read as what the pipeline says the param is, not as what it looks like."""
    told = shell(PARAMS, "-p", argument)
    found = told.outputs["all"][argument.partition("=")[0]]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("cuont=1", "unknown param 'cuont' of typed; did you mean 'count'?"),
        ("count", "'count' gives no value; write name=value"),
        ("count=0", "param 'count'"),
        ("count=1.5", "param 'count'"),
        ("deep=maybe", "param 'deep'"),
        ("deep=no", "param 'deep'"),
        ("mode=cubes", "'cube', 'cont'"),
        ("spws=[0", "param 'spws': cannot be read"),
        ("spws=a", "param 'spws'"),
    ],
)
def test_params_are_refused(argument: str, message: str, shell: Shell) -> None:
    """A wrong one: exit code 2, the place on the command line with a caret, nothing has run."""
    told = shell(PARAMS, "-p", argument)
    assert (told.code, told.out) == (2, "")
    assert told.err.startswith("-p:1:")
    assert message in told.err
    assert "^" in told.err
    assert not shell.runs


def test_a_params_file(shell: Shell) -> None:
    """The command line goes before the file, the file before the defaults."""
    (shell.directory / "params.yaml").write_text("count: 5\nlevel: 2\nspws: [3]\n")
    found = shell(PARAMS, "--params-file", "params.yaml", "-p", "count=6").outputs["all"]
    assert (found["count"], found["level"], found["spws"], found["mode"]) == (6, 2, [3], "cube")


def test_several_params_files(shell: Shell) -> None:
    """Files merge in their order, the later one wins and -p over all: in run, plan, validate and
    resume alike."""
    (shell.directory / "site.yaml").write_text("count: 5\nlevel: 2\n")
    (shell.directory / "night.yaml").write_text("count: 6\nspws: [3]\n")
    files = ("--params-file", "site.yaml", "--params-file", "night.yaml")
    found = shell(PARAMS, *files, "-p", "spws=4").outputs["all"]
    assert (found["count"], found["level"], found["spws"]) == (6, 2, [4])
    file, workloads = str(shell.directory / "pipeline.yaml"), shell.usual[1:]
    assert "0 to run, 1 to reuse" in shell.command("plan", file, *files, *workloads).out
    (shell.directory / "lower.yaml").write_text("count: 2\n")
    again = ("--params-file", "night.yaml", "--params-file", "lower.yaml", "-p", "level=3")
    told = shell.command("resume", *again, *shell.usual, "--json")
    assert (told.outputs["all"]["count"], told.outputs["all"]["level"]) == (2, 3)
    (shell.directory / "bad.yaml").write_text("count: 0\n")
    wrong = (*files, "--params-file", "bad.yaml", *workloads)
    for words in (("run", file), ("plan", file), ("validate", file), ("resume",)):
        told = shell.command(*words, *wrong)
        assert told.code == 2
        assert "bad.yaml:1:8: param 'count'" in told.err + told.out
    assert shell.command("validate", file, *files, *workloads).code == 0


def test_all_wrong_params_at_once(shell: Shell) -> None:
    """Those of the file with its lines, and those of the command line."""
    (shell.directory / "params.yaml").write_text("count: 5\nlevle: 2\n")
    told = shell(PARAMS, "--params-file", "params.yaml", "-p", "mode=x", "-p", "deep=7")
    assert told.code == 2
    assert "params.yaml:2:1: unknown param 'levle' of typed; did you mean 'level'?" in told.err
    assert "param 'mode'" in told.err
    assert "param 'deep'" in told.err
    told = shell(PARAMS, "--params-file", "nowhere.yaml")
    assert told.code == 2
    assert "nowhere.yaml" in told.err


def test_a_part_of_the_pipeline(shell: Shell) -> None:
    """--from, --until and --only run a part, on what earlier runs left; the rest is skipped."""
    assert shell(CHAIN, "-p", "value=10").outputs == {"third": 12, "other": 7}
    only = shell(CHAIN, "--only", "third")
    assert only.started == {"third"}
    assert only.outputs["third"] == 12
    assert shell(CHAIN, "--from", "second").started == {"second", "third"}
    assert shell(CHAIN, "--until", "second").started == {"first", "second"}
    assert shell(CHAIN, "--from", "first", "--until", "second").started == {"first", "second"}
    assert shell(CHAIN, "--only", "first, other").started == {"first", "other"}
    # Of the newest run of each stage.
    assert shell(CHAIN, "--only", "first", "-p", "value=20").code == 0
    assert shell(CHAIN, "--only", "second").outputs == {}
    assert shell(CHAIN, "--only", "third").outputs["third"] == 22


def test_a_part_without_what_it_reads(shell: Shell) -> None:
    """Where nothing was left: exit code 2, who reads what, and what to run first."""
    told = shell(CHAIN, "--only", "third")
    assert (told.code, told.out) == (2, "")
    assert told.err.count("\n") == 1
    assert "stage 'third' reads what 'second' makes, and no earlier run here left it" in told.err
    assert "--from second" in told.err
    # Another workspace knows nothing of this one's runs.
    assert shell(CHAIN).code == 0
    assert shell(CHAIN, "--only", "third", "--workspace", "elsewhere").code == 2


ROUNDS = """
    params: {rounds: {type: integer, minimum: 0, default: 2}}
    stages:
      first: {run: give, with: {value: 1}}
      solve:
        loop: {max_iterations: "${{ params.rounds }}", on_exhausted: warn}
        run: give
        with: {value: "${{ stages.first.value }}"}
"""


@pytest.mark.parametrize("command", ["run", "plan", "validate"])
def test_what_rests_on_params_fails_before_anything_starts(command: str, shell: Shell) -> None:
    """A param with which a stage would fail is refused at its place, and nothing is left behind."""
    file = str(write(shell.directory / "pipeline.yaml", ROUNDS))
    told = shell.command(command, file, "-p", "rounds=0", *shell.usual[command != "run" :])
    assert told.code == 2
    assert "pipeline.yaml:" in told.err + told.out
    assert "without an iteration there is no output" in told.err + told.out
    assert "(params.rounds is 0) [param-value]" in told.err + told.out
    assert not (shell.directory / ".radps").exists()


def test_what_is_not_asked_for_need_not_fit(shell: Shell) -> None:
    """A stage that would fail with these params hinders none of the others."""
    assert shell(ROUNDS, "-p", "rounds=0", "--only", "first").code == 0
    assert shell(ROUNDS, "-p", "rounds=0", "--from", "solve").code == 2


def test_a_stage_that_is_not_there(shell: Shell) -> None:
    """A misspelt stage: the likely one."""
    told = shell(CHAIN, "--from", "secnod")
    assert told.code == 2
    assert told.err == "radps-dag: no stage 'secnod' in chain; did you mean 'second'?\n"
    assert shell(CHAIN, "--only", ",").code == 2


def test_exit_codes(shell: Shell) -> None:
    """0 success, 1 a failed run, 2 something wrong with what was asked."""
    assert shell("stages: {a: {run: give}}").code == 0
    assert shell("stages: {a: {run: fail}}").code == 1
    assert shell("stages: {a: {run: gvie}}").code == 2
    assert shell.command("run", "nowhere.yaml").code == 2
    assert shell("stages: {a: {run: give}}", "--executor", "magic").code == 2
    assert shell("stages: {a: {run: give}}", "--max-parallel", "0").code == 2


def test_quiet(shell: Shell) -> None:
    """Nothing for a success but its result; for a failure the reason; no standard output."""
    told = shell("stages: {a: {run: give}}", progress="--quiet")
    assert (told.code, told.out) == (0, "")
    assert told.err.count("\n") <= 1
    told = shell("stages: {a: {run: fail, with: {message: no beam}}}", progress="--quiet")
    assert (told.code, told.out) == (1, "")
    assert "a  ValueError: no beam" in told.err


def test_plain(shell: Shell) -> None:
    """Lines with the time, then the summary, all on the standard error: results stay apart."""
    told = shell("stages: {a: {run: give}}", progress="--progress plain")
    assert told.out == ""
    assert "a  done in" in told.err
    assert "succeeded in" in told.err
    assert "\x1b" not in told.err


def test_workloads_may_print(tmp_path: Path) -> None:
    """JSON lines stay whole, however a workload prints; what it prints is on the standard error."""
    file = write(tmp_path / "p.yaml", "stages: {a: {for_each: {i: [1, 2, 3]}, run: chatter}}")
    ran = run(file, "--no-prefect", "--workloads", str(WORKLOADS), cwd=tmp_path)
    assert ran.code == 0
    assert [fact["fact"] for fact in ran.facts][-1] == "run_ended"
    for line in ("print hello", "descriptor hello", "program hello", "logged hello"):
        assert ran.err.count(line) == 3


def test_workers_may_print(tmp_path: Path) -> None:
    """What worker processes print is kept with the run, and said where."""
    file = write(tmp_path / "p.yaml", "stages: {a: {run: chatter}}")
    options = ("--no-prefect", "--workloads", str(WORKLOADS), "--executor=processes")
    ran = run(file, *options, cwd=tmp_path, progress=("--progress=plain",))
    (log,) = ran.workspace.glob("runs/*/workers.log")
    for line in ("print hello", "descriptor hello", "program error hello", "logged hello"):
        assert line in log.read_text()
        assert line not in ran.err + ran.out
    assert ran.err.endswith(f"What the workloads printed: {log}\n")


def test_where_things_land(shell: Shell) -> None:
    """A directory for each run, named by time and pipeline; nothing is overwritten."""
    for _ in range(3):
        assert shell(CHAIN).code == 0
    assert len(shell.runs) == 3
    for path in shell.runs:
        assert path.name.partition("-chain")[1] == "-chain"
        facts = facts_of(path.parent.parent, path.name)
        assert (facts[0]["fact"], facts[-1]["fact"]) == ("run_started", "run_ended")
        assert facts[0]["run"] == path.name
    shell(CHAIN, "--workspace", "other place")
    assert len(list((shell.directory / "other place" / "runs").iterdir())) == 1


def test_any_name_any_directory(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spaces and other alphabets in names; paths that are relative, absolute, or lead upwards."""
    folder = shell.directory / "Sagittarius A* ☉"
    below = folder / "deeper"
    below.mkdir(parents=True)
    shutil.copytree(PIPELINES, folder / "pipe lines")
    file = folder / "pipe lines" / "stages" / "export.yaml"
    monkeypatch.chdir(below)
    for path in (str(file), os.path.relpath(file, below)):
        told = shell.command("run", path, "--no-prefect", "--json", "-p", "pace=0")
        assert told.code == 0, told.err
        assert told.facts[0]["file"] == path
    assert len(list((below / ".radps" / "runs").iterdir())) == 2


def test_a_seed_repeats(shell: Shell) -> None:
    """The same seed gives the same random numbers and faults, however many run at once."""
    pipeline = str(PIPELINES / "stages" / "image_continuum_per_spw.yaml")

    def versions(*options: str) -> list[str]:
        told = shell.command("run", pipeline, "--no-prefect", "--json", "-p", "pace=0", *options)
        return [image["version"] for image in told.outputs["images"]]

    assert versions("--seed", "3") == versions("--seed", "3", "--max-parallel", "1")
    assert versions("--seed", "3") != versions("--seed", "4")


def test_max_parallel(shell: Shell) -> None:
    """Never more workload calls at once than allowed."""
    text = "stages: {a: {for_each: {i: [1, 2, 3]}, run: nap, with: {seconds: 0.1}}}"
    told = shell(text, "--max-parallel", "1")
    spans = [
        (fact["time"] - fact["seconds"], fact["time"])
        for fact in told.facts
        if fact["fact"] == "node_succeeded" and fact["place"].startswith("a[")
    ]
    ends = sorted(end for _, end in spans)
    assert ends[2] - ends[0] > 0.15


def test_wrong_drills(shell: Shell) -> None:
    """A drill with mistakes, one about no place, one that is not there: exit code 2, and where."""
    for text, message in [
        ("version: 1\nfaults: [{at: b, exception: OSError}]", "drill.yaml:2:"),
        ("version: 1\nfaults: [{at: a, exceptoin: OSError}]", "did you mean 'exception'?"),
        ("version: 1\nfaults: [{at: a, crash: true}]", "--executor processes"),
    ]:
        (shell.directory / "drill.yaml").write_text(text)
        told = shell("stages: {a: {run: give}}", "--faults", "drill.yaml")
        assert (told.code, told.out) == (2, "")
        assert message in told.err
    assert shell("stages: {a: {run: give}}", "--faults", "nowhere.yaml").code == 2


def test_profile(shell: Shell) -> None:
    """What the command line does not say stands in the nearest profile, or a given one."""
    (shell.directory / "radps-dag.toml").write_text('executor = "processes"\nmax_parallel = 1\n')
    (shell.directory / "mine.toml").write_text('executor = "threads"\n')
    pipeline = "stages: {a: {run: give}}"
    assert shell(pipeline).facts[0]["executor"] == "processes"
    assert shell(pipeline, "--profile", "mine.toml").facts[0]["executor"] == "threads"
    assert shell(pipeline, "--executor", "threads").facts[0]["executor"] == "threads"
    (shell.directory / "radps-dag.toml").write_text('exceutor = "threads"\n')
    told = shell(pipeline)
    assert told.code == 2
    assert "unknown key 'exceutor'; did you mean 'executor'?" in told.err


def test_library(shell: Shell) -> None:
    """A library that is not there, and a file of workloads that is none: exit code 2, one line."""
    told = shell("stages: {a: {run: give}}", "--library", "placehodler")
    assert told.code == 2
    assert "did you mean 'placeholder'?" in told.err
    told = shell("stages: {a: {run: give}}", "--workloads", "nowhere.py")
    assert told.code == 2
    assert "nowhere.py" in told.err
    assert told.err.count("\n") == 1


def test_debug(shell: Shell) -> None:
    """--debug, in front of the command's name or behind it, shows the traceback of an error."""
    told = shell(CHAIN, "--only", "third", "--debug")
    assert told.code == 2
    assert "Traceback" in told.err
    assert told.err.splitlines()[-1].startswith("radps-dag: stage 'third' reads")
    assert "Traceback" not in shell(CHAIN, "--only", "third").err


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    """`run --json | head -1`: the run goes on to its end, without a word about the pipe; the code
    says that its facts were not all read."""
    file = write(tmp_path / "p.yaml", CHAIN)
    command = [sys.executable, "-m", "radps_dag", "run", str(file), "--json", "--no-prefect"]
    process = subprocess.Popen(
        [*command, "--workloads", str(WORKLOADS)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(60) == 141
    process.stderr.close()
    assert facts_of_only_run(tmp_path / ".radps")[-1]["status"] == "succeeded"


PAGE = (PIPELINES.parent / "docs" / "run.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_of_this_command(shell: Shell) -> None:
    """Each command of the page does what it says, one after another; every option is on it."""
    shutil.copytree(PIPELINES, shell.directory / "pipelines")
    for line in re.findall(r"^radps-dag .*", "".join(BLOCKS), re.MULTILINE):
        line = line.replace("/tmp/trial", "trial")
        told = shell.command(*shlex.split(line)[1:], "--no-prefect", "-p", "pace=0")
        assert told.code == 0, (line, told.err)
    assert (shell.directory / "trial" / "runs").is_dir()
    options = re.findall(r"--[a-z][a-z-]+", shell.command("run", "--help").out)
    assert [option for option in options if option not in PAGE + "--param --help"] == []


def test_the_mistake_on_the_page(shell: Shell) -> None:
    """The message that the page shows is that which is told."""
    options = ("-p", "imaging=cubes")
    told = shell.command("run", str(PIPELINES / "full_cube.yaml"), "--no-prefect", *options)
    assert told.err in re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_directory_has_gone(tmp_path: Path) -> None:
    """One line, where somebody has deleted the directory that the terminal is in."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = (
        "import os, sys; os.chdir(sys.argv[1]); os.rmdir(sys.argv[1]); "
        "from radps_dag.cli import main; main(['runs'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(gone)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == ("radps-dag: the current directory is gone; change to one that exists\n")


GREEDY = """
version: 1
name: greedy
stages:
  a: {run: give, with: {value: 1}, resources: {gpus: 2, memory: 1MB}}
"""


def test_a_call_that_can_never_run_is_refused(shell: Shell) -> None:
    """Exit code 2 with the line of the call, before anything is there of a run; with what the
    options or the profile say that there is, it runs, and `resume` knows that."""
    told = shell(GREEDY, "--memory", "1kB")
    assert told.code == 2
    assert "pipeline.yaml:5:3: 'a' asks for 2 GPUs; executor 'threads' offers 0" in told.err
    assert "'a' asks for 1 MB of memory; executor 'threads' offers 1 kB" in told.err
    assert not shell.runs
    assert shell(GREEDY, "--gpus", "2").code == 0
    assert shell.command("resume", *shell.usual).code == 0
    (shell.directory / "radps-dag.toml").write_text("gpus = 4\n")
    assert shell(GREEDY).code == 0
    assert shell(GREEDY, "--gpus", "0").code == 2
    assert "'much' is not an amount such as 64GB" in shell(GREEDY, "--memory", "much").err


def test_an_unknown_executor_is_refused(shell: Shell) -> None:
    """On the command line, in the profile and in what a run has recorded: never another one."""
    told = shell(CHAIN, "--executor", "proceses")
    assert told.code == 2
    assert "did you mean 'processes'?" in told.err
    (shell.directory / "radps-dag.toml").write_text("executor = 'thread'\n")
    assert "not 'thread'; did you mean 'threads'?" in shell(CHAIN).err
    (shell.directory / "radps-dag.toml").unlink()
    assert not shell.runs
