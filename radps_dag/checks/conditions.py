"""Whether a node that reads runs only when the node that it reads has run too."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from radps_dag.checks.view import Seat, Sight, View
from radps_dag.expression import Expression, ExpressionError, Value, evaluate

__all__ = ["Conditions"]

MAX_COMBINATIONS = 256


class Conditions:
    """The conditions of one file, compared by their words and by trying out the choices."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._choices = dict(_choices(view))
        self._known: dict[tuple[Seat, ...], bool] = {}

    def implied(self, sight: Sight, target: Seat) -> bool:
        """Whether what reads runs only if `target` does.

        That is certain where its own condition, or that of a node around it, is the same, and
        where both ask for params with a few values only and no combination of these says no.
        """
        seat = sight.seat
        if seat is None:
            return False
        own = () if sight.slot.name == "when" else (seat,)
        premises = tuple(one for one in (*own, *seat.enclosing()) if one.node.when is not None)
        key = (target, *premises)
        if key not in self._known:
            self._known[key] = self._follows(target, premises)
        return self._known[key]

    def exclude(self, one: Seat, other: Seat) -> bool:
        """Whether the conditions of two nodes are never true together, whatever the params."""
        names: set[str] = set()
        whens = []
        for when in (one.node.when, other.node.when):
            of = self._params(when) if isinstance(when, Expression) else None
            if not isinstance(when, Expression) or of is None:
                return False
            whens.append(when)
            names |= of
        if math.prod(len(self._choices[name]) for name in names) > MAX_COMBINATIONS:
            return False
        ordered = sorted(names)
        return not any(
            all(_true(when, dict(zip(ordered, values, strict=True))) for when in whens)
            for values in itertools.product(*(self._choices[name] for name in ordered))
        )

    def _follows(self, target: Seat, premises: tuple[Seat, ...]) -> bool:
        wanted = target.node.when
        if not isinstance(wanted, Expression):
            return False
        for premise in premises:
            when = premise.node.when
            beside = premise.level is target.level
            if isinstance(when, Expression) and when.tree == wanted.tree:
                roots = {reference.root for reference in wanted.references}
                if roots <= {"params", "stages", "run"} or (beside and roots <= _SAME_BESIDE):
                    return True
        return self._tried([premise.node.when for premise in premises], wanted)

    def _tried(self, premises: list[Value | None], wanted: Expression) -> bool:
        """Whether no choice of params makes the premises true and `wanted` false."""
        names = self._params(wanted)
        if names is None:
            return False
        usable = []
        for premise in premises:
            of = self._params(premise) if isinstance(premise, Expression) else None
            if isinstance(premise, Expression) and of is not None:
                usable.append(premise)
                names |= of
        if math.prod(len(self._choices[name]) for name in names) > MAX_COMBINATIONS:
            return False
        ordered = sorted(names)
        for values in itertools.product(*(self._choices[name] for name in ordered)):
            params = dict(zip(ordered, values, strict=True))
            if all(_true(one, params) for one in usable) and not _true(wanted, params):
                return False
        return True

    def _params(self, when: Expression) -> set[str] | None:
        """The params that a condition rests on; None if it rests on anything else."""
        names = {one.path[0] for one in when.references if one.root == "params" and one.path}
        plain = all(one.root == "params" and len(one.path) == 1 for one in when.references)
        return names if plain and names <= set(self._choices) else None


_SAME_BESIDE = {"params", "stages", "run", "steps", "each", "state", "loop"}


def _choices(view: View) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for param in view.pipeline.params:
        if param.shape.choices is not None:
            yield param.name, param.shape.choices
        elif param.shape.kinds == {"boolean"}:
            yield param.name, (False, True)


def _true(when: Expression, params: Mapping[str, Any]) -> bool:
    try:
        return bool(evaluate(when, {"params": params}))
    except ExpressionError:
        return False
