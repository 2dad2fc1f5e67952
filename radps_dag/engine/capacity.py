"""Capacity of this machine for calls, and calls that ask for more."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from radps_dag.executors.call import Capabilities
from radps_dag.language.model import Pipeline, Resources, Task, walk
from radps_dag.language.quantities import in_words
from radps_dag.problem import InvalidPipeline, Problem
from radps_dag.workloads.contract.registry import Library

__all__ = ["memory_for", "refuse_too_large", "resources_of"]

RULE = "resources"
# Where Linux says how much a container may use, as it has done it since 2016 and before.
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def memory_for(executor: Capabilities) -> int:
    """The memory in bytes that calls share if no limit is given: that of this machine or container
    for an executor that computes here.
    """
    return _machine_memory() if executor.here else sys.maxsize


def _machine_memory() -> int:
    limits = [sys.maxsize]
    with contextlib.suppress(ValueError, OSError, AttributeError):
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for file in _LIMITS:
        with contextlib.suppress(ValueError, OSError):  # "max", or no such file
            limits.append(int(Path(file).read_text(encoding="ascii")))
    return min(amount for amount in limits if amount > 0)


def refuse_too_large(
    pipeline: Pipeline,
    stages: Collection[str],
    executor: str,
    memory: int,
    gpus: int,
    library: Library,
    lacking: Callable[[Resources], str] | None = None,
) -> None:
    """Raise InvalidPipeline with each call that could never run, because it asks for more memory,
    or more graphics processors, than there are. `lacking` says what one call can have at most, of
    an executor that computes on machines of several kinds; "" if it is enough."""
    problems = list(_too_large(pipeline, stages, executor, memory, gpus, library, lacking))
    if problems:
        raise InvalidPipeline(problems)


def _too_large(
    pipeline: Pipeline,
    stages: Collection[str],
    executor: str,
    memory: int,
    gpus: int,
    library: Library,
    lacking: Callable[[Resources], str] | None,
) -> Iterator[Problem]:
    for path, node in walk(pipeline):
        if not isinstance(node, Task) or path.partition("/")[0] not in stages:
            continue
        asked = resources_of(node, library)
        if lacking is not None and (there := lacking(asked)):
            what = f"{path!r} asks for {asked.words}; executor {executor!r} offers a call {there}"
            yield Problem(node.at, RULE, f"{what}; ask for less, or add a block that has it")
            continue
        if (asked.memory or 0) > memory:
            wanted, there = in_words(asked.memory or 0), in_words(memory)
            hint = "ask for less, or say with --memory what there is"
            what = f"{path!r} asks for {wanted} of memory; executor {executor!r} offers {there}"
            yield Problem(node.at, RULE, f"{what}; {hint}")
        if asked.gpus > gpus:
            hint = "say with --gpus how many there are, or take a machine that has them"
            what = f"{path!r} asks for {_gpus(asked.gpus)}; executor {executor!r} offers {gpus}"
            yield Problem(node.at, RULE, f"{what}; {hint}")


def resources_of(node: Task, library: Library) -> Resources:
    """The resources that a call of the node holds: those of the node, or else of its tool."""
    workload = library.workloads.get(node.run)
    tool = None if workload is None else workload.tool
    if tool is None or tool.resources is None or node.resources != Resources():
        return node.resources
    return tool.resources


def _gpus(number: int) -> str:
    return f"{number} GPU" if number == 1 else f"{number} GPUs"
