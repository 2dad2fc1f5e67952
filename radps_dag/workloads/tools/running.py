"""A call of a tool: its program run in the directory of the call, its outputs found there."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radps_dag.language.shape import from_schema, mismatch
from radps_dag.storage.files import content_of
from radps_dag.workloads.contract.notes import note
from radps_dag.workloads.tools.argv import (
    InputRefused,
    command_of,
    environment_of,
    names_of,
    path_in,
)
from radps_dag.workloads.tools.lines import Watch
from radps_dag.workloads.tools.tool import (
    NOT_FOUND,
    Files,
    FromInput,
    FromJson,
    FromStream,
    Tool,
    ToolOutput,
)

if TYPE_CHECKING:
    from radps_dag.outcome import CallFailed

__all__ = ["ProgramCall"]

_MOST_JSON = 50_000_000  # bytes of a JSON file that is an output
_MOST_FILES = 100_000
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class ProgramCall:
    """The function of a workload that is a tool."""

    # What the engine gives: the directory of the call. It is no name, so that no input has it.
    WORKDIR = "<workdir>"

    def __init__(self, tool: Tool) -> None:
        self.tool = tool
        self.__name__ = tool.name

    def __call__(self, **inputs: Any) -> dict[str, Any]:
        """Run the program. Raises CallFailed with the name of what went wrong."""
        folder = Path(inputs.pop(self.WORKDIR)).absolute()
        try:
            return self._called(inputs, folder)
        except InputRefused as error:
            raise _failed("InputRefused", str(error)) from None

    def _called(self, inputs: Mapping[str, Any], folder: Path) -> dict[str, Any]:
        tool = self.tool
        values = names_of(tool, inputs)
        watch = Watch(tool)
        try:
            code = self._code(inputs, values, folder, watch)
        except OSError as error:
            why = f"{tool.program[0]} cannot be started: {error.strerror or error}"
            raise _failed("ProgramFailed", why, "OSError") from None
        watch.close()
        for line, count in watch.warnings.values():
            times = f" ({count:,} such lines)" if count > 1 else ""
            note(f"{tool.name}: {line}{times}")
        self._refuse_failed(watch, code)
        try:
            return {
                output.name: _output(output, inputs, values, folder, watch)
                for output in tool.outputs
            }
        except _Missing as error:
            raise self._failure(watch, "OutputMissing", str(error)) from None

    def _code(
        self, inputs: Mapping[str, Any], values: Mapping[str, Any], folder: Path, watch: Watch
    ) -> int:
        """Run the program to its end, in a container or on the machine; its exit code."""
        from radps_dag.workloads.tools.containers import (
            ContainerMissing,
            binds_of,
            container_of,
            ending,
        )
        from radps_dag.workloads.tools.process import run
        from radps_dag.workloads.tools.versions import find_program, missing

        tool = self.tool
        words, variables = command_of(tool, values), environment_of(tool, values)
        try:
            container = container_of(tool)
        except ContainerMissing as error:
            raise _failed("ProgramMissing", str(error), "FileNotFoundError", "OSError") from None
        if container is not None:
            binds = binds_of(tool, inputs, folder)
            with ending(container) as started:
                words, variables = container.command(
                    words, folder, binds, variables, network=tool.network, name=started.name
                )
                code = run(words, folder, variables, watch)
                started.ended = code >= 0
            return code
        if tool.image and tool.containers is not None:
            note(f"{tool.name}: not in a container, but the program of this machine")
        program = find_program(tool.program[0])
        if program is None:
            raise _failed("ProgramMissing", missing(tool), "FileNotFoundError", "OSError")
        return run([os.fsencode(program), *words[1:]], folder, variables, watch)

    def _refuse_failed(self, watch: Watch, code: int) -> None:
        name = self.tool.program[0].rpartition("/")[2]
        for trigger in self.tool.fail_on:
            if trigger in watch.failures:
                raise self._failure(watch, trigger.error, f"{name}: {watch.failures[trigger]}")
        if code not in self.tool.codes:
            last = next(reversed(watch.last_lines()), "it printed nothing")
            error = "ProgramMissing" if code == NOT_FOUND else "ProgramFailed"
            raise self._failure(watch, error, f"{name} {_how(code)}: {last}")

    def _failure(self, watch: Watch, error: str, message: str) -> CallFailed:
        lines = watch.last_lines()
        said = "\n".join(["last lines of the output:", *lines]) if lines else ""
        return _failed(error, message, "ProgramFailed", said=said)


class _Missing(Exception):
    """An output that the program has not made; the text says which."""


def _output(
    output: ToolOutput,
    inputs: Mapping[str, Any],
    values: Mapping[str, Any],
    folder: Path,
    watch: Watch,
) -> Any:
    match output.source:
        case Files():
            return _files(output.name, output.source, values, folder)
        case FromStream(stream=stream):
            if output.name not in watch.matched:
                raise _Missing(f"output {output.name!r}: no line of {stream} matches its pattern")
            return _typed(output, watch.matched[output.name])
        case FromJson():
            return _member(output, output.source, folder / path_in(output.source.path, values))
        case FromInput(name=name):
            return inputs.get(name)


def _files(name: str, files: Files, values: Mapping[str, Any], folder: Path) -> Any:
    path = path_in(files.path, values)
    if not files.glob:
        if os.path.lexists(folder / path):
            return _product(folder / path, files.kind)
        if files.optional:
            return None
        raise _Missing(f"output {name!r}: the program has not written {path}")
    paths = sorted(folder.glob(path))
    if not paths and not files.optional:
        raise _Missing(f"output {name!r}: the program has written nothing like {path}")
    if len(paths) > _MOST_FILES:
        raise _Missing(f"output {name!r}: more than {_MOST_FILES:,} files are like {path}")
    return [_product(written, files.kind) for written in paths]


def _product(path: Path, kind: str) -> dict[str, Any]:
    return {"uri": path.as_uri(), "kind": kind}


def _typed(output: ToolOutput, text: str) -> Any:
    """The matched text as a value of its type."""
    value: Any = text
    with suppress(ValueError):
        if output.type == "integer":
            value = int(text)
        elif output.type == "number":
            value = float(text)
        elif output.type == "boolean":
            value = _TRUTHS.get(text.strip().lower(), text)
    return _checked(output, value)


def _member(output: ToolOutput, source: FromJson, path: Path) -> Any:
    try:
        value = json.loads(content_of(path, _MOST_JSON))
    except OSError as error:
        why = "has not written" if isinstance(error, FileNotFoundError) else "has not left"
        raise _Missing(f"output {output.name!r}: the program {why} a file {path.name}") from None
    except (ValueError, RecursionError) as error:
        raise _Missing(f"output {output.name!r}: {path.name} is not JSON: {error}") from None
    for key in source.pointer:
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise _Missing(
                f"output {output.name!r}: {path.name} has no /{'/'.join(source.pointer)}"
            )
    return _checked(output, value)


def _checked(output: ToolOutput, value: Any) -> Any:
    if reason := mismatch(from_schema({"type": output.type}), value):
        raise _Missing(f"output {output.name!r}: {reason}")
    return value


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    with suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"


def _failed(error: str, message: str, *kinds: str, said: str = "") -> CallFailed:
    from radps_dag.outcome import CallFailed  # and with it facts, which validation does not need

    return CallFailed(
        "",
        error,
        message[:500],
        kinds=tuple(dict.fromkeys((error, *kinds, "Exception"))),
        traceback=said,
    )
