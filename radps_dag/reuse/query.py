"""A call that is about to be made, what it made before, and what of that may be used again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from radps_dag.facts import Made
from radps_dag.faults import levels, matches
from radps_dag.reuse.revisions import TO_COME
from radps_dag.workloads.contract.description import Workload
from radps_dag.workloads.contract.knowledge import Snapshot

__all__ = ["CacheQuery", "CachedResult", "Policy", "around", "patterns"]


@dataclass(frozen=True, slots=True)
class CacheQuery:
    """A call that is about to be made."""

    place: str
    workload: Workload
    arguments: Mapping[str, Any]
    key: str
    source: str
    cached: bool = True  # what other runs made may be used
    context: Snapshot | None = None  # what it is going to see, if it asks for that
    revisions: Mapping[str, str] = field(default_factory=dict)  # of data that it may read, by place
    changes: tuple[str, ...] = ()  # the addresses of the data that it changes in place

    @property
    def upstream(self) -> str:
        """The place of a call that it waits for and that is still to change data in place."""
        return next(
            (place for place, revision in self.revisions.items() if revision == TO_COME), ""
        )


@dataclass(frozen=True, slots=True)
class CachedResult:
    """The recorded result of an earlier call."""

    outputs: Mapping[str, Any]
    made: Made
    seconds: float
    run: str


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules for reuse. `force` are patterns of places that run in any case."""

    reuse: bool = True  # what other runs have made
    force: tuple[tuple[str, ...], ...] = ()

    def forces(self, place: str) -> bool:
        """Whether the place, or something that it is in, is one of those."""
        return bool(self.force) and any(
            matches(pattern, outer) for pattern in self.force for outer in around(place)
        )

    def bars(self, asked: CacheQuery) -> str:
        """Say why results of other runs may not be used for a call; "" if they may."""
        if not asked.cached:
            return "cache: false"
        if not self.reuse:
            return "reuse is off"
        return "it changes data in place" if asked.workload.mutates else ""


def around(place: str) -> list[str]:
    """A place and all that it is in: `a`, `a/b[x=1]`, `a/b[x=1]/c`."""
    parts = tuple(levels(place))
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


def patterns(texts: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Patterns of places, as in a drill: `image_cube/clean[spw=*]`."""
    return tuple(tuple(levels(text.strip("/"))) for text in texts)
