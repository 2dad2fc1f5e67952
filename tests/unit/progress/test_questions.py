"""What waits for an answer, and who answered, in the tree, in the lines and in the summary."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from radps_dag.facts import (
    Fact,
    Made,
    NodeFailed,
    NodeStarted,
    NodeStopped,
    NodeSucceeded,
    QuestionAnswered,
    QuestionAsked,
    Retrying,
    RunEnded,
    RunStarted,
)
from radps_dag.progress.frame import Frame
from radps_dag.progress.look import UNICODE
from radps_dag.progress.plain import Plain, Quiet
from radps_dag.progress.state import RunState, fold
from radps_dag.progress.summary import summary

PLACE = "image/clean[spw=2]#3/review"
COMMAND = f"radps-dag answer r1 '{PLACE}'"


def run(**changed: Any) -> RunStarted:
    given: dict[str, Any] = {
        "time": 0.0,
        "place": "",
        "run": "r1",
        "pipeline": "p",
        "file": "p.yaml",
        "params": {},
        "library": "l",
        "executor": "threads",
        "seed": 0,
    }
    return RunStarted(**{**given, **changed})


def began(*places: tuple[str, str]) -> list[Fact]:
    return [NodeStarted(time=1.0, place=place, kind=kind) for place, kind in places]  # type: ignore[arg-type]


AROUND = began(
    ("image", "group"),
    ("image/clean", "fan_out"),
    ("image/clean[spw=2]", "loop"),
    ("image/clean[spw=2]#3", "group"),
    (PLACE, "pause"),
)
ASKED = QuestionAsked(
    time=2.0, place=PLACE, question="q", message="Deep\x1b[2J enough?", deadline=4e9
)
ANSWERED = QuestionAnswered(
    time=5.0, place=PLACE, question="q", values={"niter": 7}, by="an", via="command"
)


def paused(*more: Fact) -> list[Fact]:
    stopped = NodeStopped(time=6.0, place=PLACE, reason="stopped before it was done", seconds=1)
    return [
        run(),
        *AROUND,
        ASKED,
        *more,
        stopped,
        RunEnded(time=6, place="", status="paused", seconds=6),
    ]


def tree(facts: list[Fact], height: int = 20) -> str:
    lines = Frame(UNICODE).lines(fold(facts), 9.0, 100, height)
    assert len(lines) <= height
    return "\n".join(line.plain for line in lines)


def of_summary(facts: list[Fact]) -> str:
    return "\n".join(line.plain for line in summary(fold(facts), 100, UNICODE))


def test_the_tree_shows_what_waits() -> None:
    """The node that waits, its message without what a terminal would obey, and what to type."""
    shown = tree([run(), *AROUND, ASKED])
    assert "? review" in shown
    assert "waits for an answer (7.0s)  Deep [2J enough?" in shown
    assert f"a question waits: {COMMAND}" in shown
    assert "1 question" in shown.splitlines()[0]


@pytest.mark.parametrize("height", range(1, 8))
def test_the_tree_stays_in_its_terminal(height: int) -> None:
    """However small it is."""
    tree([run(), *AROUND, ASKED], height)


def test_an_answer_ends_the_waiting() -> None:
    """Nothing of the question is left in the tree."""
    shown = tree([run(), *AROUND, ASKED, ANSWERED])
    assert "waits" not in shown and "question" not in shown


def test_a_low_score_and_a_loop_wait_too() -> None:
    """A node waits that has done its work already."""
    facts = [
        run(),
        *began(("a", "task")),
        QuestionAsked(time=1, place="a", question="x", message="m"),
    ]
    assert "? a" in tree(facts)
    assert "a question waits: radps-dag answer r1 a" in tree(facts)


def test_several_questions() -> None:
    """What to type names none of them, but lists them."""
    other = QuestionAsked(time=2.0, place="b", question="x", message="Well?")
    shown = tree([run(), *AROUND, *began(("b", "pause")), ASKED, other])
    assert "2 questions wait: radps-dag questions" in shown


def test_a_paused_run_says_how_to_go_on() -> None:
    """The summary has the question, how to answer it, until when, and what comes next."""
    told = of_summary(paused())
    assert "? p waits for an answer, paused after 6.0s" in told
    assert COMMAND in told and "until 2096-" in told
    assert "then go on: radps-dag resume r1" in told
    assert "failed" not in told


def test_answers_are_told() -> None:
    """Who, where, when, what."""
    told = of_summary(paused(ANSWERED))
    assert f"{PLACE}  answered by an, by radps-dag answer, at" in told
    assert "niter=7" in told
    assert "Questions" not in told
    assert "? p has its answers, and can go on, paused after 6.0s" in told


def test_lines() -> None:
    """A line when a question is asked, with what to type, and one when it is answered."""
    stream = io.StringIO()
    plain = Plain(stream)
    for fact in paused(ANSWERED):
        plain(fact)
    asked, answered = (
        next(line for line in stream.getvalue().splitlines() if word in line)
        for word in ("asks: ", "answered by an")
    )
    assert "Deep [2J enough?" in asked and COMMAND in asked
    assert "niter=7" in answered


def test_a_quiet_run_that_waits_says_so() -> None:
    """It would look as if it hung."""
    stream = io.StringIO()
    quiet = Quiet(stream)
    for fact in [run(), *AROUND, ASKED]:
        quiet(fact)
    assert COMMAND in stream.getvalue()


def test_a_resumed_run_waits_on() -> None:
    """The question of the process before is still open when its node begins again."""
    again = [run(time=10.0, generation=2), *AROUND]
    assert "waits for an answer" in tree([*paused(), *again])


@pytest.mark.parametrize(
    "fact",
    [
        NodeFailed(time=3, place="image/clean[spw=2]", error="E", message="m", seconds=1),
        NodeFailed(time=3, place=PLACE, error="QuestionTimeout", message="m", seconds=1),
        NodeSucceeded(time=3, place=PLACE, outputs={}, seconds=1),
        Retrying(time=3, place="image", attempt=2, attempts=3, delay=1, error="E", message="m"),
        RunEnded(time=3, place="", status="succeeded", seconds=3),
    ],
)
def test_what_ended_asks_nobody(fact: Fact) -> None:
    """A question is closed with its node, and with what is around that."""
    assert fold([run(), *AROUND, ASKED, fact]).questions == {}
    near = NodeFailed(time=3, place="image/clean[spw=20]", error="E", message="m", seconds=1)
    assert set(fold([run(), *AROUND, ASKED, near]).questions) == {PLACE}


def test_a_step_does_not_take_the_time_that_it_waits() -> None:
    """While a question is all that goes on in a node its time stands still, and so does that of
    what is around it, up to where something else is at work; it goes on after the answer."""
    beside = NodeStarted(time=10.0, place="other", kind="task")
    done = NodeSucceeded(time=20.0, place="other", outputs={}, seconds=10.0)
    answered = QuestionAnswered(
        time=102.0, place=PLACE, question="q", values={}, by="an", via="terminal"
    )
    facts: list[Fact] = [run(), *AROUND, ASKED]
    found = fold([*facts, beside])

    def took(state: RunState, place: str, now: float) -> float | None:
        node = state.find(place)
        assert node is not None
        return node.elapsed(now)

    # The question was asked at 2, what began at 1.
    assert {took(found, place, 15.0) for place in (PLACE, "image/clean[spw=2]", "image")} == {1.0}
    assert took(found, "", 15.0) == 15.0 - 8.0
    found = fold([*facts, beside, done, answered])
    assert took(found, PLACE, 104.0) == 3.0
    assert took(found, "image", 104.0) == 3.0
    # All of it but from 2 to 10 and from 20 to 102.
    assert took(found, "", 104.0) == 104.0 - 8.0 - 82.0


def test_the_summary_tells_the_whole_run_and_its_waiting() -> None:
    """A resumed run took what all its processes took; what it waited is told apart, of the run
    and of the node."""
    answered = QuestionAnswered(
        time=3662.0, place="look", question="q", values={}, by="an", via="terminal"
    )
    look = replace(ASKED, place="look", deadline=None)
    found = fold(
        [
            run(generation=2, spent=100.0),
            NodeStarted(time=1.0, place="look", kind="pause"),
            look,
            answered,
            NodeSucceeded(time=3663.0, place="look", outputs={}, seconds=2.0),
            RunEnded(time=3665.0, place="", status="succeeded", seconds=5.0),
        ]
    )
    lines = [line.plain for line in summary(found, 120, UNICODE)]
    assert "succeeded in 1m 45s, without the 1h 01m that it waited for answers" in lines[1]
    row = next(line for line in lines if " look " in line)
    assert "waited 1h 01m for answers" in row and row.rstrip().endswith("2.0s")


def ended(status: Any, *facts: Fact) -> list[str]:
    """The summary of a run with these facts."""
    over = RunEnded(time=9.0, place="", status=status, seconds=9.0)
    return [line.plain for line in summary(fold([run(), *facts, over]), 120, UNICODE)]


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("failed", "fix what failed, then go on where it stopped: radps-dag resume r1"),
        ("interrupted", "go on where it stopped: radps-dag resume r1"),
        ("succeeded", ""),
        ("cancelled", ""),
        ("paused", ""),
    ],
)
def test_the_summary_says_what_next(status: str, advice: str) -> None:
    """A run that failed or was interrupted says how to go on; one that is over does not."""
    found = [line.strip() for line in ended(status) if "resume" in line]
    assert found == [advice] * bool(advice)


def test_the_summary_names_what_there_is_to_look_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The newest pictures and images are named by their paths, from here where they are below;
    how many more there are, and what lists them. What is handed on is one picture."""
    monkeypatch.chdir(tmp_path)

    def drew(place: str, *kinds: str) -> NodeSucceeded:
        made = [
            {"uri": (tmp_path / "a b" / f"{place}.{kind}").as_uri(), "kind": kind, "version": 1}
            for kind in kinds
        ]
        return NodeSucceeded(
            time=2.0, place=place, outputs={"all": made}, seconds=1.0, made=Made(key=place)
        )

    lines = ended("succeeded", drew("x", "plot", "caltable"), drew("y", "image"), drew("x", "plot"))
    shown = lines[lines.index("To look at") + 1 :]
    assert [line.strip() for line in shown if line.strip()] == ["a b/x.plot", "a b/y.image"]
    lines = ended("succeeded", *(drew(f"p{i}", "quicklook") for i in range(17)))
    shown = [line.strip() for line in lines[lines.index("To look at") + 1 :] if line.strip()]
    assert shown[:-1] == [f"a b/p{i}.quicklook" for i in range(12, 17)]
    assert shown[-1] == "and 12 more: radps-dag context r1 --products"
    assert "To look at" not in ended("succeeded", drew("x", "caltable"))
