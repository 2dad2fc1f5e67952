"""A tool and inputs to the words of a command: a list that no shell sees."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from radps_dag.language.expression import Literal, Template, Value, evaluate
from radps_dag.language.shape import show
from radps_dag.language.shape.violations import violation
from radps_dag.problem import RadpsDagError
from radps_dag.storage.remote import is_local
from radps_dag.workloads.contract.opening import local_path
from radps_dag.workloads.contract.products import products_in
from radps_dag.workloads.tools.tool import Parameter, Tool

__all__ = [
    "DRIVER",
    "PASSED",
    "InputRefused",
    "command_of",
    "environment_of",
    "names_of",
    "path_in",
]

# The mark by which the programs of a run are found when it ends.
DRIVER = "RADPS_DAG_DRIVER"
# What a program gets of the environment of the run unless its tool file says more.
PASSED = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", DRIVER)


class InputRefused(RadpsDagError):
    """An input cannot be a word of the command."""


def names_of(tool: Tool, given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that expressions see, by input: those given, else defaults; of data the path.

    Raises InputRefused for a value that breaks the schema of its input.
    """
    values = {}
    for parameter in tool.parameters:
        value = given.get(parameter.name, parameter.default)
        if value is not None and (reason := violation(parameter.schema, value)):
            raise InputRefused(f"input {parameter.name!r}: {reason}")
        values[parameter.name] = _paths(tool, parameter, value) if parameter.product else value
    return values


def command_of(tool: Tool, values: Mapping[str, Any]) -> list[bytes]:
    """The words: the program, the flags in the order of the inputs, the arguments.

    Raises InputRefused for what cannot be a word, or would be taken for an option.
    """
    words: list[str] = [*tool.program]
    for parameter in tool.parameters:
        words += _flagged(parameter, values[parameter.name])
    words += _arguments(tool, values)
    return [_octets(word) for word in words]


def environment_of(tool: Tool, values: Mapping[str, Any]) -> dict[bytes, bytes]:
    """The variables that the program gets, and no others."""
    passed = {name: os.environ[name] for name in (*PASSED, *tool.passed) if name in os.environ}
    own = {
        name: _text(evaluate(value, {"inputs": values})) for name, value in tool.environment.items()
    }
    return {_octets(name): _octets(value) for name, value in {**passed, **own}.items()}


def path_in(path: Value, values: Mapping[str, Any]) -> str:
    """A path in the directory of the call, as it was written or as inputs make it."""
    text = _text(evaluate(path, {"inputs": values}))
    if text.startswith("/") or ".." in text.split("/") or "\0" in text or not text.strip("/."):
        raise InputRefused(f"{text!r:.200} is not a path in the directory of the call")
    return text


def _paths(tool: Tool, parameter: Parameter, value: Any) -> Any:
    if isinstance(value, list):
        return [_paths(tool, parameter, item) for item in value]
    if value is None:
        return None
    if parameter.name in tool.changes:
        for product in products_in(value):
            _refuse_copy(parameter.name, str(product["uri"]))
    return str(local_path(value).absolute())


def _refuse_copy(name: str, uri: str) -> None:
    if not is_local(uri):
        raise InputRefused(
            f"input {name!r} is changed in place, and {uri} does not lie on this machine; "
            "make a copy that does"
        )


def _flagged(parameter: Parameter, value: Any) -> Iterator[str]:
    if isinstance(value, bool) and not parameter.flag.endswith("="):
        if flag := parameter.flag if value else parameter.false_flag:
            yield flag
    elif value is None or value == [] or not parameter.flag:
        return
    elif isinstance(value, list) and parameter.repeat:
        for item in value:
            yield from _with_flag(parameter.flag, [item])
    elif isinstance(value, list) and parameter.join is not None:
        yield from _with_flag(parameter.flag, [parameter.join.join(map(_text, value))])
    else:
        yield from _with_flag(parameter.flag, value if isinstance(value, list) else [value])


def _with_flag(flag: str, values: list[Any]) -> Iterator[str]:
    if flag.endswith("="):
        yield flag + _text(values[0])
        yield from map(_text, values[1:])
    else:
        yield flag
        yield from map(_text, values)


def _arguments(tool: Tool, values: Mapping[str, Any]) -> Iterator[str]:
    only_operands = False
    for number, argument in enumerate(tool.arguments, start=1):
        value = evaluate(argument, {"inputs": values})
        # What the tool file itself begins the word with is what it means.
        own = not _begins_with_value(argument)
        for item in value if isinstance(value, list) else [value]:
            if item is None:
                continue
            word = _text(item)
            if word.startswith("-") and not (own or only_operands):
                raise InputRefused(
                    f"argument {number} would be {show(word)}, which begins with '-': "
                    f"{tool.program[0]} would take it for an option; if not, write '--' before it "
                    f"in {tool.at.source.name}"
                )
            only_operands = only_operands or (own and word == "--")
            yield word


def _begins_with_value(argument: Value) -> bool:
    """Whether the first characters of a word come from an expression."""
    if isinstance(argument, Literal):
        return False
    return not (isinstance(argument, Template) and isinstance(argument.parts[0], str))


def _text(value: Any) -> str:
    """A value as a word: a text as it is, a number as JSON has it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _octets(word: str) -> bytes:
    if "\0" in word:
        raise InputRefused(f"{show(word)} has a NUL character, which no command line can have")
    try:
        return word.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise InputRefused(f"{show(word)} has half a character (a lone surrogate)") from None
