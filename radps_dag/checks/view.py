"""A pipeline as the checks see it: each node at its seat, each expression with what it sees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from radps_dag.language.dependencies import Edge, Slot, edges, slots
from radps_dag.language.expression import Reference, references
from radps_dag.language.model import Children, Group, Node, Pipeline, Use
from radps_dag.language.shape import Shape

__all__ = ["Level", "NodeView", "Reading", "Seat", "View"]


@dataclass(slots=True, eq=False)
class Level:
    """Nodes side by side: the stages of a file, or the steps of the group `owner`."""

    view: View
    root: Literal["stages", "steps"]
    path: str
    outer: Level | None = None
    owner: Seat | None = None
    seats: dict[str, Seat] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """A node in its place. `each` and `state` are the names that the nodes around it give, with
    who gives them, and `loop` the node whose loop is around it."""

    node: Node
    path: str
    level: Level
    inner: Level | None
    number: int  # among its siblings, in the file's order
    each: Mapping[str, Seat]
    state: Mapping[str, Seat]
    loop: Seat | None

    @property
    def inner_each(self) -> Mapping[str, Seat]:
        """The items that the inside of the node sees."""
        fan = self.node.for_each
        return self.each if fan is None else {**self.each, **{i.name: self for i in fan.items}}

    @property
    def inner_state(self) -> Mapping[str, Seat]:
        """State variables that the nodes inside see, each with the seat that has it."""
        loop = self.node.loop
        return self.state if loop is None else {**self.state, **{v.name: self for v in loop.state}}

    def enclosing(self) -> Iterator[Seat]:
        """The groups around it, from the inside out."""
        owner = self.level.owner
        while owner is not None:
            yield owner
            owner = owner.level.owner


@dataclass(frozen=True, slots=True, eq=False)
class NodeView:
    """One value of a node, with what its expressions see. A pipeline's own outputs have no seat."""

    view: View
    slot: Slot
    seat: Seat | None

    @property
    def level(self) -> Level | None:
        """The nodes that it sees as `steps`."""
        if self.seat is None:
            return None
        inside = self.slot.view == "inner" and self.seat.inner is not None
        return self.seat.inner if inside else self.seat.level

    @property
    def each(self) -> Mapping[str, Seat]:
        """The items that it sees, each with the node that has it."""
        if self.seat is None:
            return {}
        name = self.slot.name
        before = name in _BEFORE_EACH or name.startswith("for_each.")
        return self.seat.each if before else self.seat.inner_each

    @property
    def state(self) -> Mapping[str, Seat]:
        """The state variables that it sees, each with the node that has it."""
        if self.seat is None:
            return {}
        return self.seat.inner_state if self._in_own_loop else self.seat.state

    @property
    def loop(self) -> Seat | None:
        """The node whose loop is around it."""
        return self.seat if self.seat is None or self._in_own_loop else self.seat.loop

    @property
    def outputs(self) -> bool:
        """Whether it sees the node's own outputs."""
        return self._after_body or (self.seat is not None and self.slot.name.startswith("qa."))

    @property
    def _after_body(self) -> bool:
        name = self.slot.name
        is_next = name.startswith("loop.") and name.endswith(".next")
        return self.seat is not None and (name in _AFTER_BODY or is_next)

    @property
    def _in_own_loop(self) -> bool:
        has_loop = self.seat is not None and self.seat.node.loop is not None
        return self._after_body or (has_loop and self.slot.name.startswith(_OF_A_CALL))

    def step(self, name: str) -> Seat | None:
        """The nearest step of that name."""
        level = self.level
        while level is not None and level.root == "steps":
            if name in level.seats:
                return level.seats[name]
            level = level.outer
        return None

    def steps(self) -> list[str]:
        """Every step in sight, for hints."""
        steps: dict[str, None] = {}
        level = self.level
        while level is not None and level.root == "steps":
            steps.update(dict.fromkeys(level.seats))
            level = level.outer
        return list(steps)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A reference in a value; `target` is the node whose outputs it reads, if there is one."""

    sight: NodeView
    reference: Reference
    target: Seat | None


# What is evaluated outside the node: its own items and its own state are not there yet.
_BEFORE_EACH = ("when", "max_parallel")
# What is evaluated for each call or execution: a loop around it has begun.
_OF_A_CALL = ("with.", "outputs.", "resources.")
_AFTER_BODY = ("loop.until", "loop.diverged", "loop.score")


class View:
    """One file: its seats, values and readings, each found once, in the file's order."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.top = Level(self, "stages", "")
        self.seats: list[Seat] = []
        self._seat(pipeline.stages, self.top, {}, {}, None)
        self.sights = [
            NodeView(self, slot, seat) for seat in self.seats for slot in slots(seat.node)
        ]
        self.sights += [
            NodeView(self, Slot(f"outputs.{output.name}", output.value, "inner"), None)
            for output in pipeline.outputs
        ]
        self.readings = [
            Reading(sight, reference, self.target(sight, reference.root, reference.path))
            for sight in self.sights
            for reference in references(sight.slot.value)
        ]

    @cached_property
    def edges(self) -> Mapping[str, tuple[Edge, ...]]:
        """Edges of every group, by its path."""
        return edges(self.pipeline)

    @cached_property
    def params(self) -> Mapping[str, Shape]:
        """Shape of every param, by its name."""
        return {param.name: param.shape for param in self.pipeline.params}

    @cached_property
    def places(self) -> Mapping[str, list[Seat]]:
        """The seats of every id, for hints about what is out of sight."""
        seats: dict[str, list[Seat]] = {}
        for seat in self.seats:
            seats.setdefault(seat.node.id, []).append(seat)
        return seats

    @cached_property
    def _index(self) -> Mapping[tuple[Seat | None, str], NodeView]:
        return {(sight.seat, sight.slot.name): sight for sight in self.sights}

    def sight(self, seat: Seat | None, slot: str) -> NodeView | None:
        """The value of a node, or of the file itself, by the slot's name."""
        return self._index.get((seat, slot))

    @property
    def used(self) -> Iterator[Pipeline]:
        """Pipelines of the files that this one uses."""
        for seat in self.seats:
            if isinstance(seat.node, Use):
                yield seat.node.pipeline

    def _seat(
        self,
        nodes: Children,
        level: Level,
        each: Mapping[str, Seat],
        state: Mapping[str, Seat],
        loop: Seat | None,
    ) -> None:
        for number, node in enumerate(nodes):
            path = f"{level.path}/{node.id}" if level.path else node.id
            inner = Level(self, "steps", path, level) if isinstance(node, Group) else None
            seat = Seat(node, path, level, inner, number, each, state, loop)
            level.seats[node.id] = seat
            self.seats.append(seat)
            if isinstance(node, Group) and inner is not None:
                inner.owner = seat
                around = (seat.inner_each, seat.inner_state, seat if node.loop else loop)
                self._seat(node.steps, inner, *around)

    def target(self, sight: NodeView, root: str, path: tuple[str, ...]) -> Seat | None:
        """The node whose outputs a path reads, if there is one."""
        if root == "stages":
            return self.top.seats.get(path[0]) if path else None
        if root == "steps" and path:
            return sight.step(path[0])
        return None
