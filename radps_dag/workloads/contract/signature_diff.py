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
    differing = [*_between("input", model.inputs, other.inputs)]
    if model.outputs is None or other.outputs is None:
        if model.outputs is not other.outputs:
            which = "its" if other.outputs is None else "the library's"
            differing.append(f"{which} outputs are not declared by a return hint")
        return differing
    return [*differing, *_between("output", model.outputs, other.outputs)]


def _between(
    what: str, model: Sequence[Input | Output], other: Sequence[Input | Output]
) -> Iterator[str]:
    wanted = {item.name: item for item in model}
    given = {item.name: item for item in other}
    for name, item in wanted.items():
        if name not in given:
            yield f"{what} {name!r} is missing"
        elif _seen(given[name]) != _seen(item):
            yield f"{what} {name!r} is {_words(given[name])}, not {_words(item)}"
    for name in given:
        if name not in wanted:
            yield f"{what} {name!r} is one too many"


def _seen(item: Input | Output) -> tuple[object, ...]:
    """The parts of an input or output that a pipeline sees. Numbers that are equal, such as 1 and
    1.0, or True, are told apart.
    """
    default = (item.required, json.dumps(item.default)) if isinstance(item, Input) else ()
    return (item.shape, item.unit, default)


def _words(item: Input | Output) -> str:
    """Describe an input or output, such as `a number in sigma (default 5.0)`."""
    unit = f" in {item.unit}" if item.unit else ""
    given = isinstance(item, Input) and not item.required
    default = f" (default {json.dumps(item.default)})" if given and isinstance(item, Input) else ""
    return f"{describe(item.shape)}{unit}{default}"
