"""A workload as frozen values: its inputs with their shapes, its outputs, what it is given."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

from radps_dag.language.shape import Shape

if TYPE_CHECKING:  # most calls are of functions
    from radps_dag.workloads.tools.tool import Tool

__all__ = ["Given", "Input", "Output", "Product", "Random", "Slot", "Unit", "Workdir", "Workload"]


class Product(TypedDict):
    """Bulk data by reference: what travels between workloads instead of arrays.

    `uri` says where it is, `kind` what it is ("visibilities", "caltable", "image"), `version` which
    of its states, `group` which of the data groups in it and `selection` which part of that.
    `stands_on` are further products without which it cannot be read.
    """

    uri: str
    kind: str
    version: NotRequired[str]
    group: NotRequired[str]
    selection: NotRequired[dict[str, Any]]
    stands_on: NotRequired[list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a number, in a hint: `Annotated[float, Unit("Jy")]`."""

    name: str


Slot = Literal["workdir", "random", "context"]


@dataclass(frozen=True, slots=True)
class Given:
    """Marks a parameter that the engine fills."""

    what: Slot


# A parameter annotated with one of these is not an input of the pipeline file: the engine gives it.
# A directory of this call's own: unique per place in the run and attempt.
Workdir = Annotated[Path, Given("workdir")]
# Seeded by run and place, not by attempt: a repeated call draws the same numbers.
Random = Annotated[random.Random, Given("random")]


class Input(NamedTuple):
    """A parameter of a workload that the pipeline file gives."""

    name: str
    shape: Shape
    required: bool
    default: Any = field(default=None, hash=False)
    unit: str = ""
    description: str = ""


class Output(NamedTuple):
    """A member of what a workload returns."""

    name: str
    shape: Shape
    unit: str = ""
    description: str = ""


@dataclass(frozen=True)  # it keeps what is asked of it for each call
class Workload:
    """A function, or a program, that a pipeline can call by name.

    `outputs` is None where the function does not say (it returns a plain dict): anything goes.
    `given` are the parameters the engine fills: name to "workdir", "random" or "context". One that
    `mutates` changes data in place, so that it cannot simply be done again; `changes` are the
    inputs that name that data, of which a `snapshot` is made first ("copy", "reflink"). `tool` is
    what a tool file says, where it is a program.
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...] | None
    given: Mapping[str, Slot] = field(default_factory=dict, hash=False)
    summary: str = ""
    description: str = ""
    version: str = "1"
    placeholder: bool = False
    mutates: bool = False
    changes: tuple[str, ...] = ()
    snapshot: str = ""
    tool: Tool | None = None

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """The shapes of the inputs, by name."""
        return {parameter.name: parameter.shape for parameter in self.inputs}

    @cached_property
    def output_shapes(self) -> Mapping[str, Shape]:
        """The shapes of the declared outputs, by name."""
        return {output.name: output.shape for output in self.outputs or ()}

    @cached_property
    def mutable_defaults(self) -> Mapping[str, Any]:
        """The defaults of the inputs that a call could change, by name."""
        return {
            item.name: item.default for item in self.inputs if isinstance(item.default, dict | list)
        }

    @cached_property
    def writes(self) -> bool:
        """Whether a call of it gets a directory of its own, in which it may write."""
        return "workdir" in self.given.values()

    @property
    def defined_at(self) -> str:
        """The place of the definition of the function or the tool: `file.py:12`."""
        if self.tool is not None:
            return f"{self.tool.at.source.name}:{self.tool.at.line}"
        code = inspect.unwrap(self.function).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"

    def described_by(self, model: Workload) -> Workload:
        """The same with the model's description of each input that it does not describe itself."""
        texts = {item.name: item.description for item in model.inputs}
        inputs = tuple(
            item if item.description else item._replace(description=texts.get(item.name, ""))
            for item in self.inputs
        )
        return replace(self, inputs=inputs)
