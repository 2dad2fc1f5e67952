"""Shapes of every value: outputs, items, state and params."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from radps_dag.checks.declared import declared_outputs
from radps_dag.checks.unlooped import EMPTY
from radps_dag.checks.view import NodeView, Seat, View
from radps_dag.language.expression import FAN_OUT_MEMBERS, Literal, infer, member_of
from radps_dag.language.model import Group, Pause, Pipeline, Task, Use
from radps_dag.language.shape import (
    ANY,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    Shape,
    is_number,
    list_of,
    object_of,
    union,
)
from radps_dag.workloads.contract.registry import Library

__all__ = ["Shapes"]

Outputs = Mapping[str, Shape]
# Of outputs that rest on outputs, over and over, nothing is known past this.
MAX_CHAIN = 20
_OUTCOMES = ("converged", "diverged", "exhausted", EMPTY)
_LOOP: Outputs = {
    "outcome": Shape(STRING.kinds, choices=_OUTCOMES),
    "iterations": Shape(INTEGER.kinds, minimum=0),
    "history": list_of(union(NUMBER, NULL)),
}
_RUN: Outputs = {"id": STRING, "workdir": STRING}


class Shapes:
    """Shapes of one check, each found when first asked for and then kept."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.workloads = library.workloads
        self._views: dict[int, View] = {}
        self._found: dict[tuple[int, str], Shape] = {}
        self._names: dict[tuple[Seat, bool], Mapping[str, None] | None] = {}
        self._fields: dict[int, Outputs] = {}
        self._by_workload: dict[str, Outputs] = {}
        self._depth = 0

    def view(self, pipeline: Pipeline) -> View:
        """View of a pipeline, made once."""
        key = id(pipeline)
        if key not in self._views:
            self._views[key] = View(pipeline)
        return self._views[key]

    def names(self, seat: Seat, inside: bool = False) -> Mapping[str, None] | None:
        """The outputs of a node, as a set in order; None where they are not known.

        `inside` leaves out what a loop and a fan-out add.
        """
        key = (seat, inside)
        if key not in self._names:
            self._names[key] = self._named(seat, inside)
        return self._names[key]

    def _named(self, seat: Seat, inside: bool) -> Mapping[str, None] | None:
        node = seat.node
        own = declared_outputs(node, self.workloads)
        if own is None:
            return None
        loop = tuple(_LOOP) if node.loop is not None else ()
        added = FAN_OUT_MEMBERS if node.for_each is not None else ()
        return dict.fromkeys(own if inside else (*own, *loop, *added))

    def output(self, seat: Seat, name: str) -> Shape:
        """An output as those beside the node read it: a list, if the node fans out."""
        shape = self.result(seat, name)
        if seat.node.for_each is None:
            return shape
        own_keys = name == "keys" and name in (self.names(seat, inside=True) or ())
        return list_of(STRING if name in FAN_OUT_MEMBERS and not own_keys else shape)

    def fan_out(self, seat: Seat) -> Shape:
        """A node that fans out, read as a whole; of others, nothing is known."""
        names = self.names(seat)
        if seat.node.for_each is None or names is None:
            return ANY
        return object_of([(name, self.output(seat, name), True) for name in names], None, "")

    def result(self, seat: Seat, name: str) -> Shape:
        """An output of one instance, as the node's `qa` reads it."""
        if seat.node.loop is not None and name in _LOOP:
            return _LOOP[name]
        return self.own(seat, name)

    def own(self, seat: Seat, name: str) -> Shape:
        """An output of one iteration, as the node's `loop` reads it."""
        node = seat.node
        match node:
            case Task():
                return self._given(node.run).get(name, ANY)
            case Pause():
                return self.fields(node).get(name, ANY)
            case Group():
                view = seat.level.view
                return self._kept((id(seat), name), lambda: self._at(view, seat, f"outputs.{name}"))
            case Use():
                key = (id(node.pipeline), name)
                return self._kept(
                    key, lambda: self._at(self.view(node.pipeline), None, f"outputs.{name}")
                )
            case _:
                assert_never(node)

    def _given(self, run: str) -> Outputs:
        """The outputs of a workload with their shapes, as far as they are known."""
        if run not in self._by_workload:
            workload = self.workloads.get(run)
            outputs = workload.outputs or () if workload is not None else ()
            self._by_workload[run] = {output.name: output.shape for output in outputs}
        return self._by_workload[run]

    def fields(self, node: Pause) -> Outputs:
        """The fields of the answer to a question, with their shapes."""
        if id(node) not in self._fields:
            self._fields[id(node)] = {field.name: field.shape for field in node.inputs}
        return self._fields[id(node)]

    def _at(self, view: View, seat: Seat | None, slot: str) -> Shape:
        sight = view.sight(seat, slot)
        return ANY if sight is None else infer(sight.slot.value, self.seen_from(sight))

    def _kept(self, key: tuple[int, str], find: Callable[[], Shape]) -> Shape:
        if key in self._found:
            return self._found[key]
        if self._depth >= MAX_CHAIN:
            return ANY
        self._found[key] = ANY  # for what circles back to itself
        self._depth += 1
        try:
            self._found[key] = find()
        finally:
            self._depth -= 1
        return self._found[key]

    def seen_from(self, sight: NodeView) -> Callable[[tuple[str, ...]], Shape]:
        """The shape of any path that a value reads."""

        def shape_of(path: tuple[str, ...]) -> Shape:
            root, *rest = path
            if root == "attempt":
                return _attempt(sight)
            if not rest:
                return self._whole(sight) if root == "params" else ANY
            if root in ("steps", "stages"):
                return self._node(sight, root, rest)
            return _inside(self._start(sight, root, rest[0]), rest[1:])

        return shape_of

    def _whole(self, sight: NodeView) -> Shape:
        """All params as one value."""
        fields = ((name, shape, True) for name, shape in sight.view.params.items())
        return object_of(fields, None, "")

    def _node(self, sight: NodeView, root: str, path: list[str]) -> Shape:
        stages = sight.view.top.seats
        seat = sight.step(path[0]) if root == "steps" else stages.get(path[0])
        if seat is None or len(path) < 2:
            return ANY if seat is None else self.fan_out(seat)
        return _inside(self.output(seat, path[1]), path[2:])

    def _start(self, sight: NodeView, root: str, name: str) -> Shape:
        """The shape of a first member: `params.NAME`."""
        match root:
            case "params":
                return sight.view.params.get(name, ANY)
            case "each" if name == "index":
                return Shape(INTEGER.kinds, minimum=0)
            case "loop" if name == "index":
                return self._index(sight.loop)
            case "each":
                return self._item(sight.each.get(name), name)
            case "state":
                return self._state(sight.state.get(name), name)
            case "outputs" if sight.seat is not None:
                of = self.result if sight.slot.name.startswith("qa.") else self.own
                return of(sight.seat, name)
            case "run":
                return _RUN.get(name, ANY)
        return ANY

    def _index(self, seat: Seat | None) -> Shape:
        """The number of an iteration: up to the cap, where no person can say to go on."""
        loop = None if seat is None else seat.node.loop
        most = None
        if seat is not None and loop is not None and loop.on_exhausted != "pause":
            cap = loop.max_iterations
            limit = self._at(seat.level.view, seat, "loop.max_iterations")
            most = cap.value if isinstance(cap, Literal) else limit.maximum
        return Shape(INTEGER.kinds, minimum=1, maximum=most if is_number(most) else None)

    def _item(self, seat: Seat | None, name: str) -> Shape:
        if seat is None:
            return ANY
        view = seat.level.view
        items = self._kept(
            (id(seat), f"each {name}"), lambda: self._at(view, seat, f"for_each.{name}")
        )
        return (items.items or ANY) if items.kinds == {"array"} else ANY

    def _state(self, seat: Seat | None, name: str) -> Shape:
        if seat is None:
            return ANY
        view, slot = seat.level.view, f"loop.state.{name}"

        def find() -> Shape:
            first = self._at(view, seat, f"{slot}.init")
            if view.sight(seat, f"{slot}.next") is None:
                return first
            # First the one, then the other, which is found without knowing of this one.
            return union(first, self._at(view, seat, f"{slot}.next"))

        return self._kept((id(seat), f"state {name}"), find)


def _attempt(sight: NodeView) -> Shape:
    """The number of an attempt of a call."""
    retries = None if sight.seat is None else sight.seat.node.retries
    return Shape(INTEGER.kinds, minimum=1, maximum=1 + (0 if retries is None else retries.max))


def _inside(shape: Shape, path: list[str]) -> Shape:
    for name in path:
        shape = member_of(shape, name)
    return shape
