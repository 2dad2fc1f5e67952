"""Places of a run with their states and facts, by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from radps_dag.facts.places import node_path
from radps_dag.progress.node import NodeState
from radps_dag.progress.state import RunState
from radps_dag.views.calls import NodeView

__all__ = ["Unit", "units_of"]


@dataclass(frozen=True, slots=True)
class Unit:
    """A place with its state and its facts."""

    state: NodeState
    view: NodeView


def units_of(
    run: str, run_state: RunState, views: Mapping[str, NodeView], paths: Iterable[str]
) -> tuple[dict[str, list[Unit]], list[Unit]]:
    """The places by node, nodes in the order of the graph, which `paths` gives; and the loops."""
    by_node: dict[str, list[Unit]] = {}
    looping: list[Unit] = []
    for state in run_state.root.walk():
        unit = Unit(state, views.get(state.place) or NodeView(run, state.place))
        if state.kind == "loop":
            looping.append(unit)
        if state.kind not in ("loop", "fan_out"):
            by_node.setdefault(node_path(state.place), []).append(unit)
        elif not state.children:
            by_node.setdefault(node_path(state.place), [])
    for path, units in by_node.items():
        if not units and (around := run_state.find(path)):  # a fan-out of nothing
            units.append(Unit(around, views.get(path) or NodeView(run, path)))
    order = {path: n for n, path in enumerate(paths)}
    ranked = sorted(
        (path for path, units in by_node.items() if units),
        key=lambda path: [
            order.get("/".join(path.split("/")[: n + 1]), len(order))
            for n in range(path.count("/") + 1)
        ],
    )
    return {path: by_node[path] for path in ranked}, looping
