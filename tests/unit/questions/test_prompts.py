"""Questions: which answers fit, that the first one counts, and what waits for one goes on."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from journal_support import store_of

from radps_dag.facts import NodeFailed, QuestionAnswered, Retrying, RunEnded
from radps_dag.journal.rows import to_row
from radps_dag.journal.store import Store
from radps_dag.outcome import Stopped
from radps_dag.problem import RadpsDagError
from radps_dag.questions import (
    Answered,
    Question,
    WrongAnswer,
    answer,
    answer_of,
    open_questions,
)
from radps_dag.questions.prompts import Prompts
from radps_dag.questions.question import identity

INPUTS = {
    "niter": {"type": "integer", "minimum": 1, "default": 100},
    "action": {"enum": ["continue", "stop"], "default": "continue"},
    "name": {"type": "string", "maxLength": 8},
    "spws": {"type": "array", "items": {"type": "integer"}, "default": [0]},
}


def question(place: str = "clean/review", **changed: Any) -> Question:
    given: dict[str, Any] = {
        "run": "run",
        "place": place,
        "id": identity(place, 0, "Go on?", INPUTS, ()),
        "message": "Go on?",
        "inputs": INPUTS,
        **changed,
    }
    return Question(**given)


@pytest.mark.parametrize(
    ("given", "whole"),
    [
        ({"name": "a"}, {"niter": 100, "action": "continue", "name": "a", "spws": [0]}),
        (
            {"name": "b", "niter": 7, "action": "stop", "spws": []},
            {"niter": 7, "action": "stop", "name": "b", "spws": []},
        ),
    ],
)
def test_answers_that_fit(given: dict[str, Any], whole: dict[str, Any]) -> None:
    """What is not said has its default."""
    assert question().check(given) == whole


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, [math.nan], {"a": -math.inf}, 2**70, [2**64 + 1]]
)
@pytest.mark.parametrize("schema", [{"type": ["number", "array", "object"]}, {}])
def test_an_answer_is_json(value: Any, schema: dict[str, Any]) -> None:
    """What JSON cannot say would be recorded as null: it is refused, wherever it stands."""
    asked = question(inputs={"x": schema})
    with pytest.raises(WrongAnswer, match=r"input 'x': .*(not a JSON number|more than 64 bits)"):
        asked.check({"x": value})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "input 'name' is missing; it takes a string"),
        ({"name": "a", "niter": 0}, "input 'niter': expected an integer of at least 1, found 0"),
        ({"name": "a", "niter": "many"}, "input 'niter': expected an integer"),
        ({"name": "a", "action": "stopp"}, "input 'action': expected one of 'continue', 'stop'"),
        ({"name": "a long name"}, "input 'name': 'a long name' is too long"),
        ({"name": "a", "nitr": 5}, "unknown input 'nitr'; did you mean 'niter'?"),
    ],
)
def test_answers_that_do_not(given: dict[str, Any], message: str) -> None:
    """The place, the input and what it takes, in a line."""
    with pytest.raises(WrongAnswer) as wrong:
        question().check(given)
    assert str(wrong.value).startswith("clean/review: ")
    assert message in str(wrong.value)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("niter=12", 12),
        ("action=stop", "stop"),
        ("name=007", "007"),
        ("name=a=b", "a=b"),
        ("spws=[1, 2]", [1, 2]),
    ],
)
def test_texts_are_read_as_the_inputs_ask(text: str, value: Any) -> None:
    """A string is what is typed; other types are read as YAML."""
    assert question().read([text]) == {text.partition("=")[0]: value}


@pytest.mark.parametrize("text", ["niter", "niter=", "niter=1.5", "spws={", "nothing=1"])
def test_texts_that_cannot_be_read(text: str) -> None:
    """One line, whatever it is."""
    with pytest.raises(WrongAnswer) as wrong:
        question().read([text])
    assert "\n" not in str(wrong.value)


def test_what_a_question_is() -> None:
    """It is another one where place, round, text, inputs or evidence differ."""
    same = ("a", 0, "m", {"x": {}}, (1,))
    assert identity(*same) == identity(*same)
    others = [
        ("b", 0, "m", {"x": {}}, (1,)),
        ("a", 1, "m", {"x": {}}, (1,)),
        ("a", 0, "n", {"x": {}}, (1,)),
        ("a", 0, "m", {"y": {}}, (1,)),
        ("a", 0, "m", {"x": {}}, (2,)),
    ]
    assert len({identity(*same), *(identity(*one) for one in others)}) == 6


@pytest.fixture
def store(tmp_path: Path) -> Store:
    found = store_of(tmp_path)
    found.create("run", "pipeline", 1.0)
    return found


def ask(store: Store, asked: Question) -> Question:
    store.append(asked.run, [to_row(asked.run, asked.fact(2.0), store.workspace)])
    return asked


def test_the_first_answer_counts(store: Store) -> None:
    """Of many at the same moment one is taken, and the others are told whose."""
    asked = ask(store, question())
    taken: list[QuestionAnswered] = []
    told: list[Answered] = []
    start = threading.Barrier(6)

    def give(number: int) -> None:
        start.wait()
        try:
            taken.append(answer(store, asked, {"name": "a", "niter": number}, "me", "command"))
        except Answered as error:
            told.append(error)

    threads = [threading.Thread(target=give, args=(number,)) for number in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(taken), len(told)) == (1, 5)
    assert all(error.fact == taken[0] for error in told)
    assert "already answered by me (command, at " in str(told[0])
    assert answer_of(store, "run", asked.id) == taken[0]
    assert [row.kind for row in store.rows("run")].count("question_answered") == 1


def test_a_wrong_answer_changes_nothing(store: Store) -> None:
    """What does not fit is refused, and the question is still open."""
    asked = ask(store, question())
    with pytest.raises(WrongAnswer):
        answer(store, asked, {"niter": 0}, "me", "command")
    assert open_questions(store, "run") == [question(asked=2.0)]
    assert answer_of(store, "run", asked.id) is None


def test_too_late(store: Store) -> None:
    """After the deadline nobody can answer any more, but the time-out itself."""
    asked = ask(store, question(deadline=time.time() - 1))
    with pytest.raises(RadpsDagError, match="the time for an answer is over since"):
        answer(store, asked, {"name": "a"}, "me", "command")
    assert answer(store, asked, {"name": "a"}, "", "timeout").via == "timeout"


End = Callable[[Question], Any]


@pytest.mark.parametrize(
    ("end", "left"),
    [
        (lambda q: NodeFailed(time=3, place=q.place, error="E", message="", seconds=1), False),
        (lambda q: NodeFailed(time=3, place="clean", error="E", message="", seconds=1), False),
        (lambda q: NodeFailed(time=3, place="clea", error="E", message="", seconds=1), True),
        (
            lambda q: Retrying(
                time=3, place="clean", attempt=2, attempts=3, delay=0, error="E", message=""
            ),
            False,
        ),
        (lambda q: RunEnded(time=3, place="", status="succeeded", seconds=1), False),
        (lambda q: RunEnded(time=3, place="", status="failed", seconds=1), True),
        (lambda q: RunEnded(time=3, place="", status="interrupted", seconds=1), True),
        (lambda q: RunEnded(time=3, place="", status="paused", seconds=1), True),
    ],
)
def test_which_questions_are_open(store: Store, end: End, left: bool) -> None:
    """Those that a resumed run would still wait for."""
    asked = ask(store, question())
    store.append("run", [to_row("run", end(asked), store.workspace)])
    assert bool(open_questions(store, "run")) == left


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that counts before a run leaves, in seconds; answers are looked for all the time."""
    now = [0.0]
    monkeypatch.setattr("radps_dag.questions.prompts.POLL", 0)
    fake = SimpleNamespace(time=time.time, monotonic=lambda: now[0])
    monkeypatch.setattr("radps_dag.questions.prompts.time", fake)
    return now


def test_what_fails_closes_a_question_and_nobody_leaves(store: Store, clock: list[float]) -> None:
    """Where the last call beside a question fails, the question is closed: what comes after it is
    asked, or not, but the run does not leave for that question."""
    left: list[str] = []
    cause: list[str] = []
    prompts = Prompts(store, "run", leave=lambda: left.append("left"))

    async def work() -> None:
        with prompts.busy():
            await asyncio.sleep(0.01)
        clock[0] = 100.0  # a busy machine: long before anybody looks
        cause.append("bad")

    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(work())
            with pytest.raises(Stopped):
                await _asked(prompts, store, lambda: "".join(cause))

    asyncio.run(both())
    assert left == []


def test_nobody_leaves_between_two_calls(store: Store, clock: list[float]) -> None:
    """The time in which nothing goes on counts from the end of the last call."""
    left: list[float] = []
    looks: list[float] = []
    prompts = Prompts(store, "run", leave=lambda: left.append(clock[0]))

    def halted() -> str:
        """Somebody looks again: five times at each moment, then it is a bit later."""
        looks.append(clock[0])
        if looks.count(clock[0]) > 5:
            clock[0] = round(clock[0] + 0.1, 1)
        if clock[0] == 10.0:  # another call begins and ends
            with prompts.busy():
                pass
        return "that is enough" if left else ""

    clock[0] = 9.8
    with prompts.busy():
        pass

    async def ask_it() -> None:
        with pytest.raises(Stopped):
            await _asked(prompts, store, halted)

    asyncio.run(ask_it())
    assert left[0] >= 10.5


async def _asked(prompts: Prompts, store: Store, halted: Callable[[], str]) -> None:
    def say(fact: Any) -> None:
        store.append("run", [to_row("run", fact, store.workspace)])

    async def settled() -> None:
        pass

    await prompts.ask(question(), say, say, settled, halted)
