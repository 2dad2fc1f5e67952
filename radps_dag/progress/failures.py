"""Failures of a run and their causes: each said once, where it began."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from radps_dag.progress.node import NodeState
from radps_dag.progress.state import RunState

__all__ = ["Failures", "alike", "failures", "failures_in", "pattern"]

_WHICH = re.compile(r"\[.*?\](?=$|[/#])|#\d+", re.DOTALL)
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Failures:
    """`causes` made the run fail, the earliest first; the run went on without `tolerated`."""

    causes: tuple[NodeState, ...]
    tolerated: tuple[NodeState, ...]


def failures(state: RunState) -> Failures:
    """The failures that are no mere consequence of one inside.

    A fan-out that failed for want of good instances is a cause, and so are the instances: they were
    tolerated only until there were too many.
    """
    return failures_in(state.root)


def failures_in(node: NodeState) -> Failures:
    """The same of a part of a run."""
    tolerated: list[NodeState] = []
    causes = sorted(_causes(node, tolerated), key=_ended)
    return Failures(tuple(causes), tuple(tolerated))


def _causes(node: NodeState, tolerated: list[NodeState]) -> list[NodeState]:
    mark = len(tolerated)
    inside = [cause for child in node.children.values() for cause in _causes(child, tolerated)]
    match node.status:
        case "failed":
            if not inside and node.parent is not None:
                inside = [node, *tolerated[mark:]]
                del tolerated[mark:]
            return inside
        case "tolerated":
            # Inside it a failure was final; for the run it is not.
            tolerated.extend(inside)
            if len(tolerated) == mark:
                tolerated.append(node)
            return []
        case "succeeded" if node.parent is not None:
            tolerated.extend(inside)
            return []
        case _:
            return inside


def _ended(node: NodeState) -> float:
    return (node.started or 0.0) + (node.seconds or 0.0)


def pattern(place: str) -> str:
    """A place without saying which instance and iteration.

    >>> pattern("image_cube/clean[spw=2]#3/major_cycle")
    'image_cube/clean[*]#*/major_cycle'
    """
    return _WHICH.sub(lambda match: match[0][0] + ("*]" if match[0][0] == "[" else "*"), place)


def alike(items: Iterable[Item], key: Callable[[Item], Hashable]) -> list[list[Item]]:
    """Items of one key together, in the order of the first of each."""
    groups: dict[Hashable, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return list(groups.values())
