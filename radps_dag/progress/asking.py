"""Questions and answers in words: what is asked, how to answer, who has answered, when and how."""

from __future__ import annotations

import shlex
import time

from radps_dag.facts import QuestionAnswered, QuestionAsked, Via
from radps_dag.progress.look import clean, short

__all__ = ["answer_command", "answer_text", "resume_command", "said", "until_text"]

_LONGEST = 300
_WHERE: dict[Via, str] = {
    "terminal": "in the terminal of the run",
    "command": "by radps-dag answer",
    "prefect": "on Prefect's page",
    "file": "by a file",
    "timeout": "by nobody in time: the defaults",
}


def answer_command(run: str, place: str) -> str:
    """The command that answers a question: `radps-dag answer RUN PLACE`, quoted for a shell."""
    return f"radps-dag answer {shlex.quote(clean(run))} {shlex.quote(clean(place))}"


def resume_command(run: str) -> str:
    """Command that resumes a run."""
    return f"radps-dag resume {shlex.quote(clean(run))}"


def answer_text(fact: QuestionAnswered) -> str:
    """`answered by an, in the terminal of the run, at 02:14:08: niter=500, action=stop`."""
    at = time.strftime("%H:%M:%S", time.localtime(fact.time))
    by = f" by {clean(fact.by)}" if fact.by else ""
    values = said(fact)
    return f"answered{by}, {_WHERE.get(fact.via, fact.via)}, at {at}{': ' * bool(values)}{values}"


def said(fact: QuestionAnswered) -> str:
    """The values of an answer."""
    values = (f"{clean(name)}={short(value, 80)}" for name, value in fact.values.items())
    return ", ".join(values)[:_LONGEST]


def until_text(fact: QuestionAsked) -> str:
    """Until when an answer is taken, and what happens then; "" where that is for ever."""
    if fact.deadline is None:
        return ""
    until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(fact.deadline))
    then = "goes on with the defaults" if fact.on_timeout == "defaults" else "fails"
    return f"until {until}, then it {then}"
