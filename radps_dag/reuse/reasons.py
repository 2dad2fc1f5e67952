"""Two calls to the reasons why they differ, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from radps_dag.facts import Made, NodeStarted, strict_json
from radps_dag.reuse.in_place import shown
from radps_dag.reuse.keys import Keys
from radps_dag.reuse.outside import GONE
from radps_dag.reuse.query import CacheQuery
from radps_dag.sealed import Sealed
from radps_dag.workloads.contract.knowledge import answer, changed

__all__ = ["became", "differences", "from_outside", "read_otherwise", "unseen"]


def differences(asked: CacheQuery, before: NodeStarted, keys: Keys) -> Iterable[str]:
    """List what differs from the call that began before."""
    if before.workload != asked.workload.name:
        yield f"its workload was {before.workload}"
        return
    if before.source != asked.source:
        yield "its code changed"
    for name, value in asked.arguments.items():
        if name not in before.inputs:
            yield f"input {name!r} is new"
        elif before.inputs[name] != value and (
            keys.identity(before.inputs[name]) != keys.identity(value)
        ):
            # Before it was marked, a secret was recorded: it is not shown again.
            was = "" if isinstance(value, Sealed) else _shown(before.inputs[name], value)
            yield f"input {name!r} changed{was}"
    for name in before.inputs:
        if name not in asked.arguments:
            yield f"input {name!r} is no longer given"


def read_otherwise(made: Made, asked: CacheQuery, keys: Keys) -> Iterable[str]:
    """List what the call read in the context, or changed in place, that is different now."""
    if made.revision and set(made.changed) != set(asked.changes):
        yield "what it changed in place was made again"
    if asked.context is None:
        return
    if any(
        addition.withdrawn and addition.withdrawn not in asked.context.uris
        for addition in made.added
    ):
        yield "a product that it withdrew was made again"
    for query, digest in made.reads.items():
        if keys.digest(answer(asked.context, query)) != digest:
            yield changed(query)


def from_outside(made: Made, asked: CacheQuery, keys: Keys) -> Iterable[str]:
    """List the data from outside that have changed, or were never looked at."""
    for uri, content in keys.from_outside(asked.arguments).items():
        if uri not in made.outside:
            yield f"it is not known what {shown(uri)} was"
        elif made.outside[uri] != content:
            yield became(uri, content)
    for text in asked.arguments.values():
        if isinstance(text, str) and keys.changed(text):
            yield f"{text} was changed in place since"


def became(uri: str, content: str | None) -> str:
    """Say whether data from outside are gone or changed."""
    return f"{shown(uri)} {'is gone' if content == GONE else 'changed'}"


def unseen(asked: CacheQuery) -> str:
    """Say what else decides about a call, besides its code and its inputs."""
    if asked.revisions:
        who = next(iter(asked.revisions))
        return f"{who} has changed data in place since"
    if any(isinstance(value, Sealed) for value in asked.arguments.values()):
        return "a secret that it is given may have changed"
    if "random" in asked.workload.given.values():
        return "the seed changed"
    return "something that it depends on changed"


def _shown(before: Any, now: Any) -> str:
    """` from 0.5 to 0.0`, where that can be read."""
    if isinstance(before, dict | list) or isinstance(now, dict | list):
        return ""
    texts = [strict_json(before), strict_json(now)]
    return f" from {texts[0]} to {texts[1]}" if all(len(text) <= 60 for text in texts) else ""
