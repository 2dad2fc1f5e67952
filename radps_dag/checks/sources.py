"""Sources of the data that a node is given: followed through outputs, items, state and files, as
far as that is evident."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import NodeView, Seat, View
from radps_dag.language.expression import Expression, Listing, Literal, Object, Reference, Value
from radps_dag.language.model import Group, Leaf, Task, Use

__all__ = ["Origin", "Sources"]

# Of what is handed on over and over, nothing is known past this.
MAX_CHAIN = 20


@dataclass(frozen=True, slots=True)
class Origin:
    """Origin of data: a param of the file ("params"), an output of a node, a text. `items` are the
    fan-outs of which it is one item; `path` is the part of it.
    """

    root: str
    node: Seat | None
    path: tuple[str, ...]
    items: frozenset[Seat] = frozenset()

    @property
    def key(self) -> tuple[str, int, str]:
        """The same for all that may be the same data."""
        return self.root, id(self.node), self.path[0]

    def meets(self, other: Origin) -> bool:
        """Whether one is the other, or a part of it."""
        return self.key == other.key and all(
            member == counterpart
            for member, counterpart in zip(self.path, other.path, strict=False)
        )


class Sources:
    """The origins of values of one file."""

    def __init__(self, view: View, shapes: Shapes) -> None:
        self._view = view
        self._shapes = shapes

    def of(self, sight: NodeView | None) -> frozenset[Origin]:
        """The origins of a value of a node; none where they are not evident."""
        if sight is None:
            return frozenset()
        return frozenset(self._of(sight.slot.value, sight, MAX_CHAIN))

    def _of(self, value: Value, sight: NodeView, depth: int) -> Iterator[Origin]:
        match value:
            case Literal(value=text):
                yield from _texts(text)
            case Expression(plain=True, references=(reference,)) if depth:
                yield from self._read(reference, sight, depth - 1)
            case Listing(items=items):
                for item in items:
                    yield from self._of(item, sight, depth)
            case Object(entries=entries):
                for _, item in entries:
                    yield from self._of(item, sight, depth)

    def _read(self, reference: Reference, sight: NodeView, depth: int) -> Iterator[Origin]:
        if not reference.path:
            return
        name, *rest = reference.path
        match reference.root:
            case "params":
                yield Origin("params", None, reference.path)
            case "stages":
                yield from self._output(self._view.top.seats.get(name), rest, depth)
            case "steps":
                yield from self._output(sight.step(name), rest, depth)
            case "each" if (fan := sight.each.get(name)) is not None:
                for origin in self._inside(fan, f"for_each.{name}", rest, depth):
                    yield replace(origin, items=origin.items | {fan})
            case "state" if (loop := sight.state.get(name)) is not None:
                for slot in ("init", "next"):
                    yield from self._inside(loop, f"loop.state.{name}.{slot}", rest, depth)

    def _output(self, seat: Seat | None, path: list[str], depth: int) -> Iterator[Origin]:
        if seat is None or not path:
            return
        name, *rest = path
        origins: list[Origin] = []
        if seat.node.for_each is None:
            match seat.node:
                case Group():
                    origins = list(self._inside(seat, f"outputs.{name}", rest, depth))
                case Use() as node:
                    origins = list(self._through(seat, node, name, rest, depth))
                case Task() as node if self._hands_on(node, name):
                    origins = list(self._inside(seat, f"with.{name}", rest, depth))
                case Leaf():
                    pass
                case _:
                    assert_never(seat.node)
        yield from origins or [Origin("output", seat, tuple(path))]

    def _hands_on(self, node: Task, name: str) -> bool:
        """Whether it gives back the data that it changes in place."""
        workload = self._shapes.workloads.get(node.run)
        return workload is not None and name in workload.changes

    def _inside(self, seat: Seat, slot: str, rest: list[str], depth: int) -> Iterator[Origin]:
        sight = self._view.sight(seat, slot)
        if sight is not None:
            for origin in self._of(sight.slot.value, sight, depth):
                yield replace(origin, path=(*origin.path, *rest))

    def _through(
        self, seat: Seat, node: Use, name: str, rest: list[str], depth: int
    ) -> Iterator[Origin]:
        """An output of a used file that is one of its params, and so an argument of the node."""
        view = self._shapes.view(node.pipeline)
        sight = view.sight(None, f"outputs.{name}")
        if sight is None or not depth:
            return
        for origin in Sources(view, self._shapes)._of(sight.slot.value, sight, depth - 1):
            if origin.root == "params":
                yield from self._inside(
                    seat, f"with.{origin.path[0]}", [*origin.path[1:], *rest], depth
                )


def _texts(value: object) -> Iterator[Origin]:
    """The paths and addresses in a constant."""
    match value:
        case str() if value.startswith("/") or "://" in value:
            yield Origin("text", None, (value,))
        case Mapping():
            for member in value.values():
                yield from _texts(member)
        case list() | tuple():
            for item in value:
                yield from _texts(item)
