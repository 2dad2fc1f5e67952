"""Order: a node comes after what it waits for; no cycles, and the file reads downwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import Level, Reading, Seat, View
from radps_dag.language.dependencies import Edge
from radps_dag.problem import Problem

__all__ = ["check"]

CYCLE = "cycle"
SELF = "self-reference"
FORWARD = "forward-reference"
MAX_SHOWN = 12  # nodes of a circle


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of cycles, and of references to later nodes."""
    for reading in view.readings:
        yield from _reads_itself(reading)
    if _reads_downwards(view):
        return
    levels = {"": view.top} | {seat.path: seat.inner for seat in view.seats if seat.inner}
    for path, level in levels.items():
        if level is not None:
            yield from _level(level, view.edges.get(path, ()))


def _reads_itself(reading: Reading) -> Iterator[Problem]:
    """A node that reads its own outputs, or those of a group that it is in."""
    seat, target = reading.sight.seat, reading.target
    if seat is None or target is None:
        return
    name = target.node.id
    at = reading.reference.at
    if target is seat:
        hint = "what a loop carries on is `state`"
        if reading.sight.outputs:
            hint = f"write outputs.{'.'.join(reading.reference.path[1:]) or 'NAME'}"
        yield Problem(at, SELF, f"{name!r} reads itself; {hint}")
    elif any(target is around for around in seat.enclosing()):
        message = f"{seat.node.id!r} reads {name!r}, which it is inside of and which ends after it"
        yield Problem(at, SELF, message)


def _reads_downwards(view: View) -> bool:
    """Whether every node stands below all that it waits for, as in most files: then nothing goes in
    circles, and no edge needs to be looked at."""
    for reading in view.readings:
        seat, target = reading.sight.seat, reading.target
        while target is not None and seat is not None and seat.level is not target.level:
            seat = seat.level.owner
        if target is not None and seat is not None and target.number > seat.number:
            return False
    needed = (
        (seat, seat.level.seats.get(need.id)) for seat in view.seats for need in seat.node.needs
    )
    return all(other is None or other.number <= seat.number for seat, other in needed)


def _level(level: Level, references: tuple[Edge, ...]) -> Iterator[Problem]:
    # What reads itself is told where it does.
    edges = [edge for edge in references if edge.source != edge.target]
    number = {name: seat.number for name, seat in level.seats.items()}
    if all(number[edge.source] < number[edge.target] for edge in edges):
        return
    waits: dict[str, list[Edge]] = {}
    for edge in edges:
        waits.setdefault(edge.target, []).append(edge)
    component = _components(level.seats, waits)
    told: set[int] = set()
    for edge in edges:
        circle = component[edge.source]
        if circle == component[edge.target]:
            if circle not in told:
                told.add(circle)
                yield _cycle(edge, waits, component, number)
        elif number[edge.source] > number[edge.target] and edge.kind == "data":
            what = f"{edge.target!r} reads {edge.source!r}, which stands further down"
            yield Problem(edge.at, FORWARD, f"{what}; move {edge.source!r} above it")


def _components(seats: Mapping[str, Seat], waits: Mapping[str, list[Edge]]) -> Mapping[str, int]:
    """Number the nodes so that those in a circle with each other share a number: Tarjan's
    algorithm, without recursion.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    component: dict[str, int] = {}
    stack: list[str] = []
    for start in seats:
        if start in index:
            continue
        work = [(start, iter(waits.get(start, ())))]
        index[start] = low[start] = len(index)
        stack.append(start)
        while work:
            name, edges = work[-1]
            edge = next(edges, None)
            if edge is not None:
                source = edge.source
                if source not in index:
                    index[source] = low[source] = len(index)
                    stack.append(source)
                    work.append((source, iter(waits.get(source, ()))))
                elif source not in component:
                    low[name] = min(low[name], index[source])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[name])
            if low[name] == index[name]:
                while name not in component:
                    component[stack.pop()] = index[name]
    return component


def _cycle(
    edge: Edge,
    waits: Mapping[str, list[Edge]],
    component: Mapping[str, int],
    number: Mapping[str, int],
) -> Problem:
    """A shortest circle that this edge is part of, as its path from the first node in the file."""
    circle = [edge]
    came: dict[str, Edge | None] = {edge.source: None}
    level = [edge.source]
    while level and edge.target not in came:
        edges = [link for name in level for link in waits.get(name, ())]
        inside = [other for other in edges if component[other.source] == component[edge.source]]
        for other in reversed(inside):
            if other.source not in came:
                came[other.source] = other
        level = [link.source for link in inside if came[link.source] is link]
    # Each node waits for the one before it: back from the target to the source.
    back = came[edge.target]
    while back is not None:
        circle.append(back)
        back = came[back.target]
    names = [link.source for link in circle]
    first = min(range(len(names)), key=lambda index: number[names[index]])
    names = [*names[first:], *names[:first]]
    if len(names) > MAX_SHOWN:
        names[MAX_SHOWN - 1 : -1] = [f"... ({len(names) - MAX_SHOWN} more)"]
    names.append(names[0])
    kinds = {link.kind for link in circle}
    what = " and ".join(kind for kind in ("data", "needs") if kind in kinds)
    return Problem(edge.at, CYCLE, f"these wait for each other: {' -> '.join(names)} ({what})")
