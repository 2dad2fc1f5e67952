"""Questions to a person: a pause in the file, a low score, a loop that did not converge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from radps_dag.engine.run import NodeContext, Result, value_of
from radps_dag.facts import About
from radps_dag.language.expression import Value
from radps_dag.language.model import Pause
from radps_dag.outcome import NodeError
from radps_dag.questions import Question
from radps_dag.questions.prompts import asked_now
from radps_dag.questions.question import identity

__all__ = ["Wording", "ask", "can_ask", "pause_body", "wording_of"]


@dataclass(frozen=True, slots=True)
class Wording:
    """The content of a question: two questions at a place with the same wording are the same."""

    message: str
    inputs: Mapping[str, Any]
    show: tuple[Any, ...] = ()

    def id(self, here: NodeContext) -> str:
        """The id of the question in the journal."""
        place, result_cache = here.place.name, here.run.result_cache
        round = 0 if result_cache is None else result_cache.round(place)
        return identity(place, round, self.message, self.inputs, self.show)


async def pause_body(node: Pause, here: NodeContext) -> Result:
    """Ask, and give the answer."""
    wording = wording_of(node, partial(value_of, here=here))
    return Result(await ask(here, wording, within=node.answer_within, on_timeout=node.on_timeout))


def wording_of(node: Pause, evaluate: Callable[[Value], Any]) -> Wording:
    """Evaluate the wording of a pause."""
    message = str(evaluate(node.message))
    shown = tuple(evaluate(item) for item in node.show)
    inputs: dict[str, Any] = {}
    for param in node.inputs:
        schema = dict(param.schema)
        if param.default is not None:
            schema["default"] = evaluate(param.default)
        if param.description:
            schema["description"] = param.description
        inputs[param.name] = schema
    return Wording(message, inputs, shown)


def can_ask(here: NodeContext) -> bool:
    """Whether there is anybody to ask."""
    return here.run.prompts is not None


async def ask(
    here: NodeContext,
    wording: Wording,
    *,
    about: About = "pause",
    within: float | None = None,
    on_timeout: str = "fail",
    pictures: Sequence[Mapping[str, Any]] = (),
) -> Mapping[str, Any]:
    """Ask a person, and wait for the answer. Raises NodeError where none comes in time.

    `pictures` are shown as well and are not what is asked: a resumed run may draw them anew.
    """
    run, place = here.run, here.place.name
    prompts, result_cache = run.prompts, run.result_cache
    if prompts is None or result_cache is None:
        raise NodeError(place, "NobodyToAsk", f"there is nobody to ask: {wording.message}")
    question = Question(
        run=prompts.run,
        place=place,
        id=wording.id(here),
        message=wording.message,
        inputs=wording.inputs,
        show=(*wording.show, *pictures),
        about=about,
        on_timeout=on_timeout,
    )
    with here.aside(), here.clock.asking():
        return await prompts.ask(
            asked_now(question, within),
            run.say,
            run.hear,
            run.settled,
            lambda: here.halt.cause,
        )
