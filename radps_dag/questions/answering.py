"""Questions and answers in the journal: what is open, and the first answer, which counts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from radps_dag.facts import (
    QuestionAnswered,
    QuestionAsked,
    RunEnded,
    Via,
    cancelled_text,
)
from radps_dag.facts.places import is_in
from radps_dag.journal.rows import DamagedRun, to_row
from radps_dag.journal.store import Damages, Store
from radps_dag.problem import RadpsDagError
from radps_dag.questions.question import Question

__all__ = [
    "Answered",
    "Closed",
    "all_open_questions",
    "answer",
    "answer_of",
    "answers_at",
    "open_questions",
]

_KINDS = ("question_asked", "question_answered", "node_failed", "retrying", "run_ended")


class Answered(RadpsDagError):
    """Somebody else was first; `fact` is their answer."""

    def __init__(self, fact: QuestionAnswered) -> None:
        self.fact = fact
        when = time.strftime("%H:%M:%S", time.localtime(fact.time))
        who = f" by {fact.by}" if fact.by else ""
        super().__init__(f"{fact.place}: already answered{who} ({fact.via}, at {when})")


class Closed(RadpsDagError):
    """The run was cancelled: nobody is asked any more."""

    def __init__(self, what: str, end: RunEnded) -> None:
        super().__init__(f"{what}: closed: the run was {cancelled_text(end)}")


def open_questions(store: Store, run: str) -> list[Question]:
    """The questions of a run that wait for an answer, in the order in which they were asked.

    Those of a process that has gone are among them: the run can be resumed.
    """
    questions: dict[str, Question] = {}
    for row in store.rows(run, kinds=_KINDS):
        if row.kind == "question_asked":
            fact = store.fact(row)
            assert isinstance(fact, QuestionAsked)
            # What was asked there before the evidence changed is not asked any more.
            _close(questions, row.place)
            questions[fact.question] = Question.of(run, fact)
        elif row.kind == "question_answered":
            questions.pop(str(row.key), None)
        elif row.kind == "run_ended":
            end = store.fact(row)
            if isinstance(end, RunEnded) and end.status in ("succeeded", "cancelled"):
                questions.clear()
        else:  # it failed (not answered in time), or is asked again with all that is around it
            _close(questions, row.place)
    return list(questions.values())


def all_open_questions(store: Store, damaged: Damages) -> list[Question]:
    """Open questions of all runs, the newest run first. Runs that are damaged are handed to
    `damaged`.
    """
    questions: list[Question] = []
    for head in store.heads(damaged):
        try:
            questions += open_questions(store, head.run)
        except DamagedRun as error:
            damaged(error)
    return questions


def _close(questions: dict[str, Question], place: str) -> None:
    """Close the questions at a place and inside it."""
    for id, question in tuple(questions.items()):
        if question.place == place or is_in(question.place, place):
            del questions[id]


def answer(
    store: Store, question: Question, values: Mapping[str, Any], by: str, via: Via
) -> QuestionAnswered:
    """Answer a question, once and for all. When this returns the answer is durable.

    Raises WrongAnswer for what does not fit, Answered where somebody was first, Closed where the
    run was cancelled, and RadpsDagError where it is too late; nothing has changed then.
    """
    complete = question.check(values)
    now = time.time()
    if via != "timeout" and question.deadline is not None and now > question.deadline:
        raise RadpsDagError(
            f"{question.place}: the time for an answer is over since "
            f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(question.deadline))}"
        )
    fact = QuestionAnswered(
        time=now,
        place=question.place,
        question=question.id,
        values=complete,
        by=by,
        via=via,
    )
    first = store.append_once(question.run, to_row(question.run, fact, store.workspace))
    if first is None:
        return fact
    winner = store.fact(first)
    if isinstance(winner, RunEnded):
        raise Closed(question.place, winner)
    assert isinstance(winner, QuestionAnswered)
    raise Answered(winner)


def answer_of(store: Store, run: str, question: str) -> QuestionAnswered | None:
    """The answer that a question has got, if it has."""
    row = store.keyed(run, question, "question_answered")
    fact = None if row is None else store.fact(row)
    assert fact is None or isinstance(fact, QuestionAnswered)
    return fact


def answers_at(store: Store, run: str, place: str) -> list[QuestionAnswered]:
    """The answers given at a place, or to the question of that id, in their order."""
    rows = store.rows(run, kinds=("question_answered",))
    facts = (store.fact(row) for row in rows if place in (row.place, row.key))
    return [fact for fact in facts if isinstance(fact, QuestionAnswered)]
