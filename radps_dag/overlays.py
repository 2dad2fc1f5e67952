"""`[nodes]` of a profile: time-outs, retries and resources of a site, by place, over the file's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import is_
from pathlib import Path
from typing import Any

from radps_dag.faults import elsewhere, level_parts, levels, matches, places_of
from radps_dag.language.assembly.details import resources, retries, time_out
from radps_dag.language.breaches import overlay_breaches
from radps_dag.language.model import Group, Named, Node, Pause, Pipeline, Retries, Task, Use, walk
from radps_dag.language.source import Document, Series, Table
from radps_dag.problem import Location, Problem, Source, UsageError

__all__ = ["Overlay", "overlaid", "overlay_words", "read_overlays", "unmatched"]

RULE = "profile"


@dataclass(frozen=True, slots=True)
class Overlay:
    """Values for the calls at the places that a pattern means. `values` are as the profile has
    them, `at` is where."""

    pattern: tuple[str, ...]
    at: Location
    values: Mapping[str, Any]
    timeout: float | None = None
    retries: Retries | None = None
    resources: tuple[Named, ...] = ()

    @property
    def place(self) -> str:
        """The pattern as it is written."""
        return "/".join(self.pattern)


def read_overlays(path: Path, text: str, tables: Any) -> tuple[Overlay, ...]:
    """The overlays of a profile; later ones go before earlier ones. Raises UsageError."""
    if not isinstance(tables, Mapping):
        example = '[nodes."**/clean"] with timeout = "6h"'
        raise UsageError(f"{path}: nodes must be tables: {example}")
    source = Source(str(path), text)
    return tuple(_read(source, pattern, table) for pattern, table in tables.items())


def _read(source: Source, pattern: str, table: Any) -> Overlay:
    parts = tuple(levels(pattern.strip("/")))
    at = _place_of(source, 1, pattern)
    where = f"{at}: nodes.{pattern!r}"
    if any(instance or iteration for _, instance, iteration in map(level_parts, parts)):
        raise UsageError(
            f"{where}: instances and iterations have the values of their node; leave out [] and #"
        )
    problems: list[Problem] = []
    data = _placed(source, table, at)
    problems += overlay_breaches(Document(source, data, at))
    if not problems:
        overlay = Overlay(
            pattern=parts,
            at=at,
            values=table,
            timeout=time_out(data, problems.append),
            retries=retries(data),
            resources=resources(data, problems.append),
        )
        if not problems:
            return overlay
    first = problems[0]
    raise UsageError(f"{first.at}: nodes.{pattern!r}: {first.message}")


def _placed(source: Source, value: Any, at: Location) -> Any:
    """Data of TOML as data that know their places: those of their keys, as far as can be seen."""
    if isinstance(value, list):
        series = Series(source)
        series.extend(_placed(source, item, at) for item in value)
        series.places.extend((at.line, at.column) for _ in value)
        return series
    if not isinstance(value, dict):
        return value
    table = Table(source)
    for key, member in value.items():
        place = _place_of(source, at.line, key)
        table.places[key] = (place.line, place.column, place.line, place.column)
        table[key] = _placed(source, member, place)
    return table


def _place_of(source: Source, first: int, key: str) -> Location:
    """The place where a key stands from a line on: tomllib does not say it."""
    named = re.compile(rf"""(?<![\w-])(["']?){re.escape(key)}\1\s*[=.\]]""")
    for number, line in enumerate(source.lines[first - 1 :], start=first):
        if match := named.search(line):
            return Location(source, number, match.start() + 1)
    return Location(source, first, 1)


def overlaid(pipeline: Pipeline, overlays: Sequence[Overlay]) -> Pipeline:
    """The pipeline with the values of all overlays that fit its calls."""
    stages = _inside(pipeline.stages, "", overlays)
    return pipeline if stages is pipeline.stages else replace(pipeline, stages=stages)


def _inside(nodes: tuple[Node, ...], path: str, overlays: Sequence[Overlay]) -> tuple[Node, ...]:
    """Nodes side by side; the same tuple where nothing changes."""
    changed = tuple(
        _node(node, f"{path}/{node.id}" if path else node.id, overlays) for node in nodes
    )
    return nodes if all(map(is_, changed, nodes)) else changed


def _node(node: Node, path: str, overlays: Sequence[Overlay]) -> Node:
    match node:
        case Group():
            steps = _inside(node.steps, path, overlays)
            return node if steps is node.steps else replace(node, steps=steps)
        case Use():
            stages = _inside(node.pipeline.stages, path, overlays)
            if stages is node.pipeline.stages:
                return node
            return replace(node, pipeline=replace(node.pipeline, stages=stages))
        case Task():
            for overlay in overlays:
                if matches(overlay.pattern, path):
                    node = _over(node, overlay)
            return node
        case Pause():
            return node


def _over(node: Task, overlay: Overlay) -> Task:
    own = {item.name for item in overlay.resources}
    return replace(
        node,
        timeout=node.timeout if overlay.timeout is None else overlay.timeout,
        retries=node.retries if overlay.retries is None else overlay.retries,
        resources=(*overlay.resources, *(item for item in node.resources if item.name not in own)),
    )


def unmatched(pipeline: Pipeline, overlays: Sequence[Overlay]) -> Iterator[Problem]:
    """A warning for each pattern that looks like a slip: it fits nodes that compute nothing, or
    none, and some of the pipeline are called alike. A profile serves more than one pipeline, so
    any other may be about another one."""
    places = places_of(pipeline)
    for overlay in overlays:
        fitting = [node for place, node in places.items() if matches(overlay.pattern, place)]
        if any(isinstance(node, Task) for node in fitting):
            continue
        what = f"[nodes] of the profile: {overlay.place!r}"
        if fitting:
            message = f"{what} computes nothing itself; name a call in it, or '{overlay.place}/**'"
            yield Problem(overlay.at, RULE, message, "warning")
        elif hint := elsewhere(overlay.pattern, places):
            message = f"{what} is no node of {pipeline.name}{hint}"
            yield Problem(overlay.at, RULE, message, "warning")


def overlay_words(pipeline: Pipeline, overlays: Sequence[Overlay]) -> dict[str, str]:
    """Words of the profile about calls, and their lines, by the paths of calls."""
    words: dict[str, list[str]] = {}
    for path, node in walk(pipeline) if overlays else ():
        for overlay in overlays if isinstance(node, Task) else ():
            if matches(overlay.pattern, path):
                at = f"{overlay.at.source.name}:{overlay.at.line}"
                words.setdefault(path, []).append(f"{_words(overlay.values)} ({at})")
    return {path: "; ".join(said) for path, said in words.items()}


def _words(values: Mapping[str, Any], inside: str = "") -> str:
    parts = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            parts.append(_words(value, f"{inside}{name}."))
        else:
            parts.append(f"{inside}{name} {value}")
    return ", ".join(parts)
