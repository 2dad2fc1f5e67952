"""Tools on the command line: the words of a command, and which programs are there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from radps_dag.language.shape import describe, mismatch
from radps_dag.language.source import parse
from radps_dag.problem import Problem, Source, UsageError, did_you_mean, there_are
from radps_dag.workloads.contract.description import Input, Workload
from radps_dag.workloads.tools.tool import Tool

__all__ = ["command_words", "program_lines"]


def command_words(workload: Workload, given: Sequence[str]) -> list[str]:
    """The words of the command that a tool would run with these inputs (`NAME=VALUE`).

    Raises UsageError for what is not a tool, for inputs that are unknown, missing or wrong, and
    where the image is missing in which it would run.
    """
    from radps_dag.workloads.tools.argv import InputRefused, command_of, names_of
    from radps_dag.workloads.tools.containers import ContainerMissing

    if workload.tool is None:
        raise UsageError(
            f"{workload.name!r} is a function of Python, not a tool; it has no command"
        )
    values = _inputs(workload, given)
    try:
        names = names_of(workload.tool, values)
        words = _contained(workload.tool, command_of(workload.tool, names), values, names)
    except (InputRefused, ContainerMissing) as error:
        raise UsageError(f"{workload.name}: {error}") from None
    return [word.decode("utf-8", "surrogateescape") for word in words]


def _contained(
    tool: Tool, words: list[bytes], inputs: Mapping[str, Any], values: Mapping[str, Any]
) -> list[bytes]:
    """The words with those of the engine around them, where the profile says that the tool runs in
    a container. The directory of the call and the container have names for people."""
    from radps_dag.workloads.tools.argv import environment_of
    from radps_dag.workloads.tools.containers import binds_of, container_of

    container = container_of(tool)
    if container is None:
        return words
    folder = Path("/DIRECTORY-OF-THE-CALL")
    around, _ = container.command(
        words,
        folder,
        binds_of(tool, inputs, folder),
        environment_of(tool, values),
        network=tool.network,
        name=f"radps-dag-{tool.name}",
    )
    return around


def program_lines(tools: Iterable[Workload]) -> Iterator[tuple[str, bool]]:
    """List each program of the tools, and whether it is there."""
    from radps_dag.workloads.tools.containers import ContainerMissing, container_of
    from radps_dag.workloads.tools.versions import absent, find_program, missing, version_of

    for workload in tools:
        tool = workload.tool
        assert tool is not None
        try:
            container = container_of(tool)
        except ContainerMissing as error:
            yield f"{tool.name}: {error}", False
            continue
        program = find_program(tool.program[0])
        if container is not None:
            yield f"{tool.name}: {container.program}, {version_of(tool)}", True
        elif program is None:
            yield f"{tool.name}: {missing(tool)}", False
        elif reason := absent(tool):
            yield f"{tool.name}: {reason}", False
        else:
            version = version_of(tool) or "its version is not asked for"
            yield f"{tool.name}: {program}, {version}", True


def _inputs(workload: Workload, given: Sequence[str]) -> dict[str, Any]:
    inputs = {field.name: field for field in workload.inputs}
    values: dict[str, Any] = {}
    for word in given:
        name, equals, text = word.partition("=")
        if not equals:
            raise UsageError(f"-p {word!r:.60}: write -p INPUT=VALUE")
        if name not in inputs:
            hint = (
                did_you_mean(name, inputs) or f"; {there_are(inputs) if inputs else 'it has none'}"
            )
            raise UsageError(f"{workload.name!r} has no input {name!r}{hint}")
        values[name] = _read(inputs[name], text)
    lacking = [field for field in workload.inputs if field.required and field.name not in values]
    if lacking:
        first = lacking[0]
        raise UsageError(
            f"{workload.name!r} needs the input {first.name!r}: -p {first.name}=..., "
            f"{describe(first.shape)}"
        )
    return values


def _read(field: Input, text: str) -> Any:
    """A value as the command line gives it; of data, paths."""
    kinds = field.shape.kinds
    value: Any = text
    if "string" not in kinds and not _is_data(field):
        problems: list[Problem] = []
        listed = "array" in kinds and not text.lstrip().startswith("[")
        document = parse(Source("-p", f"[{text}]" if listed else text), problems.append)
        if problems or document is None:
            raise UsageError(f"input {field.name!r}: {text!r:.60} cannot be read")
        value = document.data
    if _is_data(field):
        paths = [part for part in text.split(",") if part] if "array" in kinds else [text]
        products = [_product(field, path) for path in paths]
        value = products if "array" in kinds else products[0]
    if reason := mismatch(field.shape, value):
        raise UsageError(f"input {field.name!r}: {reason}")
    return value


def _is_data(field: Input) -> bool:
    shape = field.shape.items if "array" in field.shape.kinds else field.shape
    return shape is not None and any(name == "uri" for name, _, _ in shape.fields)


def _product(field: Input, path: str) -> dict[str, Any]:
    shape = field.shape.items if "array" in field.shape.kinds else field.shape
    assert shape is not None
    kinds = next((of.choices for name, of, _ in shape.fields if name == "kind"), None)
    uri = path if "://" in path else Path(os.path.realpath(path)).as_uri()
    return {"uri": uri, "kind": kinds[0] if kinds else "data"}
