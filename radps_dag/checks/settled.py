"""Values that rest on constants and params alone, evaluated before anything starts."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice, product
from typing import Any, Final, assert_never

from jinja2 import nodes

from radps_dag.checks.fan_outs import repeated
from radps_dag.checks.known import (
    MAX_INSTANCES,
    Known,
    Params,
    certain,
    leaves,
    part_of,
    readable,
    reads_each,
)
from radps_dag.checks.lineups import may_lose
from radps_dag.checks.resources import Refusals, check_resources, no_refusals
from radps_dag.checks.types import expected
from radps_dag.checks.unlooped import why_not_empty
from radps_dag.language.dependencies import Slot, slots
from radps_dag.language.expression import (
    Budget,
    Expression,
    ExpressionError,
    Literal,
    Names,
    Value,
    evaluate,
    references,
)
from radps_dag.language.model import (
    MOST_INSTANCES,
    ForEach,
    Group,
    Leaf,
    Node,
    Pipeline,
    Task,
    Use,
)
from radps_dag.language.params import defaults, given_by
from radps_dag.language.shape import filled, mismatch, show
from radps_dag.language.shape.violations import violation
from radps_dag.language.source import MAX_PROBLEMS
from radps_dag.problem import Location, Problem
from radps_dag.workloads.contract.asking import asked_by
from radps_dag.workloads.contract.workload import Workload

__all__ = ["settled"]

RULE = "param-value"
CONSTANT = "expression"


class _Unknown:
    """Stands for what only the run will tell."""


_UNKNOWN: Final = _Unknown()


def settled(
    pipeline: Pipeline,
    workloads: Mapping[str, Workload],
    params: Params,
    chosen: Collection[str] | None = None,
    refusals: Refusals = no_refusals,
) -> Iterator[Problem]:
    """Find what would fail in a run with `params`, in a pipeline that every other check has passed.

    Params that are not there are not known, and nor is what rests on them. What surely is not
    evaluated is not looked at; what may not be is a warning. `chosen` are the stages that would
    run, all of them if it is not given. `refusals` is asked whether calls could ever run.
    """
    walk = _Walk(workloads, refusals)
    yield from islice(walk.file(pipeline, params, True, chosen), MAX_PROBLEMS)


class _Walk:
    """One walk over a file and those that it uses, with what is left to spend on it."""

    def __init__(self, workloads: Mapping[str, Workload], refusals: Refusals) -> None:
        self._workloads = workloads
        self._refusals = refusals
        self._budget = Budget()
        self._seen: set[tuple[int, bool, str]] = set()

    def file(
        self, pipeline: Pipeline, params: Params, sure: bool, chosen: Collection[str] | None = None
    ) -> Iterator[Problem]:
        constants = Known(params)
        for node in pipeline.stages:
            if chosen is None or node.id in chosen:
                yield from self._node(node, constants, sure)
        for output in pipeline.outputs if chosen is None else ():
            yield from self._check(Slot(output.name, output.value), None, constants, sure)

    def _node(self, node: Node, constants: Known, sure: bool) -> Iterator[Problem]:
        sure = sure and node.on_error == "fail"
        by_name = {slot.name: slot for slot in slots(node)}
        if (when := by_name.pop("when", None)) is not None:
            yield from self._check(when, node, constants, sure)
            constants, certain = self._where(when.value, constants)
            if not constants.each:
                return
            sure = sure and certain
        if node.for_each is not None:
            yield from self._fan_out(node.for_each, by_name, node, constants, sure)
            constants = self._instances(node.for_each, constants)
            if not constants.each:
                return
        if node.loop is not None:
            most = by_name.pop("loop.max_iterations")
            yield from self._check(most, node, constants, sure)
            if self._quiet(most.value, constants) == 0:
                if wrong := why_not_empty(node, self._workloads):
                    yield self._problem(most.value, f"`max_iterations`: {wrong}", constants, sure)
                return
        for slot in by_name.values():
            # A metric that fails is a score of its own, and `next` may never be asked for.
            later = slot.name.startswith(("qa.metrics.", "resources."))
            if not later and not slot.name.endswith(".next"):
                yield from self._check(slot, node, constants, sure)
        if isinstance(node, Task):
            asked = asked_by(node, self._workloads)
            yield from check_resources(node, asked, constants, self._refusals, sure)
        yield from self._inside(node, constants, sure)

    def _inside(self, node: Node, constants: Known, sure: bool) -> Iterator[Problem]:
        match node:
            case Group():
                for step in node.steps:
                    yield from self._node(step, constants, sure)
            case Use():
                inner = self._params_of(node, constants)
                key = (id(node.pipeline), sure, json.dumps(inner, sort_keys=True, default=str))
                if key not in self._seen:
                    self._seen.add(key)
                    yield from self.file(node.pipeline, inner, sure)
            case Leaf():
                pass
            case _:
                assert_never(node)

    def _params_of(self, node: Use, constants: Known) -> Params:
        """The params of a used file, as far as they are known."""
        given = {
            argument.name: self._quiet(argument.value, constants) for argument in node.arguments
        }
        values = {**defaults(node.pipeline), **given_by(node, given)}
        return {
            param.name: filled(param.schema, values[param.name])
            for param in node.pipeline.params
            if values.get(param.name, _UNKNOWN) is not _UNKNOWN
        }

    def _where(self, when: Value, constants: Known) -> tuple[Known, bool]:
        """The instances in which a condition may hold, and whether it surely holds in all."""
        if not reads_each(when):
            runs = self._truth(when, constants)
            return (replace(constants, each=()) if runs is False else constants), runs is True
        held = {
            id(each): self._truth(when, replace(constants, each=(each,))) for each in constants.each
        }
        instances = tuple(each for each in constants.each if held[id(each)] is not False)
        return replace(constants, each=instances), all(held[id(each)] for each in instances)

    def _instances(self, fan: ForEach, constants: Known) -> Known:
        """The names that the instances of a fan-out see; unknown parts of their items are left
        out.
        """
        instances: list[Params] = []
        hidden = {"index", *(item.name for item in fan.items)}
        for outer in constants.each:
            around = {name: value for name, value in outer.items() if name not in hidden}
            lists = [
                self._quiet(item.value, replace(constants, each=(outer,))) for item in fan.items
            ]
            if any(items == [] for items in lists):
                continue
            if not all(isinstance(items, list) for items in lists):
                instances.append(around)
                continue
            for index, items in islice(enumerate(product(*lists)), MAX_INSTANCES - len(instances)):
                named = zip((item.name for item in fan.items), items, strict=True)
                instances.append({**around, **dict(named), "index": index})
        return replace(constants, each=tuple(instances), lossy=constants.lossy or may_lose(fan))

    def _fan_out(
        self, fan: ForEach, by_name: dict[str, Slot], node: Node, constants: Known, sure: bool
    ) -> Iterator[Problem]:
        """Check what a fan-out asks for, and how many instances it makes."""
        sizes: list[int | None] = []
        for item in fan.items:
            slot = by_name.pop(f"for_each.{item.name}")
            yield from self._check(slot, node, constants, sure)
            items = self._quiet(slot.value, constants)
            sizes.append(len(items) if isinstance(items, list) else None)
            if isinstance(items, list) and not isinstance(slot.value, Literal):
                for at, message in repeated(items, fan, slot.value.at):
                    yield self._problem(slot.value, message, constants, sure, at)
        if (limit := by_name.pop("max_parallel", None)) is not None:
            yield from self._check(limit, node, constants, sure)
        counts = [size for size in sizes if size is not None]
        total = math.prod(counts) if len(counts) == len(sizes) else None
        least = fan.min_success
        if total and total > MOST_INSTANCES:
            message = f"{total:,} instances are more than {MOST_INSTANCES:,}"
            yield self._problem(fan.items[0].value, message, constants, sure)
        elif total and not fan.percent and least > total:
            message = f"min_success: {least:g} can never be met by {total} instances"
            yield self._problem(fan.items[0].value, message, constants, sure)

    def _check(
        self, slot: Slot, node: Node | None, constants: Known, sure: bool
    ) -> Iterator[Problem]:
        """A value is had without an error, and fits where it goes: in every instance."""
        if isinstance(slot.value, Literal):
            return
        sure = sure and not (constants.lossy and reads_each(slot.value))
        for names in constants.scopes(slot.value):
            problems = [*self._wrong(slot, node, names, sure)]
            yield from problems
            if problems:
                return  # one instance shows it

    def _wrong(self, slot: Slot, node: Node | None, names: Names, sure: bool) -> Iterator[Problem]:
        value = slot.value
        failed = False
        for leaf in leaves(value):
            for part in certain(leaf, names):
                try:
                    self._evaluate(part, names)
                except ExpressionError as error:
                    failed = True
                    yield _problem(part, error.message, names, sure, error.at)
        if failed or node is None or slot.name.startswith("pause."):
            return
        result = self._evaluate(value, names)
        if result is _UNKNOWN:
            return
        what, shape = expected(slot.name, node, self._workloads)
        wrong = mismatch(shape, result)
        if not wrong and isinstance(node, Use) and slot.name.startswith("with."):
            param = node.pipeline.param(slot.name.removeprefix("with."))
            wrong = "" if param is None else violation(param.schema, result)
        if wrong:
            yield _problem(value, f"{what}: {wrong}", names, sure)

    def _truth(self, value: Value, constants: Known) -> bool | None:
        """Evaluate a condition; None if it is not known yet."""
        if isinstance(value, Expression) and isinstance(value.tree, nodes.And | nodes.Or):
            decides = isinstance(value.tree, nodes.Or)
            halves = [
                self._truth(part_of(value, half), constants)
                for half in (value.tree.left, value.tree.right)
            ]
            if decides in halves:
                return decides
            return None if None in halves else not decides
        truth = self._quiet(value, constants)
        return None if truth is _UNKNOWN else bool(truth)

    def _quiet(self, value: Value, constants: Known) -> Any:
        """The value, or that it is not known; an error of it is told elsewhere."""
        scopes = constants.scopes(value)
        try:
            return self._evaluate(value, scopes[0]) if len(scopes) == 1 else _UNKNOWN
        except ExpressionError:
            return _UNKNOWN

    def _evaluate(self, value: Value, names: Names) -> Any:
        if self._budget.remaining < 0 or not readable(value, names):
            return _UNKNOWN
        budget = Budget()
        try:
            return evaluate(value, names, budget)
        finally:
            self._budget.remaining -= Budget().remaining - budget.remaining

    def _problem(
        self, value: Value, message: str, constants: Known, sure: bool, at: Location | None = None
    ) -> Problem:
        return _problem(value, message, constants.scopes(value)[0], sure, at)


def _problem(
    value: Value, message: str, names: Names, sure: bool, at: Location | None = None
) -> Problem:
    read = dict.fromkeys(
        (reference.root, reference.path[0]) for reference in references(value) if reference.path
    )
    readable = [(root, name) for root, name in read if name in names.get(root, ())][:3]
    given = ", ".join(f"{root}.{name} is {show(names[root][name])}" for root, name in readable)
    return Problem(
        at or value.at,
        RULE if read else CONSTANT,
        f"{message} ({given})" if given else message,
        "error" if sure else "warning",
    )
