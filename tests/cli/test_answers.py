"""Answers from commands and files: one winner, never a wrong one, across kills and deadlines."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from forked import command
from journal_support import facts_of_only_run, store_of
from run_support import PIPELINES, PROGRAM, WORKLOADS, until, write

from radps_dag.problem import RadpsDagError
from radps_dag.questions import Answered, WrongAnswer, answer, open_questions

ASK = """
stages:
  first: {run: give, with: {value: 3}}
  review:
    pause:
      message: Deep enough?
      show: ["${{ stages.first.value }}"]
      input: {niter: {type: integer, minimum: 1, default: 400}}
      REST
outputs: {niter: "${{ stages.review.niter }}"}
"""


@dataclass
class Site:
    """A folder with a pipeline, and the runs of it."""

    folder: Path
    going: list[subprocess.Popen[str]]

    def pipeline(self, text: str) -> Path:
        return write(self.folder / "p.yaml", text)

    def begin(self, *options: str, file: Path | None = None) -> subprocess.Popen[str]:
        """A run that nobody can be asked in."""
        arguments = ("run", str(file or self.folder / "p.yaml"), "--workloads", str(WORKLOADS))
        return self.start(*arguments, "--no-prefect", "-q", *options)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.going.append(process)
        return process

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = command(self.folder, *arguments)
        assert done.returncode == code, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done

    def facts(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in facts_of_only_run(self.folder / ".radps") if one["fact"] == kind]

    def asked(self, count: int = 1) -> None:
        """Wait until so many questions have been asked."""
        assert until(lambda: len(self.facts("question_asked")) >= count, 60)

    def end(self, process: subprocess.Popen[str], code: int = 0) -> str:
        _, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        return err

    @property
    def outputs(self) -> Any:
        return self.facts("run_ended")[-1]["outputs"]

    @property
    def answers(self) -> Path:
        (folder,) = self.folder.glob(".radps/runs/*/")
        (folder / "answers").mkdir(exist_ok=True)
        return folder / "answers"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, [])
    site.pipeline(ASK.replace("REST", ""))
    yield site
    for process in site.going:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_answer_by_command(site: Site) -> None:
    """`questions` lists what is open, `answer` answers it, and the run goes on at once."""
    process = site.begin()
    site.asked()
    told = site.run("questions").stdout
    assert "Deep enough?" in told and "radps-dag answer" in told
    assert "nobody drives" not in told
    (listed,) = json.loads(site.run("questions", "--json").stdout)
    assert (listed["place"], listed["inputs"]["niter"]["default"]) == ("review", 400)
    assert "a question waits" in site.run("runs").stdout
    assert "waits for an answer" in site.run("status").stdout
    site.run("answer", "last", "review", "-i", "niter=7", "--by", "an")
    site.end(process)
    assert site.outputs == {"niter": 7}
    (fact,) = site.facts("question_answered")
    assert (fact["by"], fact["via"], fact["values"]) == ("an", "command", {"niter": 7})
    assert "answered by an, by radps-dag answer" in site.run("show", "last", "review").stdout
    assert "no question is open" in site.run("questions").stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-i", "niter=0"), "input 'niter'"),
        (("-i", "niter=many"), "input 'niter'"),
        (("-i", "nitre=5"), "did you mean 'niter'?"),
        (("-i", "niter"), "write -i name=value"),
    ],
)
def test_a_wrong_answer_changes_nothing(
    arguments: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    """One line says what does not fit; the question is still open, and nothing is recorded."""
    site = Site(tmp_path, [])
    site.pipeline(ASK.replace("REST", ""))
    process = site.begin("--detach-on-pause")
    site.end(process, 3)
    before = len(facts_of_only_run(tmp_path / ".radps"))
    done = site.run("answer", "last", "review", *arguments, code=2)
    assert told in done.stderr and done.stderr.count("\n") == 1
    assert len(facts_of_only_run(tmp_path / ".radps")) == before
    assert "Deep enough?" in site.run("questions").stdout


def test_answer_by_file(site: Site) -> None:
    """A file in the run's folder answers, one that does not fit is refused with its reason, and
    one about something else stays."""
    process = site.begin()
    site.asked()
    folder = site.answers
    (folder / "a.json").write_text('{"place": "review", "values": {"niter": 0}}')
    (folder / "b.json").write_text('{"place": "elsewhere", "values": {}}')
    (folder / "c.json").write_text('{"place": "review", "val')
    assert until((folder / "a.json.refused").exists, 30)
    assert "niter" in (folder / "a.json.reason").read_text()
    (folder / "d.json").write_text('{"place": "review", "values": {"niter": 9}, "by": "night"}')
    site.end(process)
    assert site.outputs == {"niter": 9}
    assert {path.name for path in folder.iterdir()} == {
        *("a.json.refused", "a.json.reason", "b.json", "c.json", "d.json.accepted")
    }
    (fact,) = site.facts("question_answered")
    assert (fact["by"], fact["via"]) == ("night", "file")


def test_killed_while_waiting(site: Site) -> None:
    """A kill loses neither the question nor an answer that is given while nobody runs; what the
    run did before is not done again, and the question is not asked again."""
    process = site.begin()
    site.asked()
    process.kill()
    process.communicate()
    assert "nobody drives the run" in site.run("questions").stdout
    assert "resume" in site.run("answer", "-i", "niter=11").stdout
    site.run("resume", "-q")
    assert site.outputs == {"niter": 11}
    assert len(site.facts("question_asked")) == len(site.facts("question_answered")) == 1
    first = [one for one in site.facts("node_succeeded") if one["place"] == "first"]
    assert [bool(one["made"]["origin"]) for one in first] == [False, True]


def test_detached_and_resumed_before_the_answer(site: Site) -> None:
    """A run that left goes on waiting when it is resumed too early, and says again what it asks."""
    site.end(site.begin("--detach-on-pause"), 3)
    assert "paused" in site.run("runs").stdout
    again = site.start("resume", "--no-prefect", "--progress", "plain")
    assert until(lambda: len(site.facts("run_started")) == 2, 120)
    time.sleep(1.0)  # it waits
    site.run("answer")
    assert "asks: Deep enough?" in site.end(again)
    assert len(site.facts("question_asked")) == 1
    assert site.outputs == {"niter": 400}


def test_two_answers_at_once(site: Site) -> None:
    """Of many answers at the same time one counts; the others are told whose."""
    process = site.begin("--detach-on-pause")
    site.end(process, 3)
    store = store_of(site.folder / ".radps")
    (head,) = store.heads()
    (question,) = open_questions(store, head.run)

    def say(number: int) -> int | None:
        try:
            answer(store, question, {"niter": number}, f"person {number}", "command")
        except Answered as first:
            assert first.fact.by in str(first)
            return None
        return number

    with ThreadPoolExecutor(8) as pool:
        winners = [one for one in pool.map(say, range(1, 25)) if one is not None]
    store.close()
    assert len(winners) == 1
    assert [one["values"] for one in site.facts("question_answered")] == [{"niter": winners[0]}]
    site.run("resume", "-q")
    assert site.outputs == {"niter": winners[0]}
    told = site.run("answer", "last", "review", code=2).stderr
    assert "no open question at 'review'" in told
    assert f"already answered by person {winners[0]} (command, at " in told


def test_nobody_can_answer_any_more(site: Site) -> None:
    """Of a run that left, a question whose time is over is listed as such, and not to be answered:
    what is left is to resume."""
    site.pipeline(ASK.replace("REST", "timeout: 5s"))
    site.end(site.begin("--detach-on-pause"), 3)
    over = "the time for an answer is over; radps-dag resume"
    assert until(lambda: over in site.run("questions").stdout, 30)
    assert "radps-dag answer" not in site.run("questions").stdout


@pytest.mark.parametrize(("rest", "code"), [("fail", 1), ("defaults", 0)])
def test_nobody_answers_in_time(rest: str, code: int, site: Site) -> None:
    """After the deadline the node fails, or takes the defaults, as the file says."""
    site.pipeline(ASK.replace("REST", f"timeout: 1s\n      on_timeout: {rest}"))
    err = site.end(site.begin(), code)
    if code:
        assert "QuestionTimeout: nobody answered 'Deep enough?'" in err
        assert site.facts("question_answered") == []
        assert "no question is open" in site.run("questions").stdout
    else:
        assert site.outputs == {"niter": 400}
        assert site.facts("question_answered")[0]["via"] == "timeout"


@pytest.mark.parametrize(("rest", "code"), [("fail", 1), ("defaults", 0)])
def test_the_deadline_passes_while_nobody_runs(rest: str, code: int, site: Site) -> None:
    """An answer after the deadline is refused, also when nobody drives the run; who resumes it
    finds that the time is over. Asked again after a failure, there is time anew."""
    site.pipeline(ASK.replace("REST", f"timeout: 3s\n      on_timeout: {rest}"))
    process = site.begin()
    site.asked()
    process.kill()
    process.communicate()
    deadline = site.facts("question_asked")[0]["deadline"]
    assert until(lambda: time.time() > deadline, 10)
    assert "the time for an answer is over" in site.run("answer", code=1).stderr
    site.run("resume", "-q", code=code)
    if not code:
        assert site.outputs == {"niter": 400}
        return
    again = site.start("resume", "-q", "--no-prefect")
    site.asked(2)
    site.run("answer", "-i", "niter=5")
    site.end(again)
    assert site.outputs == {"niter": 5}


def test_changed_evidence_asks_anew(site: Site) -> None:
    """What was asked about other evidence is not open any more, nor is an answer to it used."""
    site.end(site.begin("--detach-on-pause"), 3)
    site.pipeline(ASK.replace("REST", "").replace("value: 3", "value: 4"))
    site.end(site.start("resume", "-q", "--detach-on-pause"), 3)
    (question,) = json.loads(site.run("questions", "--json").stdout)
    assert question["show"] == [4]


def test_a_question_in_an_instance_that_failed_is_closed(site: Site) -> None:
    """Nobody is asked about what is not going on any more."""
    site.pipeline("""
stages:
  fan:
    for_each: {i: [1]}
    on_error: continue
    steps:
      ask: {pause: {message: Well?}}
      bad: {run: fail, with: {}}
  after: {pause: {message: And now?}, needs: [fan]}
""")
    site.end(site.begin("--detach-on-pause"), 3)
    questions = json.loads(site.run("questions", "--json").stdout)
    assert [one["place"] for one in questions] == ["after"]
    store = store_of(site.folder / ".radps")
    run = store.heads()[0].run
    assert [one.place for one in open_questions(store, run)] == ["after"]
    with pytest.raises(WrongAnswer):
        answer(store, open_questions(store, run)[0], {"x": 1}, "", "command")
    answer(store, open_questions(store, run)[0], {}, "", "command")
    with pytest.raises(RadpsDagError):
        answer(store, _only(store, run), {}, "", "command")
    store.close()


def _only(store: Any, run: str) -> Any:
    from radps_dag.questions import Question

    rows = [row for row in store.rows(run, kinds=("question_asked",)) if row.place == "after"]
    return Question.of(run, store.fact(rows[-1]))


@pytest.mark.parametrize("stage", ["image_cube", "image_continuum_per_spw"])
def test_interactive_clean(stage: str, site: Site) -> None:
    """Cleaning asks in each instance: answered by command and by file, killed and resumed; one
    person stops, another finishes without further questions."""
    file = PIPELINES / "stages" / f"{stage}.yaml"
    options = ("-p", "interactive=true", "-p", "niter=20", "-p", "pace=0")
    process = site.begin(*options, file=file)
    count = 4 if stage == "image_cube" else 2
    site.asked(count)
    process.send_signal(9)
    process.communicate()
    places = [one["place"] for one in json.loads(site.run("questions", "--json").stdout)]
    assert len(places) == count and all(place.endswith("clean#1/review") for place in places)
    site.run("answer", "last", places[0], "-i", "action=stop")
    again = site.start("resume", "-q", "--no-prefect")
    for number, place in enumerate(places[1:]):
        said = {"place": place, "values": {"action": "finish", "nsigma": 20.0, "gain": 0.5}}
        path = site.answers / f"{number}.json"
        path.with_suffix(".part").write_text(json.dumps(said))
        path.with_suffix(".part").replace(path)
    site.end(again)
    assert len(site.facts("question_asked")) == count
    ended = {one["place"]: one for one in site.facts("node_succeeded")}
    stopped = ended[places[0].removesuffix("#1/review")]["outputs"]
    assert stopped["iterations"] == 1
    for place in places[1:]:
        following = place.replace("#1/review", "#2/major_cycle")
        (inputs,) = [
            one["inputs"] for one in site.facts("node_started") if one["place"] == following
        ]
        assert (inputs["niter"], inputs["gain"]) == (20, 0.5)
