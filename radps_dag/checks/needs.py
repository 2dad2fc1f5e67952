"""`needs` names other nodes of the same group, each once."""

from __future__ import annotations

from collections.abc import Iterator

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import Seat, View
from radps_dag.problem import Problem, did_you_mean

__all__ = ["check"]

RULE = "needs"


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of the names in `needs`."""
    for seat in view.seats:
        seen: set[str] = set()
        for need in seat.node.needs:
            message = f"{need.id!r} is listed twice" if need.id in seen else _wrong(seat, need.id)
            seen.add(need.id)
            if message:
                yield Problem(need.at, RULE, message)


def _wrong(seat: Seat, name: str) -> str:
    level = seat.level
    if name == seat.node.id:
        return f"{name!r} needs itself"
    if name in level.seats:
        return ""
    if any(name == around.node.id for around in seat.enclosing()):
        return f"{name!r} is around this node, and cannot come before it"
    what = level.root.removesuffix("s")
    elsewhere = level.view.places.get(name)
    if elsewhere:
        path = elsewhere[0].path
        return f"{name!r} is not in the same group ({path}); let the groups need each other"
    others = [id for id in level.seats if id != seat.node.id]
    return f"unknown {what} {name!r}{did_you_mean(name, others)}"
