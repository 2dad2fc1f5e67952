"""A function to the workload that it is: its signature and docstring, read once."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import NoneType
from typing import Annotated, Any

from radps_dag.language.shape import Shape, from_hint, hints_of, mismatch, not_json, show
from radps_dag.problem import UsageError, did_you_mean, there_are
from radps_dag.workloads.contract.changing import changed_inputs, no_snapshot
from radps_dag.workloads.contract.context import Context
from radps_dag.workloads.contract.description import Given, Input, Output, Slot, Unit, Workload
from radps_dag.workloads.contract.docstring import parse_docstring

__all__ = ["describe_function"]


# As in `run:` of a pipeline file.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")


def describe_function(
    function: Callable[..., Any],
    name: str | None,
    version: str,
    placeholder: bool,
    mutates: bool | str | Sequence[str] = False,
    snapshot: str = "",
) -> Workload:
    """The workload of a function, called like the function where no name is given.

    Raises UsageError, with the function's place, where the signature cannot be a schema.
    """
    if not inspect.isfunction(function):
        raise UsageError(f"@workload makes a workload of a function, not of {show(function)}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise _wrong(function, "must be a plain function: the engine runs it beside others itself")
    name = function.__name__ if name is None else name
    if not _NAME.fullmatch(name):
        raise _wrong(function, f"{name!r} is not a name; use letters, digits, _ and .")
    hints = _hints(function, function)
    documented = parse_docstring(function.__doc__, "Args")
    given = _given(hints)
    inputs = tuple(
        _input(function, parameter, hints, documented.entries)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name not in given
    )
    names = [*given, *(item.name for item in inputs)]
    for strange in documented.entries:
        if strange not in names:
            hint = did_you_mean(strange, names)
            raise _wrong(function, f"its docstring describes {strange!r}, no parameter{hint}")
    changes = _changes(function, mutates, inputs)
    if reason := no_snapshot(snapshot, changes):
        raise _wrong(function, reason)
    return Workload(
        name=name,
        function=function,
        inputs=inputs,
        outputs=_outputs(function, hints.get("return", dict)),
        given=given,
        summary=documented.summary,
        description=documented.description,
        version=version,
        placeholder=placeholder,
        mutates=mutates is True or bool(changes),
        changes=changes,
        snapshot=snapshot,
    )


def _changes(
    function: Callable[..., Any], mutates: bool | str | Sequence[str], inputs: Sequence[Input]
) -> tuple[str, ...]:
    try:
        return changed_inputs(mutates, inputs)
    except LookupError as error:
        name = error.args[0]
        names = [item.name for item in inputs]
        hint = did_you_mean(str(name), names) or (f"; {there_are(names)}" if names else "")
        raise _wrong(function, f"mutates {name!r}, which is not an input{hint}") from None


def _given(hints: Mapping[str, Any]) -> dict[str, Slot]:
    """The parameters that the engine fills."""
    slots: dict[str, Slot] = {
        name: item.what
        for name, hint in hints.items()
        for item in _metadata(hint)
        if isinstance(item, Given)
    }
    return slots | {
        name: "context" for name, hint in hints.items() if hint is Context and name != "return"
    }


def _input(
    function: Callable[..., Any],
    parameter: inspect.Parameter,
    hints: Mapping[str, Any],
    texts: Mapping[str, str],
) -> Input:
    name = parameter.name
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise _wrong(function, f"parameter {name!r} must have a name callers can use")
    hint = hints.get(name, Any)
    shape = _shape(function, f"parameter {name!r}", hint)
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    if reason := not_json(default) or ("" if required else mismatch(shape, default)):
        raise _wrong(function, f"default of parameter {name!r}: {reason}")
    return Input(name, shape, required, default, _unit(hint), texts.get(name, ""))


def _outputs(function: Callable[..., Any], hint: Any) -> tuple[Output, ...] | None:
    if hint is None or hint is NoneType:
        return ()
    if hint is Any or hint is dict or typing.get_origin(hint) in (dict, Mapping):
        return None
    if not (typing.is_typeddict(hint) or dataclasses.is_dataclass(hint)):
        raise _wrong(function, f"returns {hint!r}; make it a TypedDict, a dataclass or a dict")
    entries = parse_docstring(hint.__doc__, "Attributes").entries
    hints = _hints(function, hint)
    for name, _, need in _shape(function, "the result", hint).fields:
        if not need and typing.is_typeddict(hint):
            # A reader of an output must be able to rely on it.
            raise _wrong(function, f"output {name!r} may be missing; say `... | None` instead")
    return tuple(
        Output(name, _shape(function, f"output {name!r}", of), _unit(of), entries.get(name, ""))
        for name, of in hints.items()
    )


def _hints(function: Callable[..., Any], of: Any) -> Mapping[str, Any]:
    try:
        return hints_of(of)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        hint = "; define it in the module, before" if isinstance(error, NameError) else ""
        raise _wrong(function, f"its type hints cannot be read: {error}{hint}") from error


def _shape(function: Callable[..., Any], what: str, hint: Any) -> Shape:
    try:
        return _shape_of(hint)
    except (TypeError, ValueError) as error:
        raise _wrong(function, f"{what}: {error}") from error


# The same few hints, such as Product, are all over a library.
_shape_of = cache(from_hint)


def _metadata(hint: Any) -> tuple[Any, ...]:
    return hint.__metadata__ if typing.get_origin(hint) is Annotated else ()


def _unit(hint: Any) -> str:
    """The unit of a hint, also of `Annotated[...] | None` and `list[Annotated[...]]`."""
    for item in _metadata(hint):
        if isinstance(item, Unit):
            return item.name
    return next((unit for unit in map(_unit, typing.get_args(hint)) if unit), "")


def _wrong(function: Callable[..., Any], message: str) -> UsageError:
    code = inspect.unwrap(function).__code__
    place = f"{code.co_filename}:{code.co_firstlineno}"
    return UsageError(f"{place}: workload {function.__name__!r}: {message}")
