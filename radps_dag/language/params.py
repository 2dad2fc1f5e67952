"""Values for a pipeline's params: from the command line, a file, a `use`, from defaults."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from radps_dag.language.expression import evaluate
from radps_dag.language.model import Param, Pipeline, Use
from radps_dag.language.paths import absent, are_paths, located, must_exist, paths_in
from radps_dag.language.shape import describe, filled, mismatch, not_json
from radps_dag.language.shape.violations import violation
from radps_dag.language.source import Report, Table, parse, read_source
from radps_dag.problem import (
    InvalidPipeline,
    Location,
    Problem,
    Source,
    UsageError,
    did_you_mean,
    there_are,
)
from radps_dag.sealed import SHORTEST, STARS, Sealed, variable

__all__ = ["absences", "complete", "default_of", "defaults", "given_by", "named_paths", "resolve"]

RULE = "param-value"


@dataclass(frozen=True, slots=True)
class _Given:
    """A value that somebody gave, and where; one that cannot be read has been reported. Its
    relative paths are seen from `folder`, or from here."""

    value: Any
    at: Location
    readable: bool = True
    folder: Path = Path()


def resolve(
    pipeline: Pipeline,
    arguments: Iterable[str] = (),
    files: Iterable[Path] = (),
    earlier: Mapping[str, Any] | None = None,
    *,
    values: Mapping[str, Any] | None = None,
    take_secrets: bool = True,
    partial: bool = False,
) -> dict[str, Any]:
    """All params: what the `values` say, else `name=value` arguments, else what the last of the
    files says that says anything of it, else, for secret ones, the environment, else those of an
    `earlier` run, else the defaults.

    With `take_secrets` the environment has those no longer. With `partial` those that nobody gives
    are left out. Raises InvalidPipeline with everything that is wrong in any of them.
    """
    problems: list[Problem] = []
    given: dict[str, Any] = {**(earlier or {}), **_from_environment(pipeline, take_secrets)}
    for file in files:
        given |= _from_file(pipeline, file, problems.append)
    given |= _from_arguments(pipeline, arguments, problems.append)
    given |= values or {}
    try:
        completed = complete(pipeline, given, partial=partial)
    except InvalidPipeline as error:
        problems += error.problems
    if problems:
        raise InvalidPipeline(problems)
    return completed


def _from_arguments(
    pipeline: Pipeline, arguments: Iterable[str], report: Report
) -> dict[str, _Given]:
    """The values of `name=value` arguments, read as the param's type asks.

    A param of type string takes the text as it is; others are read as YAML, and a list may do
    without its brackets: `-p spws=0,1`.
    """
    given: dict[str, _Given] = {}
    for argument in arguments:
        name, equals, text = argument.partition("=")
        param = pipeline.param(name)
        # Even behind a name that is misspelt there may be a secret.
        shown = argument
        if _has_secrets(pipeline):
            shown = f"{name}={STARS}" if equals else STARS
        source = Source("-p", shown)
        if not equals:
            message = f"{shown!r} gives no value; write name=value"
            report(Problem(Location(source, 1, 1), RULE, message))
        elif param is None:
            report(_unknown(pipeline, name, Location(source, 1, 1)))
        else:
            at = Location(source, 1, len(name) + 2)
            given[name] = _read(param, text, at, report)
    return given


def _from_file(pipeline: Pipeline, path: Path, report: Report) -> dict[str, _Given]:
    """The values in a YAML file that maps params to values."""
    problems: list[Problem] = []
    try:
        source = read_source(path, str(path), problems.append)
    except OSError as error:
        raise UsageError(f"{path}: the params file cannot be read: {error.strerror}") from error
    document = None if source is None else parse(source, problems.append)
    if _has_secrets(pipeline):
        problems = [_discreet(problem) for problem in problems]
    for problem in problems:
        report(problem)
    if document is None:
        return {}
    table = document.data
    if not isinstance(table, Table):
        report(Problem(document.at, RULE, "a params file maps the names of params to values"))
        return {}
    given: dict[str, _Given] = {}
    for name, value in table.items():
        place = _without_text if _has_secrets(pipeline) else _as_it_is
        if pipeline.param(name) is None:
            report(_unknown(pipeline, name, place(table.key_at(name))))
        else:
            given[name] = _Given(value, place(table.value_at(name)), folder=path.parent)
    return given


def _from_environment(pipeline: Pipeline, take: bool) -> dict[str, _Given]:
    """The secret params that variables give; if they are to be taken, nothing that is started from
    now on inherits them."""
    given: dict[str, _Given] = {}
    for param in pipeline.params:
        name = variable(param.name)
        if param.secret and name in os.environ:
            value = os.environ.pop(name) if take else os.environ[name]
            given[param.name] = _Given(value, Location(Source(name, ""), 1, 1))
    return given


def _has_secrets(pipeline: Pipeline) -> bool:
    return any(param.secret for param in pipeline.params)


def _discreet(problem: Problem) -> Problem:
    """Reword a problem with a text that may hold secrets, so that it shows none of it."""
    message = "the params file is not sound YAML here; a text with special characters needs quotes"
    return replace(problem, at=_without_text(problem.at), message=message)


def _without_text(at: Location) -> Location:
    return at._replace(source=Source(at.source.name, ""))


def _as_it_is(at: Location) -> Location:
    return at


def complete(
    pipeline: Pipeline, given: Mapping[str, Any], *, partial: bool = False
) -> dict[str, Any]:
    """All params: what is given (plain values, or `_Given`), else defaults; each known to fit.

    Raises InvalidPipeline with every value that is unknown, does not fit or, unless `partial`, is
    missing.
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
            if isinstance(value, _Given) and not value.readable:
                continue
            plain = value.value if isinstance(value, _Given) else value
            plain = _sealed(plain) if param.secret else filled(param.schema, plain)
            reason = _misfit(param, plain)
            if not reason and not param.secret:
                folder = value.folder if isinstance(value, _Given) else Path()
                plain = located(param.schema, plain, folder)
                reason = absent(param.schema, plain)
            values[param.name] = plain
            if reason:
                place = _place(value, param.at)
                problems.append(Problem(place, RULE, f"param {param.name!r}: {reason}"))
        elif param.default is not None:
            values[param.name] = default_of(param)
            problems += absences((param,), values)
        elif partial:
            continue
        elif param.secret:
            message = (
                f"param {param.name!r} is secret, and no value is given; set the environment's "
                f"{variable(param.name)}, or name a --params-file (-p shows it in `ps`)"
            )
            problems.append(Problem(param.at, RULE, message))
        else:
            message = f"param {param.name!r} has no default, and no value is given; it takes "
            problems.append(Problem(param.at, RULE, message + describe(param.shape)))
    if problems:
        raise InvalidPipeline(problems)
    return values


def defaults(pipeline: Pipeline) -> dict[str, Any]:
    """The params that have a value without any that is given."""
    return {param.name: default_of(param) for param in pipeline.params if param.default is not None}


def default_of(param: Param) -> Any:
    """The default of a param that has one; its relative paths are seen from the file's folder."""
    assert param.default is not None
    value = filled(param.schema, evaluate(param.default, {}))
    return located(param.schema, value, _folder(param.at))


def given_by(node: Use, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that a node gives to params of a used file; their relative paths are seen from the
    folder of the file with the node."""
    schemas = {param.name: param.schema for param in node.pipeline.params}
    folder = _folder(node.at)
    return {name: located(schemas.get(name), value, folder) for name, value in values.items()}


def absences(params: Iterable[Param], values: Mapping[str, Any]) -> Iterator[Problem]:
    """The defaults that name what must exist and does not."""
    for param in params:
        if param.default is not None and (reason := absent(param.schema, values[param.name])):
            at = getattr(param.default, "at", param.at)
            yield Problem(at, RULE, f"the default of param {param.name!r}: {reason}")


def named_paths(pipeline: Pipeline, values: Mapping[str, Any]) -> set[str]:
    """The paths of data that must exist, in the values of params."""
    return {
        path
        for param in pipeline.params
        if param.name in values and must_exist(param.schema)
        for path in paths_in(param.schema, values[param.name])
    }


def _folder(at: Location) -> Path:
    return Path(at.source.name).parent


def _sealed(value: Any) -> Any:
    return Sealed(value) if isinstance(value, str) and not isinstance(value, Sealed) else value


def _misfit(param: Param, value: Any) -> str:
    if param.secret:
        return _secret_misfit(param, value)
    return not_json(value) or mismatch(param.shape, value) or violation(param.schema, value)


def _secret_misfit(param: Param, value: Any) -> str:
    """Say what is wrong with a secret, without showing any of it."""
    if not isinstance(value, Sealed):
        return "a secret is a text; write it in quotes"
    if len(value.content.strip()) < SHORTEST:
        return f"a secret has {SHORTEST} characters or more: a shorter one cannot be kept hidden"
    if mismatch(param.shape, value.content) or violation(param.schema, value.content):
        return f"the secret that is given does not fit; it takes {describe(param.shape)}"
    return ""


def _read(param: Param, text: str, at: Location, report: Report) -> _Given:
    kinds = param.shape.kinds
    if kinds == {"string"}:
        return _Given(text, at)
    if are_paths(param.schema) and not text.lstrip().startswith("["):
        # Names of files have signs that mean something in YAML: `*.ms`, `my #1.ms`.
        none = text == "null" and "null" in kinds
        return _Given(None if none else text.split(",") if "array" in kinds else text, at)
    if "array" in kinds and not text.lstrip().startswith("["):
        text = f"[{text}]"
    problems: list[Problem] = []
    document = parse(Source("-p", text), problems.append)
    if document is not None and not problems:
        fits = not mismatch(param.shape, document.data)
        return _Given(document.data if fits or "string" not in kinds else text, at)
    if "string" not in kinds:
        reason = problems[0].message if problems else "it is empty"
        wanted = f"it takes {describe(param.shape)}"
        report(Problem(at, RULE, f"param {param.name!r}: cannot be read: {reason}; {wanted}"))
    return _Given(text, at, readable="string" in kinds)


def _unknown(pipeline: Pipeline, name: str, at: Location) -> Problem:
    names = [param.name for param in pipeline.params]
    if not names:
        return Problem(at, RULE, f"unknown param {name!r}; the pipeline {pipeline.name} has none")
    hint = did_you_mean(name, names) or f"; {there_are(names)}"
    return Problem(at, RULE, f"unknown param {name!r} of {pipeline.name}{hint}")


def _place(value: Any, otherwise: Location) -> Location:
    return value.at if isinstance(value, _Given) else otherwise
