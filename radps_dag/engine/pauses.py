"""Questions to a person: a pause in the file, a low score, a loop that did not converge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from radps_dag.engine.desk import asked_now
from radps_dag.engine.outcome import NodeError
from radps_dag.engine.run import Here, Result, value_of
from radps_dag.facts import About
from radps_dag.model import Pause
from radps_dag.questions import Question
from radps_dag.questions.question import identity

__all__ = ["ask", "can_ask", "pause_body"]


async def pause_body(node: Pause, here: Here) -> Result:
    """Ask, and give the answer."""
    message = value_of(node.message, here)
    shown = tuple(value_of(one, here) for one in node.show)
    inputs: dict[str, Any] = {}
    for param in node.inputs:
        schema = dict(param.schema)
        if param.default is not None:
            schema["default"] = value_of(param.default, here)
        if param.description:
            schema["description"] = param.description
        inputs[param.name] = schema
    values = await ask(
        here,
        str(message),
        inputs,
        shown,
        within=node.answer_within,
        on_timeout=node.on_timeout,
    )
    return Result(values)


def can_ask(here: Here) -> bool:
    """Whether there is anybody to ask."""
    return here.run.desk is not None


async def ask(
    here: Here,
    message: str,
    inputs: Mapping[str, Any],
    show: tuple[Any, ...] = (),
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
    desk, memory = run.desk, run.memory
    if desk is None or memory is None:
        raise NodeError(place, "NobodyToAsk", f"there is nobody to ask: {message}")
    question = Question(
        run=desk.run,
        place=place,
        id=identity(place, memory.round(place), message, inputs, show),
        message=message,
        inputs=inputs,
        show=(*show, *pictures),
        about=about,
        on_timeout=on_timeout,
    )
    with here.aside(), here.clock.asking():
        return await desk.ask(
            asked_now(question, within),
            run.say,
            run.hear,
            run.settled,
            lambda: here.halt.cause,
        )
