"""`radps-dag cancel`: a run is over for good, whoever drives it; the journal says who wanted it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from forked import command
from journal_support import facts_of_only_run, store_of
from postgres_server import Server
from run_support import PROGRAM, WORKLOADS, until, write

from radps_dag.facts import QuestionAnswered, QuestionAsked, RunEnded, RunStarted
from radps_dag.journal.cancelled import RunCancelled, cancellation
from radps_dag.journal.claims import claim
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.questions import Answered, Closed, answer, open_questions
from radps_dag.runs import cancel as cancelling
from radps_dag.runs.cancel import cancel

ASKS = """
stages:
  work: {run: give, with: {value: 3}}
  review:
    needs: [work]
    pause: {message: Go on?, input: {n: {type: integer, default: 1}}}
outputs: {n: "${{ stages.review.n }}"}
"""
FAILS = "stages: {one: {run: give}, broken: {needs: [one], run: fail}}"
GOES_ON = "stages: {work: {run: give}, long: {needs: [work], run: nap, with: {seconds: 300}}}"


class Place:
    """A directory with a pipeline and its workspace."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []
        (folder / "radps-dag.toml").write_text('[events]\nfile = "events.jsonl"\n')

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def run(self, text: str, *options: str) -> subprocess.Popen[str]:
        write(self.folder / "p.yaml", text)
        return self.begin(
            *("run", "p.yaml", "--no-prefect", "--workloads", str(WORKLOADS), *options)
        )

    def command(self, *arguments: str) -> tuple[int, str]:
        done = command(self.folder, *arguments)
        return done.returncode, done.stdout + done.stderr

    def facts(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in facts_of_only_run(self.folder / ".radps") if one["fact"] == kind]

    def has(self, kind: str, place: str = "") -> bool:
        return until(lambda: any(place in one["place"] for one in self.facts(kind)), 60)

    def left(self, text: str, code: int) -> None:
        """A run that has ended, and could go on."""
        process = self.run(text, "--detach-on-pause")
        assert process.wait(60) == code, process.stderr.read() if process.stderr else ""

    def announced(self) -> list[dict[str, Any]]:
        lines = (self.folder / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    for process in found.processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_run_that_waits(place: Place) -> None:
    """Left with a question and cancelled: nothing is asked any more, and answer, resume and a
    second cancel say who cancelled it, when and why; the list shows it."""
    place.left(ASKS, 3)
    code, said = place.command("cancel", "last", "--by", "ann", "--reason", "the wrong\n field")
    assert code == 0, said
    assert "review: closed: the run was cancelled" in said
    (end,) = [one for one in place.facts("run_ended") if one["status"] == "cancelled"]
    assert (end["by"], end["via"], end["message"]) == ("ann", "command", "the wrong field")

    assert place.command("questions")[1] == "no question is open\n"
    code, said = place.command("answer", "last", "review")
    assert code == 1
    assert "closed: the run was cancelled by ann on 20" in said and ": the wrong field" in said
    code, said = place.command("resume")
    assert code == 1 and len(said.splitlines()) == 1
    assert "was cancelled by ann on 20" in said and "`radps-dag run p.yaml` begins anew" in said
    code, said = place.command("cancel", "last", "--reason", "another")
    assert code == 0 and "was cancelled by ann" in said and "another" not in said
    assert len(place.facts("run_ended")) == 2

    code, said = place.command("runs", "--json")
    (listed,) = json.loads(said)
    assert (listed["status"], listed["questions"]) == ("cancelled", 0)
    assert listed["cause"].startswith("cancelled by ann on 20")
    code, said = place.command("status")
    assert code == 0 and "p was cancelled after" in said and "waits for an answer" not in said
    assert "closed: the run was cancelled" in place.command("show", "last", "review")[1]


def test_what_it_had_made_is_used_again(place: Place) -> None:
    """As the refusal says: a new run of the file begins anew, and makes nothing twice."""
    place.left(ASKS, 3)
    assert place.command("cancel", "last")[0] == 0
    ended = place.run(ASKS, "--detach-on-pause", "--json")
    out, _ = ended.communicate(timeout=60)
    told = [json.loads(line) for line in out.splitlines()]
    (work,) = [one for one in told if one["fact"] == "node_succeeded" and one["place"] == "work"]
    assert work["made"]["origin"]


@pytest.mark.parametrize("text", [FAILS, GOES_ON], ids=["failed", "killed"])
def test_a_run_that_failed_or_was_killed(text: str, place: Place) -> None:
    """Whatever ended its process, nobody goes on with it; its news is told once, by who
    cancelled it."""
    process = place.run(text)
    if text is GOES_ON:
        assert place.has("node_started", "long")
        process.kill()
    assert process.wait(60) in (1, -signal.SIGKILL)
    code, said = place.command("cancel", "last", "--json", "--reason", "no use")
    told = json.loads(said)
    assert code == 0 and told["status"] == "cancelled" and not told["already"]
    assert place.command("resume")[0] == 1
    (event,) = [one for one in place.announced() if one["event"] == "radps.run.cancelled"]
    assert event["run"] == told["run"] and event["payload"]["message"] == "no use"
    assert event["pipeline"] == "p" and event["payload"]["by"]


@pytest.mark.parametrize("text", [ASKS, GOES_ON], ids=["asks", "works"])
def test_a_run_that_another_process_drives(text: str, place: Place) -> None:
    """That process ends in order, and knows why: it says itself that the run is cancelled, by
    whom, once; the command returns when it has gone."""
    process = place.run(text)
    assert place.has(*(("question_asked",) if text is ASKS else ("node_started", "long")))
    code, said = place.command("cancel", "last", "--by", "ann", "--reason", "rain")
    assert process.wait(0.5) == 143  # gone when the command returns
    assert code == 0 and f"process {process.pid} on " in said
    (end,) = place.facts("run_ended")
    assert (end["status"], end["by"], end["message"]) == ("cancelled", "ann", "rain")
    assert place.facts("node_stopped")
    _, shown = process.communicate()
    assert "p was cancelled after" in shown and "cancelled by ann" in shown
    assert "waits for an answer" not in shown and "resume" not in shown
    assert place.command("questions")[1] == "no question is open\n"
    events = [one["event"] for one in place.announced()]
    assert events.count("radps.run.cancelled") == 1 and "radps.run.interrupted" not in events


def test_a_driver_that_cannot_say_so(place: Place) -> None:
    """A process that is stopped in its tracks, and is killed then: the command waits for it, and
    says itself that the run is cancelled."""
    process = place.run(GOES_ON)
    assert place.has("node_started", "long")
    process.send_signal(signal.SIGSTOP)
    cancelling = place.begin("cancel", "last")
    lock = next((place.folder / ".radps" / "runs").iterdir()) / "cancel.lock"
    assert until(lambda: lock.exists() and lock.stat().st_size > 0)
    process.kill()
    assert cancelling.wait(60) == 0
    (end,) = place.facts("run_ended")
    assert end["status"] == "cancelled"


def test_two_at_once(place: Place) -> None:
    """Two cancel a run that goes on: it gets one signal, ends in order, has one end, and both say
    so."""
    process = place.run(GOES_ON)
    assert place.has("node_started", "long")
    both = [place.begin("cancel", "last", "--by", name, "--json") for name in ("ann", "ben")]
    said = [json.loads(one.communicate(timeout=120)[0]) for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert sorted(one["already"] for one in said) == [False, True]
    assert process.wait(10) == 143
    (end,) = place.facts("run_ended")
    assert end["status"] == "cancelled" and {one["by"] for one in said} == {end["by"]}
    assert place.facts("node_stopped")


def test_against_a_resume(place: Place) -> None:
    """Cancelled while it is being resumed: it is cancelled, and the resume did nothing or was
    ended; no process drives it afterwards."""
    place.left(ASKS, 3)
    chance = random.Random(1)
    resume = place.begin("resume", "--no-prefect")
    until(lambda: False, chance.uniform(0.2, 0.6))
    assert place.command("cancel", "last")[0] == 0
    assert resume.wait(30) in (1, 143, -signal.SIGTERM)
    assert place.facts("run_ended")[-1]["status"] == "cancelled"
    assert place.command("resume")[0] == 1


def test_one_that_has_succeeded(place: Place) -> None:
    """There is nothing to cancel: refused in a line, as what does not fit together."""
    assert place.run("stages: {one: {run: give}}").wait(60) == 0
    code, said = place.command("cancel", "last")
    assert code == 2 and said.endswith("has succeeded; there is nothing to cancel\n")
    assert place.facts("run_ended")[-1]["status"] == "succeeded"
    code, said = place.command("cancel", "nothing")
    assert code == 2


# The journal alone.


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = store_of(tmp_path / ".radps")
    store.workspace.runs.mkdir(parents=True)
    yield store
    store.close()


def asked(store: Store, run: str) -> None:
    """A run that has been left with a question."""
    started = RunStarted(
        time=1.0,
        place="",
        run=run,
        pipeline="p",
        file="p.yaml",
        params={},
        library="l",
        executor="threads",
        seed=0,
    )
    question = QuestionAsked(time=2.0, place="a", question=f"q-{run}", message="?")
    end = RunEnded(time=3.0, place="", status="paused", seconds=2.0)
    store.create(run, "p", 1.0)
    store.append(run, [to_row(run, one, store.workspace) for one in (started, question, end)])


def test_against_an_answer(store: Store) -> None:
    """An answer and a cancel at the same moment: the answer is there before the end and counts,
    or it is not there and was refused; never behind it."""
    outcomes = set()
    for number in range(40):
        run = f"r{number}"
        asked(store, run)
        (question,) = open_questions(store, run)
        together = threading.Barrier(2)
        told: list[str] = []

        def answers() -> None:
            together.wait()  # noqa: B023 -- it ends within the turn
            try:
                answer(store, question, {}, "ann", "command")  # noqa: B023
                told.append("answered")  # noqa: B023
            except Closed:
                told.append("closed")  # noqa: B023

        thread = threading.Thread(target=answers)
        thread.start()
        together.wait()
        cancel(store, run, "ben")
        thread.join()
        kinds = [type(one) for one in store.facts(run)]
        assert kinds[-1] is RunEnded
        assert (QuestionAnswered in kinds) == (told == ["answered"])
        assert open_questions(store, run) == []
        outcomes.update(told)
        with pytest.raises((Closed, Answered)):
            answer(store, question, {}, "ann", "command")
    assert outcomes <= {"answered", "closed"} and outcomes


def test_driven_elsewhere(store: Store) -> None:
    """A process on another machine cannot be told to end: one line says where it is, and nothing
    has changed."""
    asked(store, "r")
    directory = store.workspace.run("r")
    directory.path.mkdir()
    claimed = claim(store, directory)
    says = {"pid": os.getpid(), "host": "far.example", "since": 1.0}
    directory.lock.write_text(json.dumps(says))
    with pytest.raises(RadpsDagError, match=r"process \d+ on far.example.*cancel it there"):
        cancel(store, "r")
    assert cancellation(store, "r") is None
    claimed.release()
    assert cancel(store, "r").end.status == "cancelled"


def test_one_that_does_not_end(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver that stays, or another process with its number, is not waited for for ever, and a
    stranger gets no signal."""
    monkeypatch.setattr(cancelling, "PATIENCE", 0.3)
    asked(store, "r")
    directory = store.workspace.run("r")
    directory.path.mkdir()
    claimed = claim(store, directory)
    says = json.loads(directory.lock.read_text())
    # This process lives, and was born at another time: a signal would end the tests.
    directory.lock.write_text(json.dumps({**says, "birth": "1"}))
    with pytest.raises(RadpsDagError, match="is still driven by process"):
        cancel(store, "r")
    assert cancellation(store, "r") is None
    claimed.release()


def test_it_had_succeeded_in_this_moment(store: Store) -> None:
    """Of a run whose last word is success nothing is cancelled, also by who has the claim."""
    asked(store, "r")
    end = RunEnded(time=4.0, place="", status="succeeded", seconds=3.0)
    store.append("r", [to_row("r", end, store.workspace)])
    with pytest.raises(UsageError, match="has succeeded"):
        cancel(store, "r")
    assert cancellation(store, "r") is None


def test_who_drove_it_can_say_no_more(store: Store) -> None:
    """A process whose claim was lost and which still lives appends nothing to a cancelled run."""
    asked(store, "r")
    generation = store.next_generation("r")
    cancel(store, "r")
    end = RunEnded(time=9.0, place="", status="succeeded", seconds=8.0)
    with pytest.raises(RadpsDagError, match="driven by another"):
        store.append("r", [to_row("r", end, store.workspace)], generation)
    from radps_dag.runs.record import reopen

    with pytest.raises(RunCancelled):
        reopen(store, "r")


def test_driven_from_another_workspace(postgres: Server, tmp_path: Path) -> None:
    """Two workspaces with one database, and nothing is known of the other's process but that it
    is there: it is left alone. Cancelled by one, the run is over for the other too."""
    url = postgres.database()
    mine, other = (open_store(Workspace(tmp_path / name), url) for name in ("mine", "other"))
    asked(other, "r")
    (question,) = open_questions(other, "r")
    directory = other.workspace.run("r")
    directory.path.mkdir(parents=True)
    claimed = claim(other, directory)
    with pytest.raises(RadpsDagError, match=r"run r is driven by .*; cancel it there"):
        cancel(mine, "r")
    claimed.release()
    assert cancel(mine, "r", "ann").closed == (question,)
    with pytest.raises(Closed, match="a: closed: the run was cancelled by ann on 20"):
        answer(other, question, {}, "ben", "command")
    mine.close()
    other.close()
