"""Questions of a run: asked by pauses, alerts and loops, answered by command, and taken up."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from forked import command
from journal_support import facts_of_only_run
from repository import SUPPORT
from run_support import PROGRAM, until, write

WORKLOADS = SUPPORT / "counted_workloads.py"
PICTURES = SUPPORT / "picture_workloads.py"


class Waiting:
    """A run in a process of its own, which asks."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.processes: list[subprocess.Popen[str]] = []
        monkeypatch.setenv("RADPS_TEST_COUNT", str(directory / "executed"))

    def begin(self, text: str, *options: str, workloads: Path = WORKLOADS) -> subprocess.Popen[str]:
        write(self.directory / "p.yaml", f"version: 1\nname: p\n{text}")
        command = ("run", "p.yaml", "--no-prefect", "--workloads", str(workloads))
        return self.start(*command, "--json", *options)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def facts(self) -> list[dict[str, Any]]:
        return facts_of_only_run(self.directory / ".radps")

    def asked(self, count: int = 1) -> bool:
        """Whether so many questions have come."""
        return until(lambda: [f["fact"] for f in self.facts()].count("question_asked") >= count, 60)

    def command(self, *arguments: str) -> tuple[int, str]:
        done = command(self.directory, *arguments)
        return done.returncode, done.stdout + done.stderr

    def open(self) -> list[dict[str, Any]]:
        code, out = self.command("questions", "--json")
        assert code == 0, out
        found: list[dict[str, Any]] = json.loads(out)
        return found

    def outputs(self, process: subprocess.Popen[str]) -> Any:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return json.loads(out.splitlines()[-1])["outputs"]

    @property
    def executed(self) -> list[str]:
        path = self.directory / "executed"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Waiting]:
    found = Waiting(tmp_path, monkeypatch)
    yield found
    for process in found.processes:
        if process.poll() is None:
            process.kill()
            process.communicate()


PAUSE = """
stages:
  a: {run: give, with: {value: 5, name: a}}
  review:
    pause:
      message: Is ${{ stages.a.value }} good?
      show: ["${{ stages.a }}"]
      input:
        n: {type: integer, minimum: 1, default: "${{ stages.a.value }}"}
  b: {run: give, with: {value: "${{ stages.review.n }}", name: b}}
  apart: {run: give, with: {value: 1, name: apart}}
outputs: {n: "${{ stages.b.value }}"}
"""


def test_a_pause_is_answered_by_command(waiting: Waiting) -> None:
    """What does not depend on it goes on meanwhile; the answer is the node's outputs; who, when,
    where and what is in the journal. What is long is not repeated whole, and a message has its
    end."""
    note = 'default: "${{ stages.a.value }}"}\n        note: {type: string, default: ""}'
    process = waiting.begin(PAUSE.replace('default: "${{ stages.a.value }}"}', note))
    assert waiting.asked()
    assert until(lambda: "apart 1" in waiting.executed)
    (found,) = waiting.open()
    assert (found["place"], found["message"]) == ("review", "Is 5 good?")
    assert found["show"] == [{"value": 5}]
    assert found["inputs"]["n"]["default"] == 5
    code, out = waiting.command("answer", "-i", "n=0")
    assert code == 2
    assert "input 'n': expected an integer of at least 1, found 0" in out
    code, out = waiting.command("answer", found["run"], "reviw", "-i", "n=7")
    assert code == 2
    assert "did you mean 'review'?" in out
    code, out = waiting.command("answer", found["run"], "x" * 5000, "-i", "n=7")
    assert code == 2
    assert len(out) < 500 and out.endswith("there is review\n")
    long = ("-i", f"note={'y' * 5000}", "--by", "Karl")
    code, out = waiting.command("answer", found["run"], "review", "-i", "n=7", *long)
    assert (code, out) == (0, f"review: answered with n=7, note={'y' * 92} ... yyy\n")
    assert waiting.outputs(process) == {"n": 7}
    assert waiting.open() == []
    (fact,) = [one for one in waiting.facts() if one["fact"] == "question_answered"]
    assert (fact["by"], fact["via"]) == ("Karl", "command")
    assert fact["values"] == {"n": 7, "note": "y" * 5000}
    assert waiting.command("answer", "-i", "n=7")[0] == 2


@pytest.mark.parametrize("answered_before", [True, False])
def test_killed_while_it_waits(waiting: Waiting, answered_before: bool) -> None:
    """The question stays, can be answered while nobody runs, and resume takes the answer up."""
    process = waiting.begin(PAUSE)
    assert waiting.asked()
    assert until(lambda: "apart 1" in waiting.executed)
    process.kill()
    process.wait()
    (found,) = waiting.open()
    if answered_before:
        code, out = waiting.command("answer", "-i", "n=3")
        assert code == 0
        assert f"nobody drives the run: radps-dag resume {found['run']}" in out
    process = waiting.start("resume", "--json")
    if not answered_before:
        assert waiting.command("answer", "-i", "n=3")[0] == 0
    assert waiting.outputs(process) == {"n": 3}
    assert sorted(waiting.executed) == ["a 5", "apart 1", "b 3"]
    asked = [one for one in waiting.facts() if one["fact"] == "question_asked"]
    assert len(asked) == 1


def test_leaving(waiting: Waiting) -> None:
    """With --detach-on-pause the process ends with 3 when nothing else is left to do."""
    process = waiting.begin(PAUSE, "--detach-on-pause")
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert sorted(waiting.executed) == ["a 5", "apart 1"]
    assert waiting.facts()[-1]["status"] == "paused"
    assert waiting.command("answer", "-i", "n=9")[0] == 0
    assert waiting.outputs(waiting.start("resume", "--json")) == {"n": 9}


def test_the_order_of_the_file(waiting: Waiting) -> None:
    """What is asked at the same time is asked in the order of the file, here and after it."""
    names = [f"q{number}" for number in range(16)]
    stages = "".join(f"  {name}: {{pause: {{message: Good?}}}}\n" for name in names)
    waiting.begin(f"stages:\n{stages}", "--detach-on-pause").communicate(timeout=60)
    assert [one["place"] for one in waiting.open()] == names
    asked = [one["place"] for one in waiting.facts() if one["fact"] == "question_asked"]
    assert asked == names


ALERT = """
stages:
  a:
    run: give
    with: {value: 0.2, name: a}
    qa:
      metrics: {noise: {score: "${{ outputs.value }}", reason: too much}}
      alert_below: 0.5
      on_alert: pause
  b: {run: give, with: {value: "${{ stages.a.value }}", name: b}}
outputs: {b: "${{ stages.b.value }}"}
"""


LOOK = """
stages:
  image:
    run: quicklook
    qa: {metrics: {depth: {score: "0.1"}}, alert_below: 0.5, on_alert: pause}
  clean:
    needs: [image]
    loop: {max_iterations: 1, until: "${{ false }}", on_exhausted: pause}
    steps: {draw: {run: quicklook, with: {value: 2}}}
    outputs: {plots: ["${{ steps.draw.picture }}"]}
outputs: {value: "${{ stages.image.value }}"}
"""


def test_what_was_drawn_is_evidence(waiting: Waiting) -> None:
    """Who is asked about a result, of a node or of a loop, sees what it has drawn; a run that comes
    back to it does not ask again."""
    process = waiting.begin(LOOK, "--detach-on-pause", workloads=PICTURES)
    assert process.wait(60) == 3
    (found,) = waiting.open()
    score, picture = found["show"]
    assert (score["score"], picture["kind"]) == (0.1, "quicklook")
    resume = ("resume", "--no-prefect", "--quiet", "--detach-on-pause")
    assert waiting.start(*resume).wait(60) == 3  # too early: what it shows has been drawn anew
    (again,) = waiting.open()
    assert (again["question"], again["asked"]) == (found["question"], found["asked"])
    assert Path(url2pathname(urlsplit(again["show"][1]["uri"]).path)).exists()
    assert waiting.command("answer")[0] == 0
    assert waiting.start(*resume).wait(60) == 3
    (found,) = waiting.open()
    assert [one.get("kind") for one in found["show"]] == [None, "quicklook"]
    assert waiting.command("answer")[0] == 0
    assert waiting.start(*resume).wait(60) == 0


@pytest.mark.parametrize("action", ["go on", "fail"])
def test_a_low_score_asks(waiting: Waiting, action: str) -> None:
    """The scores are beside the question; a person decides, and nothing is computed again."""
    process = waiting.begin(ALERT)
    assert waiting.asked()
    (found,) = waiting.open()
    assert found["about"] == "alert"
    assert "'noise' scored 0.20, below 0.5 (too much)" in found["message"]
    assert found["show"] == [{"metric": "noise", "score": 0.2, "reason": "too much"}]
    assert waiting.command("answer", "-i", f"action={action}")[0] == 0
    if action == "go on":
        assert waiting.outputs(process) == {"b": 0.2}
    else:
        process.communicate(timeout=60)
        assert process.returncode == 1
        failed = next(one for one in waiting.facts() if one["fact"] == "node_failed")
        assert "a person decided that it fails" in failed["message"]
    assert waiting.executed.count("a 0.2") == 1


LOOP = """
stages:
  solve:
    loop:
      max_iterations: 2
      state: {x: {init: 1, next: "${{ steps.s.value + 1 }}"}}
      until: ${{ steps.s.value >= 4 }}
      on_exhausted: pause
    steps: {s: {run: give, with: {value: "${{ state.x }}", name: s}}}
    outputs: {x: "${{ steps.s.value }}"}
outputs:
  x: ${{ stages.solve.x }}
  n: ${{ stages.solve.iterations }}
  how: ${{ stages.solve.outcome }}
"""


def test_a_loop_that_did_not_converge_asks(waiting: Waiting) -> None:
    """More iterations go on with the state; after a kill the answers so far hold."""
    process = waiting.begin(LOOP)
    assert waiting.asked()
    assert waiting.command("answer", "-i", "action=iterate", "-i", "iterations=1")[0] == 0
    assert waiting.asked(2)
    process.kill()
    process.wait()
    process = waiting.start("resume", "--json")
    assert waiting.command("answer", "-i", "action=iterate", "-i", "iterations=5")[0] == 0
    assert waiting.outputs(process) == {"x": 4, "n": 4, "how": "converged"}
    assert waiting.executed == ["s 1", "s 2", "s 3", "s 4"]


def test_a_failure_elsewhere_ends_the_waiting(waiting: Waiting) -> None:
    """A run that stops does not wait for an answer; repaired and resumed, it asks the same."""
    process = waiting.begin("""
stages:
  review: {pause: {message: Go on?}}
  a: {run: need, with: {file: there, name: a}}
  b: {run: give, needs: [review, a], with: {value: 1}}
""")
    process.communicate(timeout=60)
    assert process.returncode == 1
    assert len(waiting.open()) == 1
    (waiting.directory / "there").touch()
    process = waiting.start("resume", "--json")
    assert waiting.command("answer")[0] == 0
    waiting.outputs(process)


@pytest.mark.parametrize(("on_timeout", "code"), [("defaults", 0), ("fail", 1)])
def test_nobody_answers(waiting: Waiting, on_timeout: str, code: int) -> None:
    """After its time the question fails or goes on with the defaults, as the file says."""
    process = waiting.begin(f"""
stages:
  review:
    pause:
      message: Go on?
      input: {{n: {{type: integer, default: 4}}}}
      timeout: 1s
      on_timeout: {on_timeout}
outputs: {{n: "${{{{ stages.review.n }}}}"}}
""")
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    facts = [json.loads(line) for line in out.splitlines()]
    if code == 0:
        assert facts[-1]["outputs"] == {"n": 4}
        assert next(f for f in facts if f["fact"] == "question_answered")["via"] == "timeout"
    else:
        failed = next(f for f in facts if f["fact"] == "node_failed")
        assert failed["error"] == "QuestionTimeout"
    assert waiting.open() == []


def test_a_group_that_is_tried_again_asks_again(waiting: Waiting) -> None:
    """The answer of the attempt that failed is not that of the next one."""
    process = waiting.begin("""
stages:
  g:
    retries: {max: 2}
    steps:
      review: {pause: {message: Go on?, input: {n: {type: integer}}}}
      f: {run: fail_until, with: {times: 1, value: 1, name: f}, needs: [review]}
    outputs: {n: "${{ steps.review.n }}"}
outputs: {n: "${{ stages.g.n }}"}
""")
    assert waiting.asked()
    assert waiting.command("answer", "-i", "n=1")[0] == 0
    assert waiting.asked(2)
    assert waiting.command("answer", "-i", "n=2")[0] == 0
    assert waiting.outputs(process) == {"n": 2}


def test_answers_from_a_folder(waiting: Waiting) -> None:
    """A file answers; one that does not fit is put aside with the reason, and changes nothing."""
    process = waiting.begin(PAUSE)
    assert waiting.asked()
    (run,) = (waiting.directory / ".radps" / "runs").iterdir()
    folder = run / "answers"
    folder.mkdir(exist_ok=True)
    (folder / "a.json").write_text(json.dumps({"place": "review", "values": {"n": "x"}}))
    assert until((folder / "a.json.refused").exists)
    assert "input 'n': expected an integer" in (folder / "a.json.reason").read_text()
    (folder / "b.json").write_text('{"place": "rev')
    (folder / "c.json").write_text(json.dumps({"place": "review", "values": {"n": 8}, "by": "x"}))
    assert waiting.outputs(process) == {"n": 8}
    assert (folder / "c.json.accepted").exists()
    assert (folder / "b.json").exists()


def test_defaults_that_do_not_fit(waiting: Waiting) -> None:
    """A default that only the run gives, and that its input does not take: the node fails for it,
    with its place and the reason, and nothing is answered."""
    process = waiting.begin("""
stages:
  a: {run: give, with: {value: -3, name: a}}
  review:
    pause:
      message: Go on?
      input: {n: {type: integer, minimum: 1, default: "${{ stages.a.value }}"}}
      timeout: 1s
      on_timeout: defaults
""")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Traceback" not in err
    failed = next(f for f in map(json.loads, out.splitlines()) if f["fact"] == "node_failed")
    assert (failed["place"], failed["error"]) == ("review", "DefaultInvalid")
    assert "input 'n': expected an integer of at least 1, found -3" in failed["message"]
    assert "question_answered" not in out


MANY = """
params: {n: {type: array, default: []}}
stages:
  ask: {for_each: {i: "${{ params.n }}"}, %s pause: {message: "${{ each.i }}?"}}
  work: {for_each: {i: [1, 2]}, run: give, with: {value: 1, name: w}}
"""


def test_a_fan_out_asks_all_at_once(waiting: Waiting) -> None:
    """Whoever waits for a person does no work: a fan-out of more instances than are worked on at
    once asks all its questions, so that they can be answered in one go."""
    process = waiting.begin(MANY % "", "-p", f"n={list(range(60))}", "--max-parallel", "1")
    assert waiting.asked(60)
    assert len(waiting.open()) == 60
    process.terminate()
    assert process.wait(30) == 143


def test_a_limit_of_the_file_counts_those_that_wait(waiting: Waiting) -> None:
    """`max_parallel` says how many instances there are at once, whatever they do."""
    process = waiting.begin(MANY % "max_parallel: 3,", "-p", f"n={list(range(9))}")
    assert waiting.asked(3)
    for _ in range(3):
        place = waiting.open()[0]["place"]
        assert waiting.command("answer", "last", place)[0] == 0
        assert until(lambda: place not in [one["place"] for one in waiting.open()])  # noqa: B023
        assert until(lambda: len(waiting.open()) == 3)
    process.terminate()
    assert process.wait(30) == 143
