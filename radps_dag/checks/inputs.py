"""`with` gives a workload its inputs, or a used file its params: none unknown, none missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.model import Group, Named, Pause, Task, Use
from radps_dag.language.shape import Shape, describe
from radps_dag.problem import Location, Problem, allowed, did_you_mean

__all__ = ["check"]

UNKNOWN = "unknown-input"
MISSING = "missing-input"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of the names in `with`."""
    for seat in view.seats:
        node = seat.node
        match node:
            case Task() if node.run in shapes.workloads:
                workload = shapes.workloads[node.run]
                taken = {item.name: (item.shape, item.required) for item in workload.inputs}
                given = {argument.name for argument in node.arguments}
                for argument in node.arguments:
                    if argument.name in workload.given:
                        message = f"{argument.name!r} of {node.run!r} is given by the engine"
                        yield Problem(argument.at, UNKNOWN, message)
                wrong = [
                    argument for argument in node.arguments if argument.name not in workload.given
                ]
                yield from _compare(wrong, given, taken, f"workload {node.run!r}", node.run_at)
            case Use():
                params = node.pipeline.params
                taken = {param.name: (param.shape, param.required) for param in params}
                given = {argument.name for argument in node.arguments}
                who = f"pipeline {node.pipeline.name!r}"
                yield from _compare(node.arguments, given, taken, who, node.file_at)
            case Task() | Group() | Pause():
                pass
            case _:
                assert_never(node)


def _compare(
    arguments: tuple[Named, ...] | list[Named],
    given: set[str],
    taken: Mapping[str, tuple[Shape, bool]],
    who: str,
    at: Location,
) -> Iterator[Problem]:
    misspelt: set[str] = set()
    for argument in arguments:
        if argument.name not in taken:
            open_names = [name for name in taken if name not in given]
            hint = did_you_mean(argument.name, open_names)
            misspelt.update(name for name in open_names if repr(name) in hint)
            words = hint or f"; it takes {allowed(taken) or 'none'}"
            yield Problem(argument.at, UNKNOWN, f"{who} has no input {argument.name!r}{words}")
    for name, (shape, required) in taken.items():
        # One that is there and misspelt is told once.
        if required and name not in given and name not in misspelt:
            yield Problem(at, MISSING, f"{who} needs the input {name!r}: {describe(shape)}")
