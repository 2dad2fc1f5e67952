"""What rests on constants and params alone, evaluated before anything starts."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final, assert_never

from jinja2 import nodes

from radps_dag.checks.fan_outs import repeated
from radps_dag.checks.types import expected
from radps_dag.checks.unlooped import why_not_empty
from radps_dag.language.dependencies import Slot, slots
from radps_dag.language.expression import (
    Budget,
    Expression,
    ExpressionError,
    Listing,
    Literal,
    Object,
    Reference,
    Template,
    Value,
    evaluate,
    paths_in,
    references,
)
from radps_dag.language.model import (
    MOST_INSTANCES,
    ForEach,
    Group,
    Leaf,
    Node,
    Pipeline,
    Use,
)
from radps_dag.language.params import defaults
from radps_dag.language.shape import filled, mismatch, show
from radps_dag.language.shape.violations import violation
from radps_dag.language.source import MAX_PROBLEMS
from radps_dag.problem import Location, Problem
from radps_dag.workloads.contract.workload import Workload

__all__ = ["settled"]

RULE = "param-value"
CONSTANT = "expression"


class _Unknown:
    """Stands for what only the run will tell."""


_UNKNOWN: Final = _Unknown()
Params = Mapping[str, Any]


def settled(
    pipeline: Pipeline,
    workloads: Mapping[str, Workload],
    params: Params,
    chosen: Collection[str] | None = None,
) -> Iterator[Problem]:
    """What of a pipeline that every other check has passed would fail in a run with `params`.

    Params that are not there are not known, and nor is what rests on them. What surely is not
    evaluated is not looked at; what may not be is a warning. `chosen` are the stages that would
    run, all of them if it is not given.
    """
    walk = _Walk(workloads)
    yield from islice(walk.file(pipeline, params, True, chosen), MAX_PROBLEMS)


class _Walk:
    """One walk over a file and those that it uses, with what is left to spend on it."""

    def __init__(self, workloads: Mapping[str, Workload]) -> None:
        self._workloads = workloads
        self._budget = Budget()
        self._seen: set[tuple[int, bool, str]] = set()

    def file(
        self, pipeline: Pipeline, params: Params, sure: bool, chosen: Collection[str] | None = None
    ) -> Iterator[Problem]:
        for node in pipeline.stages:
            if chosen is None or node.id in chosen:
                yield from self._node(node, params, sure)
        for output in pipeline.outputs if chosen is None else ():
            yield from self._check(Slot(output.name, output.value), None, params, sure)

    def _node(self, node: Node, params: Params, sure: bool) -> Iterator[Problem]:
        sure = sure and node.on_error == "fail"
        by_name = {slot.name: slot for slot in slots(node)}
        if (when := by_name.pop("when", None)) is not None:
            yield from self._check(when, node, params, sure)
            runs = self._truth(when.value, params)
            if runs is False:
                return
            sure = sure and runs is True
        if node.for_each is not None:
            sizes: list[int | None] = []
            yield from self._fan_out(node.for_each, by_name, node, params, sure, sizes)
            if 0 in sizes:
                return
        if node.loop is not None:
            most = by_name.pop("loop.max_iterations")
            yield from self._check(most, node, params, sure)
            if self._quiet(most.value, params) == 0:
                if wrong := why_not_empty(node, self._workloads):
                    yield self._problem(most.value, f"`max_iterations`: {wrong}", params, sure)
                return
        for slot in by_name.values():
            # A metric that fails is a score of its own, and `next` may never be asked for.
            if not slot.name.startswith("qa.metrics.") and not slot.name.endswith(".next"):
                yield from self._check(slot, node, params, sure)
        yield from self._inside(node, params, sure)

    def _inside(self, node: Node, params: Params, sure: bool) -> Iterator[Problem]:
        match node:
            case Group():
                for step in node.steps:
                    yield from self._node(step, params, sure)
            case Use():
                inner = self._params_of(node, params)
                key = (id(node.pipeline), sure, json.dumps(inner, sort_keys=True, default=str))
                if key not in self._seen:
                    self._seen.add(key)
                    yield from self.file(node.pipeline, inner, sure)
            case Leaf():
                pass
            case _:
                assert_never(node)

    def _params_of(self, node: Use, params: Params) -> Params:
        """The params of a used file, as far as they are known."""
        given = {one.name: self._quiet(one.value, params) for one in node.arguments}
        known = {**defaults(node.pipeline), **given}
        return {
            param.name: filled(param.schema, known[param.name])
            for param in node.pipeline.params
            if known.get(param.name, _UNKNOWN) is not _UNKNOWN
        }

    def _fan_out(
        self,
        fan: ForEach,
        by_name: dict[str, Slot],
        node: Node,
        params: Params,
        sure: bool,
        sizes: list[int | None],
    ) -> Iterator[Problem]:
        """Check what a fan-out asks for; `sizes` gets how many items each of its lists has."""
        for item in fan.items:
            slot = by_name.pop(f"for_each.{item.name}")
            yield from self._check(slot, node, params, sure)
            found = self._quiet(slot.value, params)
            sizes.append(len(found) if isinstance(found, list) else None)
            if isinstance(found, list) and not isinstance(slot.value, Literal):
                for at, message in repeated(found, fan, slot.value.at):
                    yield self._problem(slot.value, message, params, sure, at)
        if (limit := by_name.pop("max_parallel", None)) is not None:
            yield from self._check(limit, node, params, sure)
        counts = [size for size in sizes if size is not None]
        total = math.prod(counts) if len(counts) == len(sizes) else None
        least = fan.min_success
        if total and total > MOST_INSTANCES:
            message = f"{total:,} instances are more than {MOST_INSTANCES:,}"
            yield self._problem(fan.items[0].value, message, params, sure)
        elif total and not fan.percent and least > total:
            message = f"min_success: {least:g} can never be met by {total} instances"
            yield self._problem(fan.items[0].value, message, params, sure)

    def _check(
        self, slot: Slot, node: Node | None, params: Params, sure: bool
    ) -> Iterator[Problem]:
        """A value is had without an error, and fits where it goes."""
        value = slot.value
        if isinstance(value, Literal):
            return
        found: Any = _UNKNOWN
        failed = False
        for leaf in _leaves(value):
            try:
                found = self._evaluate(leaf, params)
            except ExpressionError as error:
                failed = True
                yield self._problem(leaf, error.message, params, sure, error.at)
        if not isinstance(value, Expression):
            found = _UNKNOWN if failed else self._quiet(value, params)
        if failed or found is _UNKNOWN or node is None or slot.name.startswith("pause."):
            return
        what, shape = expected(slot.name, node, self._workloads)
        wrong = mismatch(shape, found)
        if not wrong and isinstance(node, Use) and slot.name.startswith("with."):
            param = node.pipeline.param(slot.name.removeprefix("with."))
            wrong = "" if param is None else violation(param.schema, found)
        if wrong:
            yield self._problem(value, f"{what}: {wrong}", params, sure)

    def _truth(self, value: Value, params: Params) -> bool | None:
        """Whether a condition holds; None if that is not known yet."""
        if isinstance(value, Expression) and isinstance(value.tree, nodes.And | nodes.Or):
            decides = isinstance(value.tree, nodes.Or)
            halves = [
                self._truth(_part(value, half), params)
                for half in (value.tree.left, value.tree.right)
            ]
            if decides in halves:
                return decides
            return None if None in halves else not decides
        found = self._quiet(value, params)
        return None if found is _UNKNOWN else bool(found)

    def _quiet(self, value: Value, params: Params) -> Any:
        """The value, or that it is not known; an error of it is told elsewhere."""
        try:
            return self._evaluate(value, params)
        except ExpressionError:
            return _UNKNOWN

    def _evaluate(self, value: Value, params: Params) -> Any:
        read = [one.path[:1] if one.root == "params" else () for one in references(value)]
        if self._budget.left < 0 or not all(path and path[0] in params for path in read):
            return _UNKNOWN
        budget = Budget()
        try:
            return evaluate(value, {"params": params}, budget)
        finally:
            self._budget.left -= Budget().left - budget.left

    def _problem(
        self,
        value: Value,
        message: str,
        params: Params,
        sure: bool,
        at: Location | None = None,
    ) -> Problem:
        read = dict.fromkeys(one.path[0] for one in references(value) if one.path)
        given = ", ".join(f"params.{name} is {show(params[name])}" for name in [*read][:3])
        return Problem(
            at or value.at,
            RULE if read else CONSTANT,
            f"{message} ({given})" if given else message,
            "error" if sure else "warning",
        )


def _leaves(value: Value) -> Iterator[Expression]:
    """The expressions in a value."""
    match value:
        case Expression():
            yield value
        case Template():
            yield from (part for part in value.parts if isinstance(part, Expression))
        case Listing():
            for item in value.items:
                yield from _leaves(item)
        case Object():
            for _, item in value.entries:
                yield from _leaves(item)


def _part(value: Expression, tree: nodes.Expr) -> Expression:
    """A part of an expression as one of its own."""
    read = tuple(Reference(path[0], path[1:], value.at) for path in paths_in(tree))
    return replace(value, tree=tree, references=read, plain=False)
