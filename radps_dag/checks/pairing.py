"""Lists that may lack different items are not put together by position, but by key."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

from radps_dag.checks.lineups import Lineup, Lineups, may_lose
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import NodeView, Seat, View
from radps_dag.language.expression import ByIndex, ByKey, Reference, Zipped, infer, pairings
from radps_dag.language.model import Use
from radps_dag.language.source import MAX_PROBLEMS
from radps_dag.problem import Location, Problem

__all__ = ["check"]

RULE = "pairing"
# What is evaluated once for the node and not for each of its instances.
_ONCE = ("when", "max_parallel")


@dataclass(frozen=True, slots=True)
class _List:
    """A list that something is taken of by position; `name` is how a message calls it."""

    name: str
    lineup: Lineup
    read: Reference | None = None


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of lists that are paired by position."""
    lineups = Lineups(shapes, view)
    yield from _file(lineups, shapes)
    yield from islice(_used(lineups, shapes), MAX_PROBLEMS)


def _used(lineups: Lineups, shapes: Shapes) -> Iterator[Problem]:
    """Check the files that this one uses, for the lists that it hands to them."""
    for seat in lineups.view.seats:
        if isinstance(seat.node, Use):
            inner = lineups.within(seat, seat.node)
            if any(lineup.lossy for lineup in inner.given.values()):
                alone = {problem.at for problem in _file(Lineups(shapes, inner.view), shapes)}
                for problem in (*_file(inner, shapes), *_used(inner, shapes)):
                    if problem.at not in alone:
                        message = f"{problem.at.source.name}, line {problem.at.line}: "
                        yield replace(
                            problem, at=seat.node.file_at, message=message + problem.message
                        )


def _file(lineups: Lineups, shapes: Shapes) -> Iterator[Problem]:
    view = lineups.view
    taken: dict[tuple[Seat | None, str], list[_List]] = {}
    for sight in view.sights:
        for pairing in pairings(sight.slot.value):
            if isinstance(pairing, Zipped):
                lists = [each for read in pairing.lists for each in _lists(sight, read, lineups)]
                pairs = itertools.combinations(lists, 2)
                yield from _contradiction(pairing.at, "'zip'", pairs, sight)
            elif isinstance(pairing, ByKey):
                yield from _keyed(pairing, sight, shapes, lineups)
            else:
                beside = taken.setdefault((sight.seat, pairing.index), [])
                yield from _indexed(pairing, sight, lineups, beside)


def _keyed(pairing: ByKey, sight: NodeView, shapes: Shapes, lineups: Lineups) -> Iterator[Problem]:
    """Nodes that are taken as a whole for their keys, and have none, or none that tell."""
    seats = [_node(read, sight) for read in pairing.nodes]
    numbered = [seat for seat in seats if seat is not None and _numbered(seat, shapes)]
    lists = {lineup and lineup.key for lineup in map(lineups.over, numbered)}
    # Numbers tell items of one list as well as keys do.
    alike = len(numbered) == len(seats) > 1 and len(lists) == 1 and None not in lists
    for read, seat in zip(pairing.nodes, seats, strict=True):
        own = None if seat is None else shapes.names(seat, inside=True)
        if seat is None or own is None:
            continue
        fans, id = seat.node.for_each is not None, seat.node.id
        if fans and "keys" in own:
            words = "an output of its own, which hides the keys of the instances; rename it"
            message = f"{pairing.function!r} needs the keys of {id!r}, whose 'keys' is {words}"
        elif not fans and "keys" not in own:
            message = f"{pairing.function!r} takes a node with for_each, and {id!r} has none"
        elif pairing.open and seat in numbered and not alike:
            words = "are the numbers of its items, which are no texts or numbers; give it a `key`"
            message = f"{pairing.function!r} needs the keys of {id!r}, and these {words}"
        else:
            continue
        yield Problem(read.at, RULE, message)


def _numbered(seat: Seat, shapes: Shapes) -> bool:
    """Whether the instances of a fan-out go by number, for want of a key."""
    fan = seat.node.for_each
    if fan is None or fan.key is not None:
        return False
    view = seat.level.view
    sights = (view.sight(seat, f"for_each.{item.name}") for item in fan.items)
    lists = [
        infer(inner.slot.value, shapes.seen_from(inner)) for inner in sights if inner is not None
    ]
    return any(
        shape.items is not None and shape.items.kinds <= {"object", "array"} for shape in lists
    )


def _indexed(
    pairing: ByIndex, sight: NodeView, lineups: Lineups, beside: list[_List]
) -> Iterator[Problem]:
    """`xs[i]` against what else is taken by `i`, and against the items that `each.index` counts."""
    for items in _lists(sight, pairing.list, lineups):
        counted = list(_counted(sight, lineups)) if pairing.counter else []
        if not any(items.lineup == other.lineup for other in beside):
            pairs = ((other, items) for other in counted or beside)
            yield from _contradiction(pairing.at, "the index", pairs, sight)
        beside.append(items)


def _lists(sight: NodeView, read: tuple[Reference, ...], lineups: Lineups) -> Iterator[_List]:
    lineup = lineups.of(sight, read)
    if lineup is not None:
        first = next(reference for reference in read if lineups.of(sight, [reference]) == lineup)
        yield _List(repr(str(first)), lineup, first)


def _counted(sight: NodeView, lineups: Lineups) -> Iterator[_List]:
    """The items of the fan-out whose instances `each.index` counts there."""
    seat = sight.seat
    if seat is None:
        return
    name = sight.slot.name
    own = not name.startswith("for_each.") and name not in _ONCE
    around = (seat, *seat.enclosing()) if own else seat.enclosing()
    fan = next((seat for seat in around if seat.node.for_each is not None), None)
    lineup = None if fan is None else lineups.over(fan)
    if fan is not None and lineup is not None:
        yield _List(f"the items of {fan.node.id!r}", lineup)


def _contradiction(
    at: Location, what: str, pairs: Iterable[tuple[_List, _List]], sight: NodeView
) -> Iterator[Problem]:
    """The first of the pairs that do not go together."""
    for items, other in pairs:
        if items.lineup.contradicts(other.lineup):
            names = f"{_named(items, at)} and {_named(other, at)}"
            message = f"{what} pairs by position {names}, which may lack different items"
            yield Problem(at, RULE, f"{message}; {_fix(items, other, sight)}")
            return


def _named(items: _List, at: Location) -> str:
    fan = items.lineup.fan
    if fan is None or fan.node.for_each is None:
        return items.name
    where = fan.node.for_each.at
    file = f"{where.source.name}, " if where.source != at.source else ""
    lossy = ", min_success" if may_lose(fan.node.for_each) and items.read is not None else ""
    node = "" if items.read is None else f"{fan.node.id!r}: "
    return f"{items.name} ({node}{file}line {where.line}{lossy})"


def _fix(items: _List, other: _List, sight: NodeView) -> str:
    """Suggest what to write instead: the keys of one, or pairs by the keys of both."""
    if any(each.read is not None and each.read.root == "params" for each in _made(items, other)):
        return "pair by key before this file is used, and give it the pairs: align(a=..., b=...)"
    ids = [_whole(each, sight) for each in (items, other)]
    for id, there in zip(ids, (other, items), strict=True):
        if id and there.lineup.fan is None:
            return f"take the keys that are left: zip({id}.keys, ...)"
    if items.read is None or other.read is None:
        id = ids[0] or ids[1] or "stages.ID"
        fan = (items if items.read is None else other).lineup.fan
        taken = fan.node.for_each.items if fan is not None and fan.node.for_each is not None else ()
        key = f"each.{taken[0].name}" if len(taken) == 1 else "KEY"
        return f"look it up by its key: at({id}, {key})"
    if not all(ids) or ids[0] == ids[1]:
        return "give the keys as outputs, too, and pair by them with align(a=..., b=...)"
    named = ", ".join(f"{str(id).partition('.')[2]}={id}" for id in ids)
    return f"pair by key: align({named})"


def _made(*lists: _List) -> Iterator[_List]:
    """The lists that a fan-out has made."""
    return (item for item in lists if item.lineup.fan is not None)


def _whole(items: _List, sight: NodeView) -> str:
    """The fan-out of a list as the expression can read it, "" where it cannot."""
    seat = None if items.read is None else _node(items.read, sight)
    fans = seat is not None and seat.node.for_each is not None
    return f"{items.read.root}.{items.read.path[0]}" if items.read is not None and fans else ""


def _node(read: Reference, sight: NodeView) -> Seat | None:
    """The node that a reference reads, with all or a part of its outputs."""
    if read.root not in ("stages", "steps") or not read.path:
        return None
    top = sight.view.top.seats
    return sight.step(read.path[0]) if read.root == "steps" else top.get(read.path[0])
