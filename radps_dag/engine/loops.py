"""A loop: the body again and again, until it converges, diverges or reaches its cap."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from radps_dag.engine.outcome import NodeError, Stopped
from radps_dag.engine.run import Body, Here, Result, value_of, whole
from radps_dag.facts import Iterated, Noted
from radps_dag.model import Loop, OnLimit

__all__ = ["History", "cap", "iterate", "outcome_of", "score_of"]

MOST_ITERATIONS = 1_000_000


@dataclass(slots=True)
class History:
    """What a loop remembers of its iterations."""

    scores: list[float | None] = field(default_factory=list)
    kept: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0  # of the kept one
    best: float | None = None

    def add(self, outputs: Mapping[str, Any], score: float | None, keep_best: bool) -> None:
        self.scores.append(score)
        better = score is not None and (self.best is None or score > self.best)
        if better:
            self.best = score
        if better or not keep_best or not self.number:
            self.kept, self.number = outputs, len(self.scores)


def cap(loop: Loop, here: Here) -> int:
    """The most iterations a loop may take."""
    found = value_of(loop.max_iterations, here)
    number = whole(found)
    if number is None or not 1 <= number <= MOST_ITERATIONS:
        message = f"max_iterations must be an integer from 1 to {MOST_ITERATIONS}, not {found!r}"
        raise NodeError(here.place.name, "LoopInvalid", message)
    return number


async def iterate(loop: Loop, once: Body, here: Here) -> Result:
    """Run the loop; the outputs are those of the kept iteration, with how the loop went."""
    most = cap(loop, here)
    state = {variable.name: value_of(variable.init, here) for variable in loop.state}
    history = History()
    outcome = ""
    for number in range(1, most + 1):
        if here.halt.cause:
            raise Stopped(here.place.name, here.halt.cause)
        scope = here.scope.in_iteration(number, state)
        inside = here.at(here.place.iteration(number)).seeing(scope)
        result = await once(inside)
        steps = scope.steps if result.steps is None else result.steps
        after = inside.at(here.place).seeing(replace(scope, steps=steps, outputs=result.outputs))
        history.add(result.outputs, score_of(loop, after), loop.keep == "best")
        outcome = outcome_of(loop, after, last=number == most)
        if not outcome:
            state = {
                variable.name: state[variable.name]
                if variable.next is None
                else value_of(variable.next, after)
                for variable in loop.state
            }
        here.run.say(
            Iterated(
                time=time.time(),
                place=here.place.name,
                iteration=number,
                cap=most,
                score=history.scores[-1],
                outcome=outcome,
                kept=history.number,
                state={} if outcome else state,
            )
        )
        if outcome:
            break
    _judge(loop, here, outcome, history)
    end = {"outcome": outcome, "iterations": len(history.scores), "history": history.scores}
    return Result({**history.kept, **end})


def score_of(loop: Loop, after: Here) -> float | None:
    """The score of the iteration that has just ended."""
    if loop.score is None:
        return None
    found = value_of(loop.score, after)
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise NodeError(
            after.place.name, "LoopInvalid", f"the loop's score must be a number, not {found!r}"
        )
    return float(found)


def outcome_of(loop: Loop, after: Here, *, last: bool) -> str:
    """How the loop ends after this iteration; "" if it goes on."""
    if loop.diverged is not None and value_of(loop.diverged, after):
        return "diverged"
    if loop.until is not None and value_of(loop.until, after):
        return "converged"
    return "exhausted" if last else ""


def _judge(loop: Loop, here: Here, outcome: str, history: History) -> None:
    """Fail or warn, as the loop says, where it did not converge."""
    if outcome == "converged":
        return
    policy: OnLimit = loop.on_diverged if outcome == "diverged" else loop.on_exhausted
    number = len(history.scores)
    what = f"diverged in iteration {number}" if outcome == "diverged" else _exhausted(loop, number)
    last = history.scores[-1]
    message = what if last is None else f"{what}; last score {last:g}"
    if policy == "warn":
        here.run.say(
            Noted(time=time.time(), place=here.place.name, message=message, level="warning")
        )
        return
    if policy == "pause":
        message += "; this version cannot ask a person, so it fails"
    raise NodeError(
        here.place.name, "Diverged" if outcome == "diverged" else "NotConverged", message
    )


def _exhausted(loop: Loop, number: int) -> str:
    if loop.until is None:
        return f"ended after {number} iterations, with nothing that says it converged"
    return f"not converged after {number} iterations"
