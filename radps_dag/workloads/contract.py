"""The contract of a workload: a plain function whose signature is its schema.

    @workload
    def autoflag(ms: Product, threshold: Sigmas = 5.0, *, workdir: Workdir) -> Flagged:
        '''Flag outliers by iterative clipping.

        Args:
            threshold: how far from the median an outlier starts
        '''

Types and defaults come from the signature, units from `Annotated[float, Unit("s")]`, descriptions
from the docstring's `Args:`. The returned TypedDict or dataclass says in the same way what the
outputs are, with their descriptions under `Attributes:`.
"""

from __future__ import annotations

import dataclasses
import inspect
import random
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, NotRequired, ParamSpec, TypedDict, TypeVar, overload

from radps_dag.problem import RadpsDagError, UsageError, allowed, did_you_mean
from radps_dag.shape import Shape, from_hint, mismatch, not_json
from radps_dag.workloads.docstring import parse_docstring

__all__ = [
    "Input",
    "Output",
    "OutputInvalid",
    "Product",
    "Random",
    "Unit",
    "Workdir",
    "Workload",
    "invoke",
    "workload",
]


class Product(TypedDict):
    """Bulk data by reference: what travels between workloads instead of arrays.

    `uri` says where it is, `kind` what it is ("visibilities", "caltable", "image"), `version` which
    of its states, `group` which of the data groups in it and `selection` which part of that.
    """

    uri: str
    kind: str
    version: NotRequired[str]
    group: NotRequired[str]
    selection: NotRequired[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of a number, in a hint: `Annotated[float, Unit("Jy")]`."""

    name: str


@dataclass(frozen=True, slots=True)
class _Given:
    """Marks a parameter that the engine fills."""

    what: Literal["workdir", "random"]


# A parameter annotated with one of these is no input of the pipeline file: the engine gives it.
# A directory of this call's own: unique per place in the run and attempt.
Workdir = Annotated[Path, _Given("workdir")]
# Seeded by run and place, not by attempt: a repeated call draws the same numbers.
Random = Annotated[random.Random, _Given("random")]


@dataclass(frozen=True, slots=True)
class Input:
    """A parameter of a workload that the pipeline file gives."""

    name: str
    shape: Shape
    required: bool
    default: Any = field(default=None, hash=False)
    unit: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A member of what a workload returns."""

    name: str
    shape: Shape
    unit: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Workload:
    """A function that a pipeline can call by name.

    `outputs` is None where the function does not say (it returns a plain dict): anything goes.
    `given` are the parameters the engine fills: name to "workdir" or "random".
    """

    name: str
    function: Callable[..., Any]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...] | None
    given: Mapping[str, Literal["workdir", "random"]] = field(default_factory=dict, hash=False)
    summary: str = ""
    description: str = ""
    version: str = "1"
    placeholder: bool = False

    @property
    def defined_at(self) -> str:
        """Where the function stands: `file.py:12`."""
        code = inspect.unwrap(self.function).__code__
        return f"{code.co_filename}:{code.co_firstlineno}"


class OutputInvalid(RadpsDagError):
    """A workload returned something that it did not declare, or that is no JSON."""


_P = ParamSpec("_P")
_R = TypeVar("_R")


@overload
def workload(function: Callable[_P, _R], /) -> Callable[_P, _R]: ...
@overload
def workload(
    *, name: str | None = None, version: str = "1", placeholder: bool = False
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...
def workload(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "1",
    placeholder: bool = False,
) -> Any:
    """Make a workload of a function: `function.workload` describes it, the function stays as it is.

    Raises UsageError, with the function's place, where the signature cannot be a schema.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        described = _describe(function, name or function.__name__, version, placeholder)
        function.workload = described  # type: ignore[attr-defined]
        return function

    return decorate if function is None else decorate(function)


def _describe(function: Callable[..., Any], name: str, version: str, placeholder: bool) -> Workload:
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise _wrong(function, "must be a plain function: the engine runs it beside others itself")
    hints = _hints(function, function)
    documented = parse_docstring(function.__doc__, "Args")
    inputs: list[Input] = []
    given: dict[str, Literal["workdir", "random"]] = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise _wrong(function, f"parameter {parameter.name!r} must have a name callers can use")
        hint = hints.get(parameter.name, Any)
        what = next((item.what for item in _metadata(hint) if isinstance(item, _Given)), None)
        if what is not None:
            given[parameter.name] = what
        else:
            text = documented.entries.get(parameter.name, "")
            inputs.append(_input(function, parameter, hint, text))
    if strange := set(documented.entries) - {item.name for item in inputs} - set(given):
        raise _wrong(function, f"its docstring describes {allowed(sorted(strange))}: no parameter")
    return Workload(
        name=name,
        function=function,
        inputs=tuple(inputs),
        outputs=_outputs(function, hints.get("return", dict)),
        given=given,
        summary=documented.summary,
        description=documented.description,
        version=version,
        placeholder=placeholder,
    )


def _input(
    function: Callable[..., Any], parameter: inspect.Parameter, hint: Any, text: str
) -> Input:
    required = parameter.default is parameter.empty
    default = None if required else parameter.default
    shape = _shape(function, f"parameter {parameter.name!r}", hint)
    if reason := not_json(default) or ("" if required else mismatch(shape, default)):
        raise _wrong(function, f"default of parameter {parameter.name!r}: {reason}")
    return Input(parameter.name, shape, required, default, _unit(hint), text)


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


def _hints(function: Callable[..., Any], of: Any) -> dict[str, Any]:
    try:
        return typing.get_type_hints(of, include_extras=True)
    except (NameError, TypeError, AttributeError, SyntaxError) as error:
        raise _wrong(function, f"its type hints cannot be read: {error}") from error


def _shape(function: Callable[..., Any], what: str, hint: Any) -> Shape:
    try:
        return from_hint(hint)
    except (TypeError, ValueError) as error:
        raise _wrong(function, f"{what}: {error}") from error


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


def invoke(
    workload: Workload, arguments: Mapping[str, Any], workdir: Path, seed: int | str
) -> dict[str, Any]:
    """Call a workload and return its outputs, known to be as declared and strict JSON.

    `workdir` is made if the workload asks for one. `seed` is the run's seed with the place of the
    node in the run, so that attempts of one call draw the same numbers and no two calls do.
    Raises OutputInvalid, and whatever the workload raises.
    """
    given: dict[str, Any] = {}
    for name, what in workload.given.items():
        if what == "workdir":
            workdir.mkdir(parents=True, exist_ok=True)
            given[name] = workdir
        else:
            given[name] = random.Random(seed)  # noqa: S311  # simulated data, no secrets
    # A copy: a workload that changes its arguments must not change another node's outputs.
    result = workload.function(**_copied(dict(arguments)), **given)
    outputs = _as_mapping(workload, result)
    for problem in _output_problems(workload, outputs):
        raise OutputInvalid(f"workload {workload.name!r} returned {problem}")
    copied: dict[str, Any] = _copied(outputs)
    return copied


def _as_mapping(workload: Workload, result: Any) -> dict[str, Any]:
    if result is None:
        return {}
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        # Not `asdict`, which copies what is no JSON before it can be refused.
        result = {item.name: getattr(result, item.name) for item in dataclasses.fields(result)}
    if not isinstance(result, dict):
        what = type(result).__name__
        raise OutputInvalid(f"workload {workload.name!r} returned a {what} instead of outputs")
    return result


def _output_problems(workload: Workload, outputs: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the outputs, in words that complete `workload 'x' returned ...`."""
    if reason := not_json(outputs):
        yield f"what is no JSON: {reason}"
        return
    if workload.outputs is None:
        return
    declared = {output.name: output for output in workload.outputs}
    for name in outputs:
        if name not in declared:
            yield f"an undeclared output {name!r}{did_you_mean(name, declared)}"
    for name, output in declared.items():
        if name not in outputs:
            yield f"no output {name!r}"
        elif reason := mismatch(output.shape, outputs[name]):
            yield f"a wrong output {name!r}: {reason}"


def _copied(value: Any) -> Any:
    """A deep copy of a JSON value, of the plain types: no tuples, no subclasses of float."""
    if isinstance(value, dict):
        return {str(name): _copied(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_copied(item) for item in value]
    for plain in (bool, int, float, str):
        if isinstance(value, plain):
            return value if type(value) is plain else plain(value)
    return value
