"""Conditions of two nodes to whether the reader runs only when the node it reads has run too."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from radps_dag.checks.view import NodeView, Seat, View
from radps_dag.language.expression import Expression, ExpressionError, evaluate, paths_in
from radps_dag.problem import Location

__all__ = ["Conditions"]

MAX_COMBINATIONS = 256

_OPPOSITE = {"eq": "ne", "lt": "gteq", "gt": "lteq", "in": "notin"}
_OPPOSITE |= {opposite: sign for sign, opposite in _OPPOSITE.items()}


@dataclass(frozen=True, slots=True)
class _Fact:
    """A condition that holds wherever the reading is made; `beside` as a node at that level."""

    tree: nodes.Expr
    beside: bool


class Conditions:
    """The conditions of one file, compared by their words and by trying out the choices."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._choices = dict(_choices(view))
        self._known: dict[tuple[Seat | None, ...], bool] = {}

    def implied(self, sight: NodeView, target: Seat, skipped: tuple[Seat, ...] = ()) -> bool:
        """Whether what reads runs only if `target` does, where `skipped` are known to be skipped.

        That is certain where each part of the target's condition is a part of the reader's own, or
        of that of a node around it, and where no combination of params with a few values only
        makes all of these true and the target's false.
        """
        seat = sight.seat
        around = () if seat is None else (seat, *seat.enclosing())
        own = 1 if sight.slot.name == "when" else 0
        premises = tuple(seat for seat in around[own:] if seat.node.when is not None)
        key = (target, *premises, None, *skipped)
        if key not in self._known:
            self._known[key] = self._follows(target, premises, skipped)
        return self._known[key]

    def exclude(self, seat: Seat, other: Seat) -> bool:
        """Whether the conditions of two nodes are never true together, whatever the params."""
        first, second = seat.node.when, other.node.when
        if not (isinstance(first, Expression) and isinstance(second, Expression)):
            return False
        return self._tried(nodes.Not(second.tree), [_Fact(first.tree, False)], second.at)

    def _follows(self, target: Seat, premises: tuple[Seat, ...], skipped: tuple[Seat, ...]) -> bool:
        wanted = target.node.when
        facts = [
            _Fact(part, premise.level is target.level)
            for ones, holds in ((premises, True), (skipped, False))
            for premise in ones
            if isinstance(premise.node.when, Expression)
            for part in _parts(premise.node.when.tree, holds)
        ]
        return isinstance(wanted, Expression) and all(
            _said(part, facts) or self._tried(part, facts, wanted.at)
            for part in _parts(wanted.tree, True)
        )

    def _tried(self, wanted: nodes.Expr, facts: list[_Fact], at: Location) -> bool:
        """Whether no choice of params makes the facts true and `wanted` false."""
        names = self._params(wanted)
        if names is None:
            return False
        usable = []
        for fact in facts:
            of = self._params(fact.tree)
            if of is not None:
                usable.append(fact.tree)
                names |= of
        if math.prod(len(self._choices[name]) for name in names) > MAX_COMBINATIONS:
            return False
        ordered = sorted(names)
        for values in itertools.product(*(self._choices[name] for name in ordered)):
            params = dict(zip(ordered, values, strict=True))
            if all(_true(fact, params, at) for fact in usable) and not _true(wanted, params, at):
                return False
        return True

    def _params(self, tree: nodes.Expr) -> set[str] | None:
        """The params that a condition rests on; None if it rests on anything else."""
        paths = paths_in(tree)
        plain = all(path[0] == "params" and len(path) == 2 for path in paths)
        names = {path[-1] for path in paths}
        return names if plain and names <= set(self._choices) else None


_SAME_ANYWHERE = {"params", "stages", "run"}
_SAME_BESIDE = {*_SAME_ANYWHERE, "steps", "each", "state", "loop"}


def _said(part: nodes.Expr, facts: list[_Fact]) -> bool:
    """Whether one of the facts says the very same."""
    roots = {path[0] for path in paths_in(part)}
    return any(
        fact.tree == part and roots <= (_SAME_BESIDE if fact.beside else _SAME_ANYWHERE)
        for fact in facts
    )


def _parts(tree: nodes.Expr, holds: bool) -> Iterator[nodes.Expr]:
    """The conditions that all hold where `tree` does, or does not."""
    match tree:
        case nodes.And() if holds:
            yield from _parts(tree.left, True)
            yield from _parts(tree.right, True)
        case nodes.Or() if not holds:
            yield from _parts(tree.left, False)
            yield from _parts(tree.right, False)
        case nodes.Not():
            yield from _parts(tree.node, not holds)
        case nodes.Compare(ops=[operand]) if not holds:
            yield nodes.Compare(tree.expr, [nodes.Operand(_OPPOSITE[operand.op], operand.expr)])
        case _:
            yield tree if holds else nodes.Not(tree)


def _choices(view: View) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for param in view.pipeline.params:
        if param.shape.choices is not None:
            yield param.name, param.shape.choices
        elif param.shape.kinds == {"boolean"}:
            yield param.name, (False, True)


def _true(tree: nodes.Expr, params: Mapping[str, Any], at: Location) -> bool:
    try:
        return bool(evaluate(Expression("", tree, (), at), {"params": params}))
    except ExpressionError:
        return False
