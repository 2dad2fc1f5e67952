"""Questions to people: what is asked, which answers fit, who has answered."""

from __future__ import annotations

from radps_dag.questions.answering import (
    Answered,
    Closed,
    all_open_questions,
    answer,
    answer_of,
    answers_at,
    open_questions,
)
from radps_dag.questions.question import Question, WrongAnswer

__all__ = [
    "Answered",
    "Closed",
    "Question",
    "WrongAnswer",
    "all_open_questions",
    "answer",
    "answer_of",
    "answers_at",
    "open_questions",
]
