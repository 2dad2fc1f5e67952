"""`radps-dag runs`, `status` and `show`, as a shell sees them, over runs that were real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from forked import command
from journal_support import facts_of_only_run
from run_support import PROGRAM, WORKLOADS, until, write

from radps_dag.cli.main import main

PATIENCE = 120.0
PIPELINE = """
params: {message: {type: string, default: no beam}, seconds: {type: number, default: 0}}
stages:
  first: {run: give, with: {value: 3}}
  many:
    for_each: {spw: [0, 1, 2]}
    on_error: continue
    steps:
      nap: {run: nap, with: {seconds: "${{ params.seconds }}"}}
  bad:
    needs: [first]
    run: fail
    with: {message: "${{ params.message }}"}
    retries: {max: 1, delay: 0}
"""


class Place:
    """A directory with a workspace, and the command line in it. `url` is that of a database, where
    the journal is not in the workspace."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder = folder
        self.file = write(folder / "p.yaml", PIPELINE)
        self.url = url
        if url is not None:
            (folder / "radps-dag.toml").write_text(f'store = "{url}"\n')

    def __call__(self, *words: str, code: int = 0) -> str:
        """What a command says; it must exit so."""
        done = command(self.folder, *words)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback (most" not in done.stderr
        return done.stdout if code in (0, 1) and done.stdout else done.stderr

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))

    def run(self, *words: str, code: int = 0) -> None:
        options = ("--no-prefect", "--quiet", "--workloads", str(WORKLOADS))
        self("run", "p.yaml", *options, *words, code=code)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        options = ("--no-prefect", "--quiet", "--workloads", str(WORKLOADS))
        return subprocess.Popen(
            [*PROGRAM, "run", "p.yaml", *options, *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def begun(self, place: str) -> bool:
        facts = facts_of_only_run(self.folder / ".radps", self.url)
        return any(one["fact"] == "node_started" and one["place"] == place for one in facts)


def url_of(request: pytest.FixtureRequest) -> str | None:
    """Where a fixture's journal is to be."""
    if request.param == "sqlite":
        return None
    url: str = request.getfixturevalue("postgres").database()
    return url


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def looked_at(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Two runs that failed: one that ran, and one that reused what ended well."""
    place = Place(tmp_path_factory.mktemp("place"), url_of(request))
    place.run(code=1)
    place.run(code=1)
    return place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(params=["sqlite", "postgres"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """With each kind of journal."""
    return Place(tmp_path, url_of(request))


def test_runs(looked_at: Place) -> None:
    """A row for each run, newest first, with its counts, and the cause of a failure below it."""
    head, _, cause, *_ = looked_at("runs").splitlines()
    assert " ".join(head.split()) == "run pipeline status started took done failed reused"
    assert cause.strip() == "bad: ValueError: no beam"
    second, first = looked_at.json("runs")
    assert first["run"] < second["run"]
    counts = [(one["done"], one["failed"], one["reused"]) for one in (first, second)]
    assert counts == [(4, 1, 0), (4, 1, 4)]
    told = looked_at("runs", "-n", "1")
    assert told.splitlines()[-1] == "and 1 older: --all lists them"
    assert len(looked_at.json("runs", "-n", "1")) == 1


def test_status_of_a_run_that_ended(looked_at: Place) -> None:
    """The summary that `run` shows, of the last run or of one that is named."""
    told = looked_at("status")
    assert "p failed after" in told and "4 reused, 1 ran" in told and "bad: ValueError" in told
    first = looked_at.json("runs")[1]["run"]
    assert f"run {first}" in looked_at("status", first) and "reused" not in looked_at(
        "status", first
    )


def test_status_as_json(looked_at: Place) -> None:
    """One object: the run, its stages, and all that is in them."""
    found = looked_at.json("status")
    stages = {one["node"]: one for one in found["stages"]}
    assert (found["status"], found["calls_reused"]) == ("failed", 4)
    assert [one["node"] for one in stages["many"]["nodes"]] == [f"many[spw={n}]" for n in range(3)]
    assert (stages["bad"]["status"], stages["bad"]["attempts"]) == ("failed", 2)
    assert stages["first"]["reused"] and stages["first"]["reused_from"]


def test_following_a_run_that_ended(looked_at: Place) -> None:
    """Its facts are told from the first to the last, and its exit code is that of the run."""
    told = looked_at("status", "--follow", "--json", code=1)
    facts = [json.loads(line) for line in told.splitlines()]
    assert (facts[0]["fact"], facts[-1]["fact"]) == ("run_started", "run_ended")
    assert "p failed after" in looked_at("status", "--follow", "--progress", "plain", code=1)


def test_show_a_run(looked_at: Place) -> None:
    """Params, processes, stages, failures, and with what it ran."""
    told = looked_at("show", "last")
    for word in ("Params", "message  no beam", "Processes", "Stages", "Ran with", "Python 3"):
        assert word in told
    found = looked_at.json("show", "last")
    assert found["failed_places"] == ["bad"]
    assert found["provenance"]["packages"]["radps-dag"]
    assert "sources" not in found["provenance"]


def test_show_a_node(looked_at: Place) -> None:
    """What it called, with what, each attempt and its error, and the workload's own traceback."""
    told = looked_at("show", "last", "bad")
    assert "workload   fail, source" in told
    assert "message  no beam" in told
    assert "1  " in told and "2  " in told and told.count("ValueError: no beam") >= 2
    assert "raise ValueError(message)" in told
    found = looked_at.json("show", "last", "bad")
    assert [one["status"] for one in found["attempts"]] == ["failed", "failed"]


def test_show_a_node_that_did_not_run(looked_at: Place) -> None:
    """It names the run whose result it has, and that one shows it."""
    found = looked_at.json("show", "last", "first")
    assert (found["status"], found["outputs"]) == ("reused", {"value": 3})
    assert f"result is that of run {found['reused_from']}" in looked_at("show", "last", "first")
    assert looked_at.json("show", found["reused_from"], "first")["status"] == "succeeded"


def test_show_several_nodes(looked_at: Place) -> None:
    """A path without its instances lists them."""
    told = looked_at("show", "last", "many/nap").splitlines()
    assert [line.split()[:2] for line in told] == [
        [f"many[spw={n}]/nap", "reused"] for n in range(3)
    ]
    assert len(looked_at.json("show", "last", "many/nap")) == 3


def test_provenance(looked_at: Place) -> None:
    """PROV-JSON, or plain JSON, of the run with all that it has from earlier ones."""
    found = json.loads(looked_at("show", "last", "--provenance"))
    assert len([name for name in found["activity"] if "/call/" in name]) == 6
    plain = json.loads(looked_at("show", "last", "--provenance", "--format", "json"))
    assert len(plain["calls"]) == 5 and plain["processes"][0]["sources"]["p.yaml"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("show", "last", "bat"), "did you mean 'bad'?"),
        (("show", "nonsense"), "no run 'nonsense' in this workspace"),
        (("status", "nonsense"), "no run 'nonsense' in this workspace"),
        (("status", "--progress", "plain"), "--follow"),
        (("show", "last", "bad", "--provenance"), "whole run"),
        (("show", "last", "--format", "json"), "--provenance"),
        (("runs", "--workspace", "nowhere"), "there is no journal here"),
    ],
)
def test_mistakes_are_one_line(looked_at: Place, words: tuple[str, ...], expected: str) -> None:
    """What cannot be shown is said in one line, with what there is."""
    if looked_at.url is not None and "--workspace" in words:
        pytest.skip("the journal is not in the workspace")
    told = looked_at(*words, code=2)
    assert expected in told and told.count("\n") == 1


def test_a_workspace_that_cannot_be_written(looked_at: Place, tmp_path: Path) -> None:
    """Looking needs no right to write, and makes nothing."""
    shutil.copytree(looked_at.folder / ".radps", tmp_path / ".radps")
    for path in (tmp_path / ".radps").rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    (tmp_path / ".radps").chmod(0o500)
    before = sorted((tmp_path / ".radps").rglob("*"))
    copy = Place(tmp_path, looked_at.url)
    assert len(copy.json("runs")) == 2
    assert copy.json("status")["status"] == "failed"
    assert [path for path in before if not path.exists()] == []
    (tmp_path / ".radps").chmod(0o700)


def test_a_run_from_another_terminal(anywhere: Place) -> None:
    """While it runs it says who drives it; killed, it is interrupted and can be resumed."""
    running = anywhere.begin("-p", "seconds=60")
    follower = None
    try:
        assert until(lambda: anywhere.begun("many[spw=0]/nap"), PATIENCE)
        (listed,) = anywhere.json("runs")
        assert listed["status"] == "running" and f"process {running.pid}" in listed["driver"]
        assert f"Driven by process {running.pid}" in anywhere("status")
        assert anywhere.json("status")["status"] == "running"
        follower = subprocess.Popen(
            [*PROGRAM, "status", "--follow", "--progress", "plain"],
            cwd=anywhere.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert follower.stdout is not None
        assert "run 2" in follower.stdout.readline()
        running.kill()
        running.wait()
        out, err = follower.communicate(timeout=PATIENCE)
    finally:
        running.kill()
        if follower is not None:
            follower.kill()
    assert follower.returncode == 1
    assert "was interrupted" in out and "radps-dag resume" in err
    assert "go on where it stopped: radps-dag resume" in anywhere("status")
    assert anywhere.json("runs")[0]["status"] == "interrupted"
    assert anywhere.json("show", "last", "many[spw=0]/nap")["status"] == "abandoned"


def test_a_resumed_run(anywhere: Place) -> None:
    """What a resumed run reused of itself is reused, and its processes are listed."""
    anywhere.run(code=1)
    anywhere("resume", "--no-prefect", "--quiet", "-p", "message=still", code=1)
    (listed,) = anywhere.json("runs")
    assert (listed["resumed"], listed["done"], listed["reused"]) == (1, 4, 4)
    assert len(anywhere.json("show", "last")["processes"]) == 2
    assert "of an earlier process of this run" in anywhere("show", "last", "first")
    attempts = anywhere.json("show", "last", "bad")["attempts"]
    assert [(one["process"], one["number"]) for one in attempts] == [(1, 1), (1, 2), (2, 1), (2, 2)]


def test_ctrl_c_ends_the_following_alone(place: Place) -> None:
    """Ctrl-C ends who follows, and not the run."""
    running = place.begin("-p", "seconds=60")
    try:
        assert until(lambda: place.begun("many[spw=0]/nap"), PATIENCE)
        follower = subprocess.Popen(
            [*PROGRAM, "status", "--follow", "--json"],
            cwd=place.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert follower.stdout is not None and follower.stdout.readline()
        os.kill(follower.pid, signal.SIGINT)
        _, err = follower.communicate(timeout=PATIENCE)
        assert follower.returncode == 130 and "Traceback" not in err
        assert running.poll() is None
    finally:
        running.kill()
        running.wait()


def test_show_what_a_call_printed(place: Place) -> None:
    """Of calls in worker processes it is known what each has printed."""
    text = """
    stages:
      a: {for_each: {text: [left, right]}, run: chatter, with: {text: "${{ each.text }}"}}
    """
    write(place.file, text)
    place.run("--executor", "processes")
    for text, other in (("left", "right"), ("right", "left")):
        told = place("show", "last", f"a[text={text}]")
        for line in ("print", "descriptor", "program error", "logged"):
            assert f"{line} {text}" in told and f"{line} {other}" not in told
        (printed,) = place.json("show", "last", f"a[text={text}]")["printed"]
        assert f"print {text}" in printed["text"]


def test_nobody_is_left_following_for_a_reader_that_has_gone(place: Place) -> None:
    """`--follow | head` ends when head has what it wants, though the run goes on."""
    running = place.begin("-p", "seconds=60")
    try:
        assert until(lambda: place.begun("many[spw=0]/nap"), PATIENCE)
        follower = subprocess.Popen(
            [*PROGRAM, "status", "--follow", "--json"], cwd=place.folder, stdout=subprocess.PIPE
        )
        assert follower.stdout is not None
        follower.stdout.close()
        assert follower.wait(timeout=PATIENCE) == 141
    finally:
        running.kill()
        running.wait()


def test_an_older_journal(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is not changed by looking at it, unless that is asked for."""
    place.run(code=1)
    monkeypatch.chdir(place.folder)
    monkeypatch.setattr("radps_dag.journal.schema.VERSION", 2)
    monkeypatch.setattr("radps_dag.journal.schema.MIGRATIONS", {1: lambda connection: None})
    for words, code in ((["runs"], 1), (["runs", "--migrate"], 0), (["status"], 0)):
        with pytest.raises(SystemExit) as left:
            main(words)
        assert left.value.code == code, capsys.readouterr().err
    assert "radps-dag runs --migrate" in capsys.readouterr().err
