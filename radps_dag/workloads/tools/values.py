"""Values of a tool file: texts with expressions over inputs, and the shapes of outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from radps_dag.language.expression import (
    Reference,
    Value,
    infer,
    member_of,
    no_member,
    parse_value,
    references,
)
from radps_dag.language.shape import ANY, NULL, Shape, from_schema, list_of, union
from radps_dag.language.source import Report
from radps_dag.problem import Location, Problem, did_you_mean, there_are
from radps_dag.workloads.tools.inputs import product_shape
from radps_dag.workloads.tools.tool import Files, FromInput, ToolOutput

__all__ = ["Texts", "output_shape"]

Severity = Literal["error", "warning"]


class Texts:
    """Reads texts with expressions, and notes which inputs they use."""

    def __init__(self, inputs: Mapping[str, Shape], report: Report) -> None:
        self._inputs = inputs
        self._report = report
        self.used: set[str] = set()

    def value(self, data: Any, at: Location) -> Value:
        """The value of a text or number."""
        problems: list[Problem] = []
        value = parse_value(data, at, lambda container, key: at, problems.append)
        if not problems:
            for read in references(value):
                if read.root != "inputs" or not read.path:
                    message = f"{read} is not known here; a tool knows its inputs, as inputs.NAME"
                    problems.append(Problem(read.at, "unknown-name", message))
                elif self.is_input(read.path[0], read.at):
                    self.used.add(read.path[0])
                    problems += self._members(read)
            if not problems:
                infer(value, self._known, problems.append)
        for problem in problems:
            self._report(problem)
        return value

    def is_input(self, name: str, at: Location) -> bool:
        """Whether there is an input of the name; if not, that is reported."""
        if name in self._inputs:
            return True
        names = list(self._inputs)
        hint = did_you_mean(name, names) or (f"; {there_are(names)}" if names else "")
        self._report(Problem(at, "unknown-name", f"the tool has no input {name!r}{hint}"))
        return False

    def _members(self, read: Reference) -> Iterator[Problem]:
        shape = self._inputs[read.path[0]]
        for name in read.path[1:]:
            message, certain = no_member(shape, name)
            if message:
                severity: Severity = "error" if certain else "warning"
                yield Problem(read.at, "unknown-member", f"{read}: {message}", severity)
                return
            shape = member_of(shape, name)

    def _known(self, path: tuple[str, ...]) -> Shape:
        shape = self._inputs.get(path[1], ANY) if len(path) > 1 else ANY
        for name in path[2:]:
            shape = member_of(shape, name)
        return shape


def output_shape(output: ToolOutput, inputs: Mapping[str, Shape]) -> Shape:
    """The shape of an output that a pipeline knows."""
    match output.source:
        case Files(kind=kind, glob=True):
            return list_of(product_shape(kind))
        case Files(kind=kind, optional=optional):
            shape = product_shape(kind)
            return union(shape, NULL) if optional else shape
        case FromInput(name=name):
            return inputs[name]
        case _:
            return from_schema({"type": output.type}) if output.type else ANY
