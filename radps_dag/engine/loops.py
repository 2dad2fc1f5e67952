"""A loop: the body again and again, until it converges, diverges or reaches its cap."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from radps_dag.checks.unlooped import EMPTY, outputs_without, why_not_empty
from radps_dag.engine.pauses import Wording, ask, can_ask
from radps_dag.engine.run import Body, NodeContext, Result, value_of, whole_number
from radps_dag.facts import About, Iterated, Noted
from radps_dag.language.expression import Value
from radps_dag.language.model import MOST_ITERATIONS, Loop, Node, OnLimit, StateVariable
from radps_dag.outcome import Decided, NodeError, Stopped
from radps_dag.questions.evidence import pictures_in

__all__ = [
    "History",
    "cap",
    "iterate",
    "judgement",
    "more_of",
    "outcome_of",
    "score_of",
    "without_iteration",
    "wording_of_limit",
]


@dataclass(slots=True)
class History:
    """Record of a loop's iterations."""

    scores: list[float | None] = field(default_factory=list)
    kept: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0  # of the kept one
    best: float | None = None

    def add(self, outputs: Mapping[str, Any], score: float | None, keep_best: bool) -> None:
        """Note an iteration's score, and keep its outputs if they are the best."""
        self.scores.append(score)
        better = score is not None and (self.best is None or score > self.best)
        if better:
            self.best = score
        if better or not keep_best or not self.number:
            self.kept, self.number = outputs, len(self.scores)


def cap(node: Node, loop: Loop, here: NodeContext) -> int:
    """The most iterations a loop may take. Raises NodeError for one that needs more than none."""
    limit = value_of(loop.max_iterations, here)
    number = whole_number(limit)
    message = ""
    if number is None or not 0 <= number <= MOST_ITERATIONS:
        message = f"max_iterations must be an integer from 0 to {MOST_ITERATIONS}, not {limit!r}"
    elif number == 0:
        message = why_not_empty(node, here.run.job.library.workloads)
    if number is None or message:
        raise NodeError(here.place.name, "LoopInvalid", message)
    return number


def without_iteration(
    node: Node,
    state: Mapping[str, Any],
    here: NodeContext,
    value_of: Callable[[Value, NodeContext], Any],
) -> dict[str, Any]:
    """The outputs of a loop that makes no iteration; `state` is its initial state."""
    inside = here.seeing(here.scope.in_iteration(0, state))
    outputs = {
        name: state[source.name] if isinstance(source, StateVariable) else value_of(source, inside)
        for name, source in outputs_without(node, here.run.job.library.workloads).items()
        if source is not None
    }
    return {**outputs, "outcome": EMPTY, "iterations": 0, "history": []}


async def iterate(node: Node, loop: Loop, once: Body, here: NodeContext) -> Result:
    """Run the loop; the outputs are those of the kept iteration, with how the loop went."""
    most = cap(node, loop, here)
    state = {variable.name: value_of(variable.init, here) for variable in loop.state}
    if most == 0:
        return Result(without_iteration(node, state, here, value_of))
    history = History()
    number = 0
    while True:
        number += 1
        if here.halt.cause:
            raise Stopped(here.place.name, here.halt.cause)
        scope = here.scope.in_iteration(number, state)
        inside = here.at(here.place.iteration(number), scope)
        result = await once(inside)
        steps = scope.steps if result.steps is None else result.steps
        after = here.seeing(scope._replace(steps=steps, outputs=result.outputs))
        history.add(result.outputs, score_of(loop, after), loop.keep == "best")
        outcome = outcome_of(loop, after, last=number == most)
        following = {} if outcome else _next(loop, state, after)
        here.run.say(
            Iterated(
                time=time.time(),
                place=here.place.name,
                iteration=number,
                cap=most,
                score=history.scores[-1],
                outcome=outcome,
                kept=history.number,
                state=following,
            )
        )
        if outcome:
            more = await _judge(loop, here, outcome, history)
            if not more:
                break
            most += more
            following = _next(loop, state, after)
        state = following
    end = {"outcome": outcome, "iterations": len(history.scores), "history": history.scores}
    return Result({**history.kept, **end})


def _next(loop: Loop, state: Mapping[str, Any], after: NodeContext) -> dict[str, Any]:
    """The state from which the next iteration starts."""
    return {
        variable.name: state[variable.name]
        if variable.next is None
        else value_of(variable.next, after)
        for variable in loop.state
    }


def score_of(loop: Loop, after: NodeContext) -> float | None:
    """The score of the iteration that has just ended."""
    if loop.score is None:
        return None
    score = value_of(loop.score, after)
    if score is None:
        return None
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise NodeError(
            after.place.name, "LoopInvalid", f"the loop's score must be a number, not {score!r}"
        )
    return float(score)


def outcome_of(loop: Loop, after: NodeContext, *, last: bool) -> str:
    """Decide how the loop ends after this iteration; "" if it goes on."""
    if loop.diverged is not None and value_of(loop.diverged, after):
        return "diverged"
    if loop.until is not None and value_of(loop.until, after):
        return "converged"
    return "exhausted" if last else ""


async def _judge(loop: Loop, here: NodeContext, outcome: str, history: History) -> int:
    """Fail, warn or ask, as the loop says, where it did not converge; how many more iterations a
    person wants."""
    policy, message = judgement(loop, outcome, history)
    if policy == "warn":
        if message:
            here.run.say(
                Noted(time=time.time(), place=here.place.name, message=message, level="warning")
            )
        return 0
    if policy == "pause" and can_ask(here):
        about: About = "diverged" if outcome == "diverged" else "exhausted"
        pictures = pictures_in(history.kept)
        wording = wording_of_limit(outcome, message, history)
        said = await ask(here, wording, about=about, pictures=pictures)
        return more_of(said, outcome, message, here)
    raise _failed(outcome, message, here)


def judgement(loop: Loop, outcome: str, history: History) -> tuple[OnLimit, str]:
    """Decide what becomes of a loop that has ended so, and why; ("warn", "") if all is well."""
    if outcome == "converged":
        return "warn", ""
    number, last = len(history.scores), history.scores[-1]
    what = f"diverged in iteration {number}" if outcome == "diverged" else _exhausted(loop, number)
    message = what if last is None else f"{what}; last score {last:g}"
    return loop.on_diverged if outcome == "diverged" else loop.on_exhausted, message


def wording_of_limit(outcome: str, message: str, history: History) -> Wording:
    """The question to a person about a loop that did not converge."""
    actions = ["accept", "fail"]
    inputs: dict[str, Any] = {}
    if outcome == "exhausted":
        actions.insert(1, "iterate")
        inputs["iterations"] = {
            "type": "integer",
            "minimum": 1,
            "maximum": 10_000,
            "default": len(history.scores),
            "description": "how many more, to iterate",
        }
    action = {"enum": actions, "default": "accept", "description": "what becomes of the loop"}
    show = ({"scores": history.scores[-12:]},)
    return Wording(f"{message}; what now?", {"action": action, **inputs}, show)


def more_of(said: Mapping[str, Any], outcome: str, message: str, here: NodeContext) -> int:
    """The number of further iterations that an answer asks for. Raises NodeError if it says to
    fail.
    """
    if said["action"] == "fail":
        raise _failed(outcome, f"{message}; a person decided that it fails", here)
    return int(said["iterations"]) if said["action"] == "iterate" else 0


def _failed(outcome: str, message: str, here: NodeContext) -> Decided:
    kind = "Diverged" if outcome == "diverged" else "NotConverged"
    return Decided(here.place.name, kind, message)


def _exhausted(loop: Loop, number: int) -> str:
    if loop.until is None:
        return f"ended after {number} iterations, with nothing that says it converged"
    return f"not converged after {number} iterations"
