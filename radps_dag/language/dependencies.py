"""A pipeline to its edges: who must wait for whom, at every level.

An expression in a step may name a node of an enclosing group, or any stage. Such a reference makes
an edge between the two ancestors that are siblings, so that every group has a graph of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, assert_never

from radps_dag.language.expression import Reference, Value, references
from radps_dag.language.model import Children, Group, Loop, Node, Pause, Pipeline, Qa, Task, Use
from radps_dag.problem import Location

__all__ = ["Edge", "Slot", "edges", "slots"]

# Whose `steps` an expression sees: those beside the node ("outer"), or the node's own ("inner").
View = Literal["outer", "inner"]


class Slot(NamedTuple):
    """A place of a node that holds a value: its name as in the file (`with.ms`, `loop.until`)."""

    name: str
    value: Value
    view: View = "outer"


class Edge(NamedTuple):
    """`target` waits for `source`: because it reads it (data) or because it says so (needs)."""

    source: str
    target: str
    kind: Literal["data", "needs"]
    at: Location
    reference: Reference | None = None


def slots(node: Node) -> list[Slot]:
    """Every value a node carries itself (not those of the nodes inside), in the file's order."""
    carried = _own_slots(node)
    if node.when is not None:
        carried.append(Slot("when", node.when))
    if node.for_each is not None:
        carried += [Slot(f"for_each.{item.name}", item.value) for item in node.for_each.items]
        if node.for_each.key is not None:
            carried.append(Slot("key", node.for_each.key))
        if node.for_each.max_parallel is not None:
            carried.append(Slot("max_parallel", node.for_each.max_parallel))
    carried += [Slot(f"resources.{asked.name}", asked.value) for asked in node.resources]
    if node.loop is not None:
        carried += _loop_slots(node.loop)
    if node.qa is not None:
        carried += _qa_slots(node.qa)
    return carried


def _own_slots(node: Node) -> list[Slot]:
    match node:
        case Task() | Use():
            return [Slot(f"with.{argument.name}", argument.value) for argument in node.arguments]
        case Group():
            return [
                Slot(f"outputs.{output.name}", output.value, "inner") for output in node.outputs
            ]
        case Pause():
            shown = [Slot(f"pause.show[{number}]", value) for number, value in enumerate(node.show)]
            defaults = [
                Slot(f"pause.input.{param.name}.default", param.default)
                for param in node.inputs
                if param.default is not None
            ]
            return [Slot("pause.message", node.message), *shown, *defaults]
        case _:
            assert_never(node)


def _loop_slots(loop: Loop) -> Iterator[Slot]:
    yield Slot("loop.max_iterations", loop.max_iterations)
    for variable in loop.state:
        yield Slot(f"loop.state.{variable.name}.init", variable.init)
        if variable.next is not None:
            yield Slot(f"loop.state.{variable.name}.next", variable.next, "inner")
    for name, value in (("until", loop.until), ("diverged", loop.diverged), ("score", loop.score)):
        if value is not None:
            yield Slot(f"loop.{name}", value, "inner")


def _qa_slots(qa: Qa) -> Iterator[Slot]:
    for metric in qa.metrics:
        yield Slot(f"qa.metrics.{metric.name}.score", metric.score)
        others = (
            ("value", metric.value),
            ("reason", metric.reason),
            ("applies_to", metric.applies_to),
        )
        for name, value in others:
            if value is not None:
                yield Slot(f"qa.metrics.{metric.name}.{name}", value)
    for name, value in (("warn_below", qa.warn_below), ("alert_below", qa.alert_below)):
        if value is not None:
            yield Slot(f"qa.{name}", value)


def edges(pipeline: Pipeline) -> Mapping[str, tuple[Edge, ...]]:
    """The edges of every group of one file, by the group's path; the stages' own are under "".

    A used file is one node here: it sees nothing of the outside, and has edges of its own.
    References to what does not exist make no edge; `checks` reports them.
    """
    edges_by_path: dict[str, tuple[Edge, ...]] = {}
    _collect(pipeline.stages, "", "stages", edges_by_path)
    return edges_by_path


# A reference that is not resolved yet, with nothing but what resolving needs.
_Free = tuple[Reference, ...]


def _collect(
    nodes: Children,
    path: str,
    root: Literal["stages", "steps"],
    edges_by_path: dict[str, tuple[Edge, ...]],
) -> _Free:
    """Fill in the edges of this level and those below; return what points further out."""
    ids = {node.id for node in nodes}
    level: dict[tuple[str, str, str], Edge] = {}
    out: list[Reference] = []
    for node in nodes:
        for need in node.needs:
            if need.id in ids:
                edge = Edge(need.id, node.id, "needs", need.at)
                level.setdefault((edge.source, edge.target, "needs"), edge)
        for reference in _free(node, f"{path}/{node.id}" if path else node.id, edges_by_path):
            if reference.root == root and reference.path and reference.path[0] in ids:
                edge = Edge(reference.path[0], node.id, "data", reference.at, reference)
                output = ".".join(reference.path[1:2])
                level.setdefault((edge.source, edge.target, f"data {output}"), edge)
            else:
                out.append(reference)
    edges_by_path[path] = tuple(level.values())
    return tuple(out)


def _free(node: Node, path: str, edges_by_path: dict[str, tuple[Edge, ...]]) -> _Free:
    """Collect the references of a node to what is outside it."""
    inside: set[str] = set()
    below: _Free = ()
    if isinstance(node, Group):
        inside = {step.id for step in node.steps}
        below = _collect(node.steps, path, "steps", edges_by_path)
    own = [
        reference
        for slot in slots(node)
        for reference in references(slot.value)
        if reference.root in ("stages", "steps")
        and not (slot.view == "inner" and reference.root == "steps" and _names(reference, inside))
    ]
    return _distinct((*own, *below))


def _names(reference: Reference, ids: set[str]) -> bool:
    return bool(reference.path) and reference.path[0] in ids


def _distinct(free: _Free) -> _Free:
    """One reference for each output that is read, so that deep trees do not add up: the first
    that cannot do without it, else the first."""
    kept: dict[tuple[str, tuple[str, ...]], Reference] = {}
    for item in free:
        key = (item.root, item.path[:2])
        if key not in kept or (kept[key].guarded and not item.guarded):
            kept[key] = item
    return tuple(kept.values())
