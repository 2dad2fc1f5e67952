"""A tool file to the workload that it is, or everything that is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from radps_dag.language.assembly.details import resources
from radps_dag.language.breaches import breaches
from radps_dag.language.expression import Literal, Template, Value
from radps_dag.language.source import Document, Report, Table, parse, read_source
from radps_dag.problem import (
    InvalidPipeline,
    Location,
    Problem,
    UsageError,
    allowed,
    did_you_mean,
    there_are,
)
from radps_dag.workloads.contract.changing import no_snapshot
from radps_dag.workloads.contract.description import Output, Workload
from radps_dag.workloads.tools.inputs import known_inputs, read_inputs
from radps_dag.workloads.tools.patterns import PatternRefused, bounded
from radps_dag.workloads.tools.running import ProgramCall
from radps_dag.workloads.tools.tool import (
    STREAMS,
    Files,
    FromInput,
    FromJson,
    FromStream,
    Source,
    Stream,
    Tool,
    ToolOutput,
    Trigger,
)
from radps_dag.workloads.tools.values import Texts, output_shape

__all__ = ["read_tool"]

GRAMMAR = "tool.schema.json"
_SOURCES = ("path", "glob", "stdout", "stderr", "json", "input")


def read_tool(path: Path) -> Workload:
    """The workload of a tool file.

    Raises InvalidPipeline with every mistake in it, and UsageError where it cannot be read.
    """
    name = os.fspath(path)
    problems: list[Problem] = []
    try:
        source = read_source(path, name, problems.append)
    except OSError as error:
        raise UsageError(f"{name}: cannot read the tool: {error.strerror or error}") from error
    document = None if source is None else parse(source, problems.append)
    if document is not None:
        problems += breaches(document, GRAMMAR)
    if document is None or problems:
        raise InvalidPipeline(problems)
    workload = _workload(document, path, problems.append)
    if problems:
        raise InvalidPipeline(problems)
    return workload


def _workload(document: Document, path: Path, report: Report) -> Workload:
    table: Table = document.data
    parameters, inputs = read_inputs(table.get("inputs"), report)
    texts = Texts(known_inputs(parameters, inputs), report)
    words, variables = table.get("arguments", ()), table.get("environment", {})
    arguments = tuple(
        texts.value(word, words.value_at(number)) for number, word in enumerate(words)
    )
    environment = {
        name: texts.value(word, variables.value_at(name)) for name, word in variables.items()
    }
    shapes = {item.name: item.shape for item in inputs}
    read = dict(_outputs(table, texts, report))
    tool = Tool(
        name=table["name"],
        at=table.value_at("name"),
        text=document.source.text,
        program=_command(table, "program", path, report),
        version_command=_command(table, "version_command", path, report),
        install=" ".join(str(table.get("install", "")).split()),
        parameters=parameters,
        arguments=arguments,
        environment=environment,
        passed=tuple(table.get("pass_environment", ())),
        outputs=tuple(read),
        codes=tuple(table.get("success", {}).get("codes", (0,))),
        fail_on=tuple(_triggers(table, "fail_on", report)),
        warn_on=tuple(_triggers(table, "warn_on", report)),
        changes=tuple(_changes(table, shapes, report)),
        resources=resources(table, report),
        progress=_progress(table, report),
        image=_image(table, path),
        network=table.get("network", False) is True,
    )
    if tool.network and not tool.image:
        message = "'network' is for tools with an image; a program of the machine has its network"
        report(Problem(table.key_at("network"), "image", message))
    snapshot = str(table.get("snapshot", ""))
    if reason := no_snapshot(snapshot, tool.changes):
        report(Problem(table.value_at("snapshot"), "mutates", reason))
    given = {parameter.name for parameter in parameters if parameter.flag or parameter.false_flag}
    handed = {output.source.name for output in tool.outputs if isinstance(output.source, FromInput)}
    for parameter in parameters:
        if parameter.name not in texts.used | given | handed | set(tool.changes):
            message = (
                f"input {parameter.name!r} goes nowhere; give it a flag, or write it in arguments"
            )
            report(Problem(table["inputs"].key_at(parameter.name), "unused-input", message))
    description = str(table.get("description", "")).strip()
    return Workload(
        name=tool.name,
        function=ProgramCall(tool),
        inputs=inputs,
        outputs=tuple(
            Output(
                output.name,
                output_shape(output, shapes),
                str(about.get("unit", "")),
                " ".join(str(about.get("description", "")).split()),
            )
            for output, about in read.items()
        ),
        given={ProgramCall.WORKDIR: "workdir"},
        summary=description.partition("\n")[0],
        description=description,
        mutates=bool(tool.changes),
        changes=tool.changes,
        snapshot=snapshot,
        tool=tool,
    )


def _command(table: Table, key: str, path: Path, report: Report) -> tuple[str, ...]:
    """The words of a command; a program with a / in it lies where the tool file says."""
    words = tuple(table.get(key, ()))
    for number, word in enumerate(words):
        if "\0" in word or "${{" in word:
            message = "a word of a command is a plain text; expressions go into arguments"
            report(Problem(table[key].value_at(number), "value", message))
    if words and "/" in words[0] and not words[0].startswith("/"):
        words = (os.path.normpath(path.resolve().parent / words[0]), *words[1:])
    return words


def _progress(table: Table, report: Report) -> re.Pattern[str] | None:
    """The pattern of how far the program is, with its groups."""
    if "progress" not in table:
        return None
    at = table.value_at("progress")
    pattern = _pattern(table["progress"], at, report)
    if pattern is not None and set(pattern.groupindex) not in ({"percent"}, {"done", "of"}):
        message = (
            "progress says how far the program is by the group (?P<percent>...), or by "
            "(?P<done>...) and (?P<of>...), and has no others"
        )
        report(Problem(at, "pattern", message))
    return pattern


def _image(table: Table, path: Path) -> str:
    """An image by its name; a file lies where the tool file says."""
    image = str(table.get("image", ""))
    if image.endswith(".sif") and "://" not in image:
        return os.path.normpath(path.resolve().parent / image)
    return image


def _outputs(tool: Table, texts: Texts, report: Report) -> Iterator[tuple[ToolOutput, Table]]:
    for name, about in tool.get("outputs", {}).items():
        at = tool["outputs"].key_at(name)
        sources = [key for key in _SOURCES if key in about]
        if len(sources) != 1:
            actual = f"it has {' and '.join(sources)}" if sources else "it has none"
            message = f"output {name!r} has one source of {allowed(_SOURCES)}; {actual}"
            report(Problem(about.key_at(sources[1]) if sources else at, "source", message))
            continue
        (key,) = sources
        _needed(about, key, name, at, report)
        source = _source(name, key, about, texts, report)
        if source is not None:
            yield ToolOutput(name, source, str(about.get("type", ""))), about


def _needed(about: Table, key: str, name: str, at: Location, report: Report) -> None:
    """Report what goes with another source, and what this one lacks."""
    wants = {"path": "kind", "glob": "kind", "input": ""}.get(key, "type")
    if wants and wants not in about:
        report(Problem(at, "missing-key", f"output {name!r} needs '{wants}' beside '{key}'"))
    for other in ("kind", "type", "optional"):
        goes = other == wants or (other == "optional" and wants == "kind")
        if other in about and not goes:
            message = f"'{other}' does not go with '{key}'"
            report(Problem(about.key_at(other), "source", message))


def _source(name: str, key: str, about: Table, texts: Texts, report: Report) -> Source | None:
    at = about.value_at(key)
    match key:
        case "path" | "glob":
            path = _inside(texts.value(about[key], at), at, report)
            return Files(path, str(about.get("kind", "")), key == "glob", "optional" in about)
        case "json":
            path = _inside(texts.value(about[key], at), at, report)
            keys = str(about.get("pointer", "")).split("/")[1:]
            return FromJson(
                path, tuple(token.replace("~1", "/").replace("~0", "~") for token in keys)
            )
        case "input":
            if not texts.is_input(about[key], at):
                return None
            return FromInput(about[key])
    return _from_stream(name, "stdout" if key == "stdout" else "stderr", about, report)


def _from_stream(name: str, stream: Stream, about: Table, report: Report) -> FromStream | None:
    at = about.value_at(stream)
    if about.get("type") in ("array", "object"):
        message = f"{about['type']} is not read from a line; let the program write it as json"
        report(Problem(about.value_at("type"), "type", message))
    pattern = _pattern(about[stream], at, report)
    if pattern is None:
        return None
    groups = list(pattern.groupindex)
    if name in groups or len(groups) == 1:
        return FromStream(stream, pattern, name if name in groups else groups[0])
    why = f"of its groups {allowed(groups)} none is" if groups else "it has no named group"
    message = f"the pattern says what {name!r} is by a group of that name, (?P<{name}>...); {why}"
    report(Problem(at, "pattern", message))
    return None


def _inside(path: Value, at: Location, report: Report) -> Value:
    """A path in the directory of the call, as far as that can be seen now."""
    text = path.value if isinstance(path, Literal) else ""
    if isinstance(path, Template) and isinstance(path.parts[0], str):
        text = path.parts[0]
    pure = PurePosixPath(str(text))
    if pure.is_absolute() or ".." in pure.parts or str(text).startswith("~"):
        message = "a path of an output lies in the directory of the call: a relative one without .."
        report(Problem(at, "path", message))
    return path


def _triggers(table: Table, key: str, report: Report) -> Iterator[Trigger]:
    listed = table.get(key, ())
    for number, about in enumerate(listed):
        streams = [stream for stream in STREAMS if stream in about]
        if len(streams) != 1:
            actual = "it has both" if streams else "it has none"
            message = f"an entry of {key} has one of {allowed(STREAMS)}; {actual}"
            report(Problem(listed.value_at(number), "source", message))
            continue
        (stream,) = streams
        pattern = _pattern(about[stream], about.value_at(stream), report)
        if pattern is not None:
            yield Trigger(stream, pattern, str(about.get("error", "")))


def _pattern(text: str, at: Location, report: Report) -> re.Pattern[str] | None:
    try:
        return bounded(text)
    except PatternRefused as refused:
        report(Problem(at, "pattern", str(refused)))
        return None


def _changes(table: Table, inputs: Iterable[str], report: Report) -> Iterator[str]:
    listed = table.get("mutates", ())
    for number, name in enumerate(listed):
        if name in inputs:
            yield name
        else:
            hint = did_you_mean(name, inputs) or f"; {there_are(inputs) or 'there is none'}"
            message = f"mutates {name!r}, which is not an input{hint}"
            report(Problem(listed.value_at(number), "mutates", message))
