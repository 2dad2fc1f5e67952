"""Checks of `--force`: the named node runs and, where instances are known, so does that one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from radps_dag.engine.fan_out import instances
from radps_dag.engine.loops import cap
from radps_dag.engine.run import NodeContext, outermost
from radps_dag.engine.scope import Scope
from radps_dag.engine.tracker import Untracked
from radps_dag.faults import elsewhere, generalized, level_parts, levels, matches, places_of
from radps_dag.language.expression import Value, references
from radps_dag.language.model import Node, Pipeline, Use
from radps_dag.outcome import NodeError
from radps_dag.problem import UsageError, allowed, did_you_mean, there_are

__all__ = ["refuse_unmatched"]

_Pattern = tuple[str, ...]


def refuse_unmatched(
    force: Sequence[str], pipeline: Pipeline, chosen: Collection[str], params: Mapping[str, Any]
) -> None:
    """Raise UsageError, with the likely fix, for a pattern that matches nothing which runs."""
    nodes = places_of(pipeline)
    outset = outermost(None, Scope(params=params), Untracked())  # type: ignore[arg-type]
    for text in force:
        pattern = tuple(levels(text.strip("/")))
        general = tuple(map(generalized, pattern))
        matching = [place for place in nodes if matches(general, place)]
        if not matching:
            hint = elsewhere(pattern, nodes)
            raise UsageError(f"--force: no node of {pipeline.name} is at {text!r}{hint}")
        stages = list(dict.fromkeys(level_parts(next(levels(place)))[0] for place in matching))
        if not any(stage in chosen for stage in stages):
            raise UsageError(f"--force: {text!r} does not run; choose {allowed(stages)} as well")
        for number, level in enumerate(pattern):
            for part in _each_part(level):
                wanted = (*general[:number], part, *general[number + 1 :])
                _refuse_part(text, wanted, matching, nodes, outset)


def _each_part(level: str) -> Iterator[str]:
    """A level of a pattern with its instance alone, and with its iteration alone."""
    name, instance, iteration = level_parts(level)
    if instance:
        yield _level(name, instance, "*" if iteration else "")
    if iteration:
        yield _level(name, "*" if instance else "", iteration)


def _refuse_part(
    text: str, wanted: _Pattern, matching: list[str], nodes: Mapping[str, Node], outset: NodeContext
) -> None:
    """A pattern that names an instance, or an iteration, where all of them are known."""
    there: dict[str, None] = {}
    for place in matching:
        for parts in _variants(place, nodes, outset):
            if parts is None or matches(wanted, "/".join(parts)):
                return
            there.update(dict.fromkeys(parts))
    close = [level for level in there if "*" not in level]
    hint = did_you_mean(text.rpartition("/")[2], close) or f"; {there_are(close)}"
    raise UsageError(f"--force: nothing of what runs is {text!r}{hint}")


def _variants(
    place: str, nodes: Mapping[str, Node], outset: NodeContext
) -> Iterator[tuple[str, ...] | None]:
    """The levels of a place with each instance, and each iteration, at one of them; None where a
    run alone can tell which there are."""
    parts = tuple(levels(place))
    inside_file = False
    for number, level in enumerate(parts):
        node = nodes["/".join(parts[: number + 1])]
        name, instance, iteration = level_parts(level)
        for of_level, there in ((instance, _instances), (iteration, _iterations)):
            if not of_level:
                continue
            labels = None if inside_file else there(node, outset)
            if labels is None:
                yield None
                return
            for label in labels:
                names = (label, iteration) if there is _instances else (instance, label)
                yield (*parts[:number], _level(name, *names), *parts[number + 1 :])
        inside_file = inside_file or isinstance(node, Use)


def _level(name: str, instance: str, iteration: str) -> str:
    return name + (f"[{instance}]" if instance else "") + (f"#{iteration}" if iteration else "")


def _instances(node: Node, outset: NodeContext) -> Iterable[str] | None:
    """The keys of a fan-out's instances, if the params determine them."""
    fan = node.for_each
    if fan is None or not _rests_on(fan.key, {"params", "each"}):
        return None
    if not all(_rests_on(item.value, {"params"}) for item in fan.items):
        return None
    try:
        return [instance.label for instance in instances(fan, outset)]
    except NodeError:
        return None  # the run says it in its own words


def _iterations(node: Node, outset: NodeContext) -> Iterable[str] | None:
    """The numbers that a loop's iterations can have, where the params say that."""
    loop = node.loop
    if loop is None or loop.on_exhausted == "pause":  # a person may let it go on
        return None
    if not _rests_on(loop.max_iterations, {"params"}):
        return None
    try:
        return (str(number) for number in range(1, cap(node, loop, outset) + 1))
    except NodeError:
        return None


def _rests_on(value: Value | None, roots: set[str]) -> bool:
    return value is None or {reference.root for reference in references(value)} <= roots
