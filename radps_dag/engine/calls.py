"""A task: its inputs evaluated, its turn awaited, its workload called on the executor."""

from __future__ import annotations

from typing import Any

from radps_dag.engine.attempts import plan
from radps_dag.engine.executors.call import Call
from radps_dag.engine.outcome import NodeError
from radps_dag.engine.place import directory
from radps_dag.engine.retrying import telling, within
from radps_dag.engine.run import Here, Result, value_of
from radps_dag.engine.slots import Turn
from radps_dag.engine.tracker import Label
from radps_dag.model import Task
from radps_dag.shape import mismatch

__all__ = ["call_body"]


async def call_body(node: Task, here: Here) -> Result:
    """Call the workload, with as many attempts as the node allows."""
    run, place = here.run, here.place
    arguments = {argument.name: value_of(argument.value, here) for argument in node.arguments}
    _check_inputs(node, here, arguments)
    attempts = plan(node.retries, f"{run.seed} {place.name}")
    turn = Turn(run.slots, run.slots.weight(node.resources.cpus))

    async def once(number: int) -> dict[str, Any]:
        # A further attempt waits for its turn again: the delay before it holds no slot.
        await turn.take()
        try:
            call = Call(
                place=place.name,
                workload=node.run,
                arguments=arguments,
                workdir=directory(run.workdir, place, number),
                seed=f"{run.seed} {place.name}",
                injection=run.faults.pick(place.name, number, run.seed),
            )
            return await within(node.timeout, place.name, lambda: run.executor.run(call))
        finally:
            turn.give()

    # The first turn is awaited before the tracker hears of the call, so that what it shows as
    # running does run.
    await turn.take()
    try:
        label = Label(place.path, place.name, node.description, node.tags)
        outputs = await here.tracker.call(label, attempts, telling(here, attempts, once))
    finally:
        turn.give()
    return Result(outputs)


def _check_inputs(node: Task, here: Here, arguments: dict[str, Any]) -> None:
    """Refuse values that only the run could show not to fit."""
    workload = here.run.library.workloads[node.run]
    shapes = {parameter.name: parameter.shape for parameter in workload.inputs}
    for name, value in arguments.items():
        if reason := mismatch(shapes[name], value):
            raise NodeError(here.place.name, "InputInvalid", f"input {name!r}: {reason}")
