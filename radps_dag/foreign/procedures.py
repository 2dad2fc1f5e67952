"""A procedure of the ALMA pipeline (XML) to a pipeline, with a tool file for each of its tasks."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any
from xml.parsers import expat

from radps_dag.foreign.drafts import Draft, identifier
from radps_dag.problem import Location, Source, UsageError
from radps_dag.storage.files import content_of

__all__ = ["procedure_to_files"]

_MOST = 5_000_000  # bytes of a procedure
_RUNNER = "alma-pipeline-task"
_INSTALL = (
    f"a program {_RUNNER} of your site - {_RUNNER} TASK --context=DIR --NAME=VALUE resumes the "
    "context of the ALMA pipeline in DIR, runs the task, and saves it"
)
_CONDITION = re.compile(r"\{\{[^{}]*\}\}")
_TYPES = {bool: "boolean", int: "integer", float: "number"}


@dataclass(slots=True)
class _Command:
    """A task with its parameters as the XML has them, and the comment in front of it."""

    at: Location
    name: str = ""
    comment: str = ""
    parameters: dict[str, str] = field(default_factory=dict)


def procedure_to_files(path: Path) -> tuple[Draft, list[Draft]]:
    """The pipeline of a procedure, and the tool files of its tasks.

    Raises UsageError for what is not such a file.
    """
    try:
        content = content_of(path, _MOST)
        text = content.decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot read the file: {error.strerror or error}") from error
    except UnicodeDecodeError:
        raise UsageError(f"{path}: it is not UTF-8") from None
    source = Source(str(path), text)
    reader = _Reader(source)
    reader.read(content)
    if not reader.commands:
        raise UsageError(f"{path}: it has no ProcessingCommand; name a procedure of the pipeline")
    title = identifier(" ".join(reader.title.split()) or path.stem)
    pipeline = Draft(title, "procedure", Location(source, 1, 1))
    _note_conditions(pipeline, source)
    for at, message in reader.ignored:
        pipeline.warn(at, message)
    tools: dict[str, Draft] = {}
    pipeline.content = {
        "version": 1,
        "name": title,
        "description": f"The procedure {title} of the ALMA pipeline",
        "params": {
            "context": {
                "type": "string",
                "format": "path",
                "must_exist": True,
                "description": "Folder of the context of the ALMA pipeline, with the data",
            }
        },
        "stages": _stages(reader.commands, tools),
    }
    last = list(pipeline.content["stages"])[-1]
    pipeline.content["outputs"] = {"context": f"${{{{ stages.{last}.context }}}}"}
    return pipeline, list(tools.values())


def _stages(commands: list[_Command], tools: dict[str, Draft]) -> dict[str, Any]:
    """The tasks one after the other, each on the context that the one before has left."""
    stages: dict[str, Any] = {}
    context: Any = {"uri": "${{ params.context }}", "kind": "context"}
    for command in commands:
        name = identifier(command.name)
        values = {key: _value(text) for key, text in command.parameters.items()}
        tool = tools.setdefault(name, _tool(name, command.at))
        for key, value in values.items():
            entry = _input(key, value)
            old = tool.content["inputs"].setdefault(identifier(key), entry)
            if old["type"] != entry["type"]:  # of another call
                old["type"] = "string"
        numbered = (f"{name}_{number}" for number in count(2))
        stage = next(each for each in chain([name], numbered) if each not in stages)
        given = {identifier(key): value for key, value in values.items()}
        about = {"description": command.comment} if command.comment else {}
        stages[stage] = {**about, "run": name, "with": {"context": context, **given}}
        context = f"${{{{ stages.{stage}.context }}}}"
    for stage in stages.values():  # a type may have become wider since
        inputs = tools[stage["run"]].content["inputs"]
        for key, value in stage["with"].items():
            if inputs[key]["type"] == "string" and not isinstance(value, str):
                stage["with"][key] = str(value)
    return stages


def _tool(name: str, at: Location) -> Draft:
    content = {
        "version": 1,
        "name": name,
        "description": f"The task {name} of the ALMA pipeline, on its context",
        "program": [_RUNNER, name],
        "install": _INSTALL,
        "inputs": {"context": {"type": "Product", "kind": "context", "flag": "--context="}},
        "mutates": ["context"],
        "outputs": {"context": {"input": "context"}},
    }
    return Draft(name, "procedure", at, content)


def _input(key: str, value: Any) -> dict[str, Any]:
    kind = _TYPES.get(type(value), "string")
    return {"type": kind, "default": None, "flag": f"--{key}="}


def _value(text: str) -> Any:
    """True, False and numbers as such; all else, lists and tables of Python too, as its text."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    return value if type(value) in _TYPES else text


def _note_conditions(pipeline: Draft, source: Source) -> None:
    """Templates of procedures have conditions, which no XML and no pipeline has."""
    for number, line in enumerate(source.lines, start=1):
        for match in _CONDITION.finditer(line):
            message = f"{match[0]} of the template is not kept: what it encloses is always there"
            pipeline.warn(Location(source, number, match.start() + 1), message)


class _Reader:
    """Events of the XML parser to commands."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.title = ""
        self.commands: list[_Command] = []
        self.ignored: list[tuple[Location, str]] = []
        self._text = ""
        self._keyword = ""
        self._comment = ""
        self._inside: list[str] = []
        self._parser: Any = None

    def read(self, content: bytes) -> None:
        """Read all. Raises UsageError with the place of what is not XML."""
        parser = expat.ParserCreate()
        self._parser = parser
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.CommentHandler = self._note
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            at = Location(self.source, error.lineno, error.offset + 1)
            raise UsageError(f"{at}: it is not XML: {expat.ErrorString(error.code)}") from None

    def _at(self) -> Location:
        number, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber
        return Location(self.source, number, column + 1)

    def _refuse_doctype(self, *_: Any) -> None:
        raise UsageError(f"{self._at()}: no procedure has a DOCTYPE; it is not read")

    def _note(self, text: str) -> None:
        self._comment = " ".join(text.split())

    def _characters(self, text: str) -> None:
        self._text += text

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        self._text = ""
        if name == "ProcessingCommand":
            self.commands.append(_Command(self._at(), comment=self._comment))
            self._comment = ""
        elif name not in _ELEMENTS and "ProcessingCommand" in self._inside:
            self.ignored.append((self._at(), f"the element {name} has no counterpart"))
        self._inside.append(name)

    def _end(self, tag: str) -> None:
        name = self._inside.pop()
        text = self._text.strip()
        within = "ProcessingCommand" in self._inside
        if name == "ProcedureTitle":
            self.title = text
        elif name == "Command" and within:
            self.commands[-1].name = text
        elif name == "Keyword" and within:
            self._keyword = text
        elif name == "Value" and within and identifier(self._keyword) in ("context", "_"):
            message = (
                f"the value {text!r:.60} of {self._keyword!r} is left out: it has no other name"
            )
            self.ignored.append((self._at(), message))
        elif name == "Value" and within:
            self.commands[-1].parameters[self._keyword] = text
        elif name == "ProcessingCommand" and not self.commands[-1].name:
            raise UsageError(f"{self.commands.pop().at}: this ProcessingCommand has no Command")
        elif name == "ProcessingCommand" and self.commands[-1].name == "breakpoint":
            message = "'breakpoint' is left out: it is no task; put a pause there"
            self.ignored.append((self.commands.pop().at, message))
        self._text = ""


_ELEMENTS = {"ProcessingCommand", "Command", "ParameterSet", "Parameter", "Keyword", "Value"}
