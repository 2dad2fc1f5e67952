"""Line-up of a list: the fan-out that made it, and the items it may have lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, assert_never

from radps_dag.checks.fan_outs import size
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import NodeView, Seat, View
from radps_dag.language.expression import Expression, Literal, Reference, Value, references
from radps_dag.language.model import ForEach, Group, Leaf, Use

__all__ = ["Lineup", "Lineups", "may_lose"]


@dataclass(frozen=True, slots=True)
class Lineup:
    """Lists of one `key` have the same items in the same order. `fan` made them, if a fan-out did.
    `lossy` lists lack items of those that they `came` from, by their keys."""

    key: Any
    fan: Seat | None = None
    lossy: bool = False
    came: frozenset[Any] = frozenset()

    def contradicts(self, other: Lineup) -> bool:
        """Whether items of the same number may belong to different keys."""
        if self.key == other.key or not (self.lossy or other.lossy):
            return False
        both = self.fan is not None and other.fan is not None
        return both or self.key in other.came or other.key in self.came


def may_lose(fan: ForEach) -> bool:
    """Whether instances may fail and the others still make a result."""
    if fan.percent:
        return fan.min_success < 100
    sizes = [size(item.value) for item in fan.items]
    return len(sizes) > 1 or sizes[0] is None or fan.min_success < sizes[0]


class Lineups:
    """Lineups of one file, each found when first asked for. `given` are those of its params, by
    name, where another file uses it.
    """

    def __init__(self, shapes: Shapes, view: View, given: Mapping[str, Lineup] = {}) -> None:
        self.view = view
        self.given = given
        self._shapes = shapes
        self._found: dict[Seat, Lineup | None] = {}

    def within(self, seat: Seat, use: Use) -> Lineups:
        """Lineups of the file that a node uses, with the lists that it hands over as they are."""
        given = {}
        for argument in use.arguments:
            sight = self.view.sight(seat, f"with.{argument.name}")
            plain = isinstance(argument.value, Expression) and argument.value.plain
            lineup = self._value(sight, argument.value) if sight is not None and plain else None
            if lineup is not None:
                given[argument.name] = lineup
        return Lineups(self._shapes, self._shapes.view(use.pipeline), given)

    def of(self, sight: NodeView, read: Iterable[Reference]) -> Lineup | None:
        """The lineup of a list that reads these; None if it depends on several, or on none."""
        lineups = {
            lineup for lineup in (self._reference(sight, ref) for ref in read) if lineup is not None
        }
        return lineups.pop() if len(lineups) == 1 else None

    def of_fan_out(self, seat: Seat) -> Lineup | None:
        """The lineup of the outputs of a fan-out."""
        if seat not in self._found:
            self._found[seat] = None  # for what circles back to itself
            self._found[seat] = self._fan_out(seat)
        return self._found[seat]

    def over(self, seat: Seat) -> Lineup | None:
        """The lineup of the instances of a fan-out, whatever becomes of them."""
        fan = seat.node.for_each
        assert fan is not None
        view = seat.level.view
        sources = []
        for item in fan.items:
            sight = view.sight(seat, f"for_each.{item.name}")
            source = None if sight is None else self._value(sight, item.value)
            if source is None and sight is not None and any(self._all(sight, item.value)):
                return None  # it rests on several lists
            sources.append(source or Lineup(("items", seat, item.name)))
        came = frozenset(key for source in sources for key in (source.key, *source.came))
        if len(sources) == 1:
            return replace(sources[0], fan=seat, came=came - {sources[0].key})
        lossy = any(source.lossy for source in sources)
        return Lineup(tuple(source.key for source in sources), seat, lossy, came)

    def _fan_out(self, seat: Seat) -> Lineup | None:
        fan = seat.node.for_each
        assert fan is not None
        instances = self.over(seat)
        if not may_lose(fan):
            return instances
        came = frozenset() if instances is None else instances.came | {instances.key}
        return Lineup(seat, seat, True, came)

    def _value(self, sight: NodeView, value: Value) -> Lineup | None:
        if isinstance(value, Literal):
            return Lineup(("constant", str(value.value)))
        return self.of(sight, references(value))

    def _all(self, sight: NodeView, value: Value) -> Iterable[Lineup]:
        lineups = (self._reference(sight, reference) for reference in references(value))
        return (lineup for lineup in lineups if lineup is not None)

    def _reference(self, sight: NodeView, reference: Reference) -> Lineup | None:
        path = reference.path
        if reference.root == "params":
            own = sight.view is self.view and len(path) == 1
            plain = self.given.get(path[0]) if own else None
            plain = plain or Lineup(("params", id(sight.view), path))
        elif reference.root in ("stages", "steps") and len(path) > 1:
            stages = sight.view.top.seats
            steps = reference.root == "steps"
            seat = sight.step(path[0]) if steps else stages.get(path[0])
            if seat is None:
                return None
            if seat.node.for_each is not None:
                return self.of_fan_out(seat)
            inside = self._inside(seat, path[1])
            if inside is not None:
                return inside
            plain = Lineup((seat, path[1:]))
        else:
            return None
        shape = self._shapes.seen_from(sight)((reference.root, *path))
        return plain if shape.kinds & {"array", "any"} else None

    def _inside(self, seat: Seat, output: str) -> Lineup | None:
        """The lineup of an output that a group, or a used file, hands on from inside."""
        match seat.node:
            case Group():
                sight = seat.level.view.sight(seat, f"outputs.{output}")
            case Use():
                sight = self._shapes.view(seat.node.pipeline).sight(None, f"outputs.{output}")
            case Leaf():
                return None
            case _:
                assert_never(seat.node)
        lineup = None if sight is None else self._value(sight, sight.slot.value)
        if lineup is None or isinstance(seat.node, Group):
            return lineup
        # The same file may be used twice, and each time lose others.
        came = frozenset((seat, key) for key in lineup.came)
        return replace(lineup, key=(seat, lineup.key), came=came)
