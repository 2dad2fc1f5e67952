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
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, overload

from radps_dag.language.shape import mismatch, not_json
from radps_dag.problem import RadpsDagError, did_you_mean
from radps_dag.workloads.contract.context import Context
from radps_dag.workloads.contract.description import (
    Input,
    Output,
    Product,
    Random,
    Unit,
    Workdir,
    Workload,
)
from radps_dag.workloads.contract.signature import describe_function

__all__ = [
    "Context",
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


class OutputInvalid(RadpsDagError):
    """A workload returned something that it did not declare, or that is not JSON."""


_P = ParamSpec("_P")
_R = TypeVar("_R")


@overload
def workload(function: Callable[_P, _R], /) -> Callable[_P, _R]: ...
@overload
def workload(
    *,
    name: str | None = None,
    version: str = "1",
    placeholder: bool = False,
    mutates: bool | str | Sequence[str] = False,
    snapshot: str = "",
) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]: ...
def workload(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    version: str = "1",
    placeholder: bool = False,
    mutates: bool | str | Sequence[str] = False,
    snapshot: str = "",
) -> Any:
    """Make a workload of a function: `function.workload` describes it, the function stays as it is.

    `version` counts what its code does not show, such as a newer library below it. `mutates` says
    that it changes data in place, and which inputs name that data (True: all that can): such a call
    is never reused by another run, what depends on it runs again after it, and one that was
    interrupted is not repeated unless a person forces it, or each attempt begins from a `snapshot`
    of the data, "copy" or "reflink".
    Raises UsageError, with the function's place, where the signature cannot be a schema.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        described = describe_function(function, name, version, placeholder, mutates, snapshot)
        function.workload = described  # type: ignore[attr-defined]
        return function

    return decorate if function is None else decorate(function)


def invoke(
    workload: Workload,
    arguments: Mapping[str, Any],
    workdir: Path,
    seed: int | str,
    context: Context | None = None,
) -> dict[str, Any]:
    """Call a workload and return its outputs, known to be as declared and strict JSON.

    `workdir` is made if the workload asks for one. `seed` is the run's seed with the place of the
    node in the run, so that attempts of one call draw the same numbers and no two calls do.
    `context` is what the workload reads and adds to, if it asks for one.
    Raises OutputInvalid, and whatever the workload raises.
    """
    given: dict[str, Any] = {}
    for name, what in workload.given.items():
        if what == "workdir":
            workdir.mkdir(parents=True, exist_ok=True)
            given[name] = workdir
        elif what == "context":
            given[name] = Context() if context is None else context
        else:
            given[name] = random.Random(seed)  # noqa: S311  # simulated data, no secrets
    try:
        result = workload.function(**_own(workload, arguments), **given)
    except SystemExit as error:
        # Of the call, not of the process in which it happens to run.
        raise RuntimeError(f"the workload called sys.exit({error.code!r})") from error
    outputs = _as_mapping(workload, result)
    for problem in _output_problems(workload, outputs):
        raise OutputInvalid(f"workload {workload.name!r} returned {problem}")
    copied: dict[str, Any] = _copied(outputs)
    return copied


def _own(workload: Workload, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments for this call alone: a workload that changes them, or a default, changes
    neither another node's outputs nor another call's default."""
    own: dict[str, Any] = _copied({**workload.mutable_defaults, **arguments})
    return own


def _as_mapping(workload: Workload, result: Any) -> dict[str, Any]:
    if result is None:
        return {}
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        # Not `asdict`, which copies what is not JSON before it can be refused.
        result = {item.name: getattr(result, item.name) for item in dataclasses.fields(result)}
    if not isinstance(result, dict):
        what = type(result).__name__
        raise OutputInvalid(f"workload {workload.name!r} returned a {what} instead of outputs")
    return result


def _output_problems(workload: Workload, outputs: dict[str, Any]) -> Iterator[str]:
    """List what is wrong with the outputs, in words that complete `workload 'x' returned ...`."""
    if reason := not_json(outputs):
        yield f"what is not JSON: {reason}"
        return
    if workload.outputs is None:
        return
    declared = workload.output_shapes
    for name in outputs:
        if name not in declared:
            yield f"an undeclared output {name!r}{did_you_mean(name, declared)}"
    for name, shape in declared.items():
        if name not in outputs:
            yield f"no output {name!r}"
        elif reason := mismatch(shape, outputs[name]):
            yield f"a wrong output {name!r}: {reason}"


_PLAIN = (bool, int, float, str)
_AS_THEY_ARE = frozenset((*_PLAIN, type(None)))


def _copied(value: Any) -> Any:
    """A deep copy of a JSON value, of the plain types: no tuples, no subclasses of float."""
    if type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, dict):
        return {
            str(name): member if type(member) in _AS_THEY_ARE else _copied(member)
            for name, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [item if type(item) in _AS_THEY_ARE else _copied(item) for item in value]
    return next(plain(value) for plain in _PLAIN if isinstance(value, plain))
