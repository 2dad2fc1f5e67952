"""A tool as frozen values: what a tool file says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from radps_dag.language.expression import Value
from radps_dag.language.model import Named
from radps_dag.problem import Location

__all__ = [
    "ENGINES",
    "NOT_FOUND",
    "STREAMS",
    "Containers",
    "Files",
    "FromInput",
    "FromJson",
    "FromStream",
    "Parameter",
    "Source",
    "Stream",
    "Tool",
    "ToolOutput",
    "Trigger",
]

Stream = Literal["stdout", "stderr"]
STREAMS: tuple[Stream, ...] = ("stdout", "stderr")
NOT_FOUND = 127  # exit code: what should have been run is not there, as shells have it
ENGINES = ("podman", "docker", "apptainer")


@dataclass(frozen=True, slots=True)
class Containers:
    """The engine in which tools with an image run. With `fallback` the program of the machine is
    used where the engine or the image is not there."""

    engine: str
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Parameter:
    """An input: the JSON Schema of its values, and how they become words of the command.

    A list with `spread` is a word for each item, with `repeat` a flag and a word for each, with
    `join` one word; None is none. `product` says that it, or each of its items, is data.
    """

    name: str
    schema: Mapping[str, Any] = field(hash=False)
    product: bool = False
    default: Any = field(default=None, hash=False)
    flag: str = ""
    false_flag: str = ""
    spread: bool = False
    repeat: bool = False
    join: str | None = None


@dataclass(frozen=True, slots=True)
class Files:
    """Output that the program writes: a file or directory or, of a `glob`, a list of them."""

    path: Value
    kind: str
    glob: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True)
class FromStream:
    """Output from the last match of a pattern's group in what the program prints."""

    stream: Stream
    pattern: re.Pattern[str]
    group: str


@dataclass(frozen=True, slots=True)
class FromJson:
    """A value in a JSON file that the program writes; `pointer` are the keys that lead to it."""

    path: Value
    pointer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FromInput:
    """An input, handed on: the data that the program has changed in place."""

    name: str


Source = Files | FromStream | FromJson | FromInput


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """An output with its one source, and the JSON type of a value that is read from there."""

    name: str
    source: Source
    type: str = ""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A line of output that is a failure with a name or, without one, a warning."""

    stream: Stream
    pattern: re.Pattern[str]
    error: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Tool:
    """A program and how it is called. `text` is that of its file."""

    name: str
    at: Location
    text: str
    program: tuple[str, ...]
    version_command: tuple[str, ...] = ()
    install: str = ""
    parameters: tuple[Parameter, ...] = ()
    arguments: tuple[Value, ...] = ()
    environment: Mapping[str, Value] = field(default_factory=dict)
    passed: tuple[str, ...] = ()
    outputs: tuple[ToolOutput, ...] = ()
    codes: tuple[int, ...] = (0,)
    fail_on: tuple[Trigger, ...] = ()
    warn_on: tuple[Trigger, ...] = ()
    changes: tuple[str, ...] = ()
    resources: tuple[Named, ...] = ()
    progress: re.Pattern[str] | None = None  # groups: percent, or done and of
    image: str = ""
    network: bool = False
    containers: Containers | None = None  # of the profile
