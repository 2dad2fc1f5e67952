"""Pairing of lists in an expression: by position (`zip`, indices), or by key."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jinja2 import nodes

from radps_dag.language.expression.grammar import examine, path_of
from radps_dag.language.expression.tables import KEYED
from radps_dag.language.expression.values import Expression, Reference, Template, Value
from radps_dag.problem import Location

__all__ = ["ByIndex", "ByKey", "Zipped", "aligned", "pairings"]

_References = tuple[Reference, ...]


class Zipped(NamedTuple):
    """`zip(xs, ys)`: what each of its lists reads."""

    at: Location
    lists: tuple[_References, ...]


@dataclass(frozen=True, slots=True)
class ByIndex:
    """`xs[i]`, where `i` is not a constant: what the list reads, and `i` as a text that is the same
    for indices that are the same."""

    at: Location
    list: _References
    index: str
    counter: bool  # the index is `each.index`


class ByKey(NamedTuple):
    """`at(stages.ID, key)` or `align(a=stages.ID, ...)`: the nodes that they take as a whole, and
    whether that is done by a key that something else decides."""

    function: str
    nodes: _References
    open: bool


Pairing = Zipped | ByIndex | ByKey


def pairings(value: Value) -> Iterator[Pairing]:
    """Everything in a value that puts items together."""
    match value:
        case Expression() if not value.plain:
            yield from _in_tree(value)
        case Template():
            for part in value.parts:
                if isinstance(part, Expression):
                    yield from pairings(part)


# A call, or a subscript: a bracket that follows something. A list of its own pairs nothing.
_CALL_OR_SUBSCRIPT = re.compile(r"""\(|[\w\])}'"]\s*\[""")


def _in_tree(expression: Expression) -> Iterator[Pairing]:
    if not _CALL_OR_SUBSCRIPT.search(expression.text):
        return
    tree = nodes.Output([expression.tree])  # so that the tree itself is found, too
    parts = list(tree.find_all((nodes.Call, nodes.Getitem)))
    for call in parts:
        if not isinstance(call, nodes.Call):
            continue
        if isinstance(call.node, nodes.Name) and call.node.name == "zip":
            lists = tuple(_read(expression, argument) for argument in call.args)
            yield Zipped(expression.place(call.lineno), lists)
        elif isinstance(call.node, nodes.Name) and call.node.name in KEYED:
            taken = [
                *call.args[:1],
                *(keyword.value for keyword in call.kwargs if keyword.key != "key"),
            ]
            fan_outs = tuple(
                reference
                for part in taken
                for reference in _read(expression, part)
                if path_of(part)
            )
            keys = [
                *call.args[1:],
                *(keyword.value for keyword in call.kwargs if keyword.key == "key"),
            ]
            decided = any(not _counts(key) and examine(key)[0] for key in keys)
            yield ByKey(call.node.name, fan_outs, decided or len(fan_outs) > 1)
    for item in parts:
        if not isinstance(item, nodes.Getitem):
            continue
        if not isinstance(item.arg, nodes.Const | nodes.Slice) and examine(item.arg)[0]:
            read = _read(expression, item.node)
            yield ByIndex(expression.place(item.lineno), read, repr(item.arg), _counts(item.arg))


def _counts(part: nodes.Expr) -> bool:
    """Whether this is `each.index`."""
    return path_of(part) == ("each", "index")


def aligned(value: Value) -> bool:
    """Whether a value is a list of pairs by key, so that each item has a `key`."""
    match value:
        case Expression(tree=nodes.Call(node=nodes.Name(name="align"))):
            return True
    return False


def _read(expression: Expression, part: nodes.Expr) -> _References:
    return tuple(
        Reference(read.root, read.path, expression.place(read.offset), read.guarded)
        for read in examine(part)[0]
    )
