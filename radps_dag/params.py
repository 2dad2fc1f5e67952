"""Values for a pipeline's params: from the command line, a file, a `use`, from defaults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radps_dag.expression import evaluate
from radps_dag.model import Param, Pipeline
from radps_dag.problem import (
    InvalidPipeline,
    Location,
    Problem,
    Source,
    UsageError,
    allowed,
    did_you_mean,
)
from radps_dag.shape import describe, mismatch
from radps_dag.source import Table, parse, read_source

__all__ = ["Given", "complete", "from_arguments", "from_file"]

RULE = "param-value"


@dataclass(frozen=True, slots=True)
class Given:
    """A value that somebody gave, and where."""

    value: Any
    at: Location


def from_arguments(pipeline: Pipeline, arguments: Iterable[str]) -> dict[str, Given]:
    """The values of `name=value` arguments, read as the param's type asks.

    A param of type string takes the text as it is; others are read as YAML, and a list may do
    without its brackets: `-p spws=0,1`. Raises InvalidPipeline.
    """
    given: dict[str, Given] = {}
    problems: list[Problem] = []
    for argument in arguments:
        source = Source("-p", argument)
        name, equals, text = argument.partition("=")
        if not equals:
            message = f"{argument!r} gives no value; write name=value"
            problems.append(Problem(Location(source, 1, 1), RULE, message))
            continue
        param = pipeline.param(name)
        if param is None:
            problems.append(_unknown(pipeline, name, Location(source, 1, 1)))
            continue
        at = Location(source, 1, len(name) + 2)
        given[name] = Given(_read(param, text, at, problems), at)
    if problems:
        raise InvalidPipeline(problems)
    return given


def from_file(pipeline: Pipeline, path: Path) -> dict[str, Given]:
    """The values in a YAML file that maps params to values. Raises InvalidPipeline."""
    problems: list[Problem] = []
    try:
        source = read_source(path, str(path), problems.append)
    except OSError as error:
        raise UsageError(f"{path}: the params file cannot be read: {error.strerror}") from error
    document = None if source is None else parse(source, problems.append)
    if problems or source is None or document is None:
        raise InvalidPipeline(problems)
    table = document.data
    if not isinstance(table, Table):
        message = "a params file maps the names of params to values"
        raise InvalidPipeline([Problem(Location(source, 1, 1), RULE, message)])
    unknown = [
        _unknown(pipeline, name, table.key_at(name))
        for name in table
        if pipeline.param(name) is None
    ]
    if unknown:
        raise InvalidPipeline(unknown)
    return {name: Given(value, table.value_at(name)) for name, value in table.items()}


def complete(pipeline: Pipeline, given: Mapping[str, Any]) -> dict[str, Any]:
    """All params: what is given (plain values, or `Given`), else defaults; each known to fit.

    Raises InvalidPipeline with every value that is missing, unknown or does not fit.
    """
    problems = [
        _unknown(pipeline, name, _place(value, pipeline.at))
        for name, value in given.items()
        if pipeline.param(name) is None
    ]
    values: dict[str, Any] = {}
    for param in pipeline.params:
        if param.name in given:
            value = given[param.name]
            values[param.name] = value.value if isinstance(value, Given) else value
            place = _place(value, param.at)
            problems += [
                Problem(place, RULE, f"param {param.name!r}: {reason}")
                for reason in _misfits(param, values[param.name])
            ]
        elif param.default is not None:
            values[param.name] = evaluate(param.default, {})
        else:
            message = f"param {param.name!r} has no default, and no value is given; it takes "
            problems.append(Problem(param.at, RULE, message + describe(param.shape)))
    if problems:
        raise InvalidPipeline(problems)
    return values


def _misfits(param: Param, value: Any) -> Iterator[str]:
    if reason := mismatch(param.shape, value):
        yield reason
        return
    # What a shape does not say: patterns, lengths, uniqueness.
    from jsonschema import Draft202012Validator

    error = next(iter(Draft202012Validator(dict(param.schema)).iter_errors(value)), None)
    if error is not None:
        yield error.message


def _read(param: Param, text: str, at: Location, problems: list[Problem]) -> Any:
    kinds = param.shape.kinds
    if kinds == {"string"}:
        return text
    if "array" in kinds and not text.lstrip().startswith("["):
        text = f"[{text}]"
    found: list[Problem] = []
    document = parse(Source("-p", text), found.append)
    if document is not None and not found:
        if mismatch(param.shape, document.data) and "string" in kinds:
            return text
        return document.data
    if "string" in kinds:
        return text
    reason = found[0].message if found else "it is empty"
    message = f"param {param.name!r}: cannot be read: {reason}; it takes {describe(param.shape)}"
    problems.append(Problem(at, RULE, message))
    return None


def _unknown(pipeline: Pipeline, name: str, at: Location) -> Problem:
    names = [param.name for param in pipeline.params]
    if not names:
        return Problem(at, RULE, f"unknown param {name!r}; the pipeline {pipeline.name} has none")
    hint = did_you_mean(name, names) or f"; there are {allowed(names)}"
    return Problem(at, RULE, f"unknown param {name!r} of {pipeline.name}{hint}")


def _place(value: Any, otherwise: Location) -> Location:
    return value.at if isinstance(value, Given) else otherwise
