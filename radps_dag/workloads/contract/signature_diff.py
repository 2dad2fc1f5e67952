"""Two workloads to what a pipeline would notice if one stood in the other's place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from radps_dag.language.shape import describe
from radps_dag.workloads.contract.description import Input, Output, Workload

__all__ = ["differences"]


def differences(model: Workload, other: Workload) -> list[str]:
    """List the differences from the model in inputs, their defaults and units, and in outputs.

    What the engine gives (`workdir`, `random`, `context`) may differ, and so may descriptions.

    >>> from radps_dag.workloads.contract.registry import find_library
    >>> library = find_library("placeholder")
    >>> differences(library.find("sigma_clip"), library.find("average_spectrum"))[:1]
    ["input 'spectrum' is missing"]
    """
    found = [*_between("input", model.inputs, other.inputs)]
    if model.outputs is None or other.outputs is None:
        if model.outputs is not other.outputs:
            which = "its" if other.outputs is None else "the library's"
            found.append(f"{which} outputs are not declared by a return hint")
        return found
    return [*found, *_between("output", model.outputs, other.outputs)]


def _between(
    what: str, model: Sequence[Input | Output], other: Sequence[Input | Output]
) -> Iterator[str]:
    wanted = {one.name: one for one in model}
    given = {one.name: one for one in other}
    for name, one in wanted.items():
        if name not in given:
            yield f"{what} {name!r} is missing"
        elif _seen(given[name]) != _seen(one):
            yield f"{what} {name!r} is {_words(given[name])}, not {_words(one)}"
    for name in given:
        if name not in wanted:
            yield f"{what} {name!r} is one too many"


def _seen(one: Input | Output) -> tuple[object, ...]:
    """The parts of an input or output that a pipeline sees. Numbers that are equal, such as 1 and
    1.0, or True, are told apart.
    """
    default = (one.required, json.dumps(one.default)) if isinstance(one, Input) else ()
    return (one.shape, one.unit, default)


def _words(one: Input | Output) -> str:
    """Such as `a number in sigma (default 5.0)`."""
    unit = f" in {one.unit}" if one.unit else ""
    given = isinstance(one, Input) and not one.required
    default = f" (default {json.dumps(one.default)})" if given and isinstance(one, Input) else ""
    return f"{describe(one.shape)}{unit}{default}"
