"""Nodes and pipelines, with what they inherit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from radps_dag.language.assembly import details
from radps_dag.language.assembly.values import condition, named, text, unknown, value
from radps_dag.language.expression import Literal, Value, aligned, parse_expression
from radps_dag.language.model import (
    Defaults,
    ForEach,
    Group,
    Named,
    Node,
    Pause,
    Pipeline,
    Task,
    Use,
)
from radps_dag.language.source import Document, Report, Table
from radps_dag.problem import Location

__all__ = ["Included", "assemble"]

# The pipeline of a `use`, given the file as written and its place; None where it cannot be had.
Included = Callable[[str, Location], Pipeline | None]


def assemble(document: Document, path: str, include: Included, report: Report) -> Pipeline:
    """The pipeline that a file says, with its expressions parsed."""
    root: Table = document.data
    defaults = details.defaults(root, report)
    nodes = _Nodes(defaults, include, report)
    return Pipeline(
        name=root.get("name", "pipeline"),
        at=document.at,
        stages=tuple(nodes.of(root, "stages")),
        description=text(root, "description"),
        params=tuple(details.params(root, "params", report)),
        context=tuple(details.context(root)),
        library=root.get("library", "placeholder"),
        defaults=defaults,
        outputs=tuple(named(root, "outputs", report)),
        path=path,
    )


class _Nodes:
    """Nodes, with what they inherit."""

    def __init__(self, defaults: Defaults, include: Included, report: Report) -> None:
        self._defaults = defaults
        self._include = include
        self._report = report

    def of(self, table: Table, key: str) -> Iterator[Node]:
        """The nodes of `stages` or `steps`."""
        nodes = table.get(key)
        if isinstance(nodes, Table):
            for name, node in nodes.items():
                at = nodes.key_at(name)
                is_table = isinstance(node, Table)
                yield (
                    self._node(name, node, at)
                    if is_table
                    else Task(id=name, at=at, run="", run_at=at)
                )

    def _node(self, name: str, data: Table, at: Location) -> Node:
        report = self._report
        common = self._common(name, data, at)
        if "steps" in data:
            steps = tuple(self.of(data, "steps"))
            return Group(**common, steps=steps, outputs=tuple(named(data, "outputs", report)))
        if "pause" in data:
            return Pause(**common, **details.pause(data["pause"], data.value_at("pause"), report))
        arguments = tuple(named(data, "with", report))
        if "use" in data:
            file_at = data.value_at("use")
            pipeline = self._include(data["use"], file_at)
            if pipeline is None:
                return Task(**common, run="", run_at=file_at)
            return Use(
                **common,
                pipeline=pipeline,
                file=data["use"],
                file_at=file_at,
                arguments=arguments,
            )
        common["retries"] = common["retries"] or self._defaults.retries
        if "timeout" not in data:
            common["timeout"] = self._defaults.timeout
        # A node that cannot be understood calls nothing, and no check says anything about it.
        run_at = data.value_at("run") if "run" in data else at
        return Task(**common, run=data.get("run", ""), run_at=run_at, arguments=arguments)

    def _common(self, name: str, data: Table, at: Location) -> dict[str, Any]:
        """Read the fields that every kind of node may have."""
        report = self._report
        return {
            "id": name,
            "at": at,
            "description": text(data, "description"),
            "needs": tuple(details.needs(data)),
            "when": condition(data, "when", report),
            "for_each": self._for_each(data),
            "loop": details.loop(data, report),
            "retries": details.retries(data),
            "timeout": details.time_out(data, report),
            "on_error": data.get("on_error", self._defaults.on_error),
            "qa": details.qa(data, report),
            "resources": details.resources(data, report),
            "cache": data.get("cache", True),
            "tags": tuple(data.get("tags", ())),
        }

    def _for_each(self, data: Table) -> ForEach | None:
        if "for_each" not in data:
            return None
        items: Table = data["for_each"]
        limit = value(data, "max_parallel", self._report)
        at = data.key_at("for_each")
        if limit is None and self._defaults.max_parallel is not None:
            limit = Literal(self._defaults.max_parallel, at)
        share = data.get("min_success", "100%")
        percent = isinstance(share, str)
        # Also those that the grammar has refused, so that their names are known.
        named = tuple(
            Named(name, value(items, name, self._report) or unknown(at), items.key_at(name))
            for name in items.places
        )
        return ForEach(
            items=named,
            at=at,
            key=value(data, "key", self._report) or _key_of_pairs(named),
            max_parallel=limit,
            min_success=float(share.rstrip("%") if percent else share),
            percent=percent,
            batch=int(data.get("batch", 1)),
        )


def _key_of_pairs(items: tuple[Named, ...]) -> Value | None:
    """Pairs by key hand their keys on."""
    if len(items) != 1 or not aligned(items[0].value):
        return None
    return parse_expression(f"each.{items[0].name}.key", items[0].at, lambda problem: None)
