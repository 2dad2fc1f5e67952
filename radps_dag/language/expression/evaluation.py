"""Expressions to JSON values: a walk over the tree that knows nothing but the tables."""

from __future__ import annotations

import contextlib
import operator
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import nodes

from radps_dag.language.expression.bounds import MAX_INTEGER, Absent, Budget, Wrong, finite, text_of
from radps_dag.language.expression.grammar import path_of
from radps_dag.language.expression.operation import number_in
from radps_dag.language.expression.tables import FILTERS, FUNCTIONS, TESTS
from radps_dag.language.expression.truths import contains, ordered
from radps_dag.language.expression.values import (
    Expression,
    ExpressionError,
    Listing,
    Literal,
    Names,
    Object,
    Template,
    Value,
)
from radps_dag.language.shape import show
from radps_dag.problem import did_you_mean

__all__ = ["evaluate"]


def evaluate(value: Value, names: Names, budget: Budget | None = None) -> Any:
    """The JSON value of `value` where `names` are known; `budget` is what that may cost, all in all
    or, if it is not given, for each expression.

    The result may share lists and mappings with `names`: treat both as values, never change them.
    Raises ExpressionError, with the place, for a name without a value, a wrong type, a division by
    zero, and results that grow past the bounds.
    """
    match value:
        case Literal():
            return value.value
        case Expression():
            return _expression(value, names, budget)
        case Template():
            return _template(value, names, budget)
        case Listing():
            return [evaluate(item, names, budget) for item in value.items]
        case Object():
            return {name: evaluate(member, names, budget) for name, member in value.entries}


def _expression(expression: Expression, names: Names, limit: Budget | None) -> Any:
    if expression.plain:
        reference = expression.references[0]
        member: Any = names
        for name in (reference.root, *reference.path):
            # A string or a list has subscripts too, but no members.
            if not isinstance(member, (dict, Mapping)) or name not in member:
                break
            member = member[name]
        else:
            return member
    budget = limit or Budget()
    try:
        result = _Walk(names, budget).value(expression.tree)
        if isinstance(result, list | dict | str):
            budget.weigh(result)
    except Wrong as wrong:
        raise ExpressionError(expression.place(wrong.offset), wrong.message) from None
    except RecursionError:
        raise ExpressionError(expression.at, "the expression is nested too deeply") from None
    return result


def _template(template: Template, names: Names, limit: Budget | None) -> str:
    budget = limit or Budget()
    parts: list[str] = []
    for part in template.parts:
        if isinstance(part, str):
            parts.append(part)
            continue
        try:
            parts.append(text_of(_expression(part, names, limit), budget))
        except Wrong as wrong:
            raise ExpressionError(part.at, wrong.message) from None
    text = "".join(parts)
    try:
        budget.make(len(text))
    except Wrong as wrong:
        raise ExpressionError(template.at, wrong.message) from None
    return text


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        # A power is refused by its size before it is computed.
        if abs(base) > 1 and (abs(base).bit_length() - 1) * exponent > MAX_INTEGER.bit_length():
            raise Wrong("the result is an integer of more than 64 bits")
    elif isinstance(base, int) and isinstance(exponent, int):
        base = float(base)
    return base**exponent


_ARITHMETIC: Mapping[str, tuple[str, Callable[[Any, Any], Any]]] = {
    "Sub": ("-", operator.sub),
    "Mul": ("*", operator.mul),
    "Div": ("/", operator.truediv),
    "FloorDiv": ("//", operator.floordiv),
    "Mod": ("%", operator.mod),
    "Pow": ("**", _power),
}

_COMPARISON: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}


class _Walk:
    """One evaluation: what is known, and what is left to spend."""

    __slots__ = ("_budget", "_names")

    def __init__(self, names: Names, budget: Budget) -> None:
        self._names = names
        self._budget = budget

    def value(self, node: nodes.Node) -> Any:
        try:
            return _HANDLERS[type(node)](self, node)
        except Wrong as wrong:
            if wrong.offset is None:
                wrong.offset = node.lineno
            raise

    def _constant(self, node: nodes.Const) -> Any:
        return node.value

    def _name(self, node: nodes.Name) -> Any:
        if node.name not in self._names:
            raise Absent(f"'{node.name}' has no value here")
        return self._names[node.name]

    def _member(self, node: nodes.Getattr) -> Any:
        return self._look_up(node, self.value(node.node), node.attr)

    def _item(self, node: nodes.Getitem) -> Any:
        container = self.value(node.node)
        if isinstance(node.arg, nodes.Slice):
            return self._slice(container, node.arg)
        key = self.value(node.arg)
        if isinstance(container, Mapping) and isinstance(key, str):
            return self._look_up(node, container, key)
        if isinstance(container, str | list | tuple):
            if isinstance(key, bool) or not isinstance(key, int):
                raise Wrong(
                    f"{_text(node.node)} is {_kind(container)}; {show(key)} is not an index"
                )
            if not -len(container) <= key < len(container):
                raise Absent(f"{_text(node.node)} has {len(container)} items, and no [{key}]")
            return container[key]
        raise Wrong(f"{_text(node.node)} is {_kind(container)}, and has no [{show(key)}]")

    def _look_up(self, node: nodes.Getattr | nodes.Getitem, container: Any, name: str) -> Any:
        if not isinstance(container, Mapping):
            raise Wrong(f"{_text(node.node)} is {_kind(container)}, and has no member {name!r}")
        if name in container:
            return container[name]
        path = path_of(node)
        if path and len(path) == 2 and path[0] in ("stages", "steps"):
            raise Absent(f"'{'.'.join(path)}' has no value: {name!r} was skipped or has failed")
        hint = did_you_mean(name, map(str, container))
        raise Absent(f"'{_text(node)}' has no value{hint}")

    def _slice(self, container: Any, node: nodes.Slice) -> Any:
        if not isinstance(container, str | list | tuple):
            raise Wrong(f"{_kind(container)} has no slices; a list or a string has")
        bounds: list[Any] = [
            part and self.value(part) for part in (node.start, node.stop, node.step)
        ]
        for bound in bounds:
            if bound is not None and (isinstance(bound, bool) or not isinstance(bound, int)):
                raise Wrong(f"a slice takes integers, found {show(bound)}")
        if bounds[2] == 0:
            raise Wrong("a slice takes a step that is not zero")
        self._budget.spend(len(container))
        return container[slice(*bounds)]

    def _list(self, node: nodes.List | nodes.Tuple) -> list[Any]:
        return [self.value(item) for item in node.items]

    def _dict(self, node: nodes.Dict) -> dict[str, Any]:
        return {pair.key.value: self.value(pair.value) for pair in node.items}  # type: ignore[attr-defined]

    def _add(self, node: nodes.Add) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left, str) and isinstance(right, str):
            self._budget.make(len(left) + len(right))
            return left + right
        if isinstance(left, list | tuple) and isinstance(right, list | tuple):
            self._budget.make(len(left) + len(right))
            return [*left, *right]
        if isinstance(left, str) or isinstance(right, str):
            words = f"'+' takes two numbers, strings or lists, found {show(left)} and {show(right)}"
            raise Wrong(f"{words}; '~' joins anything as text")
        return self._compute("+", operator.add, left, right)

    def _binary(self, node: nodes.BinExpr) -> Any:
        sign, formula = _ARITHMETIC[type(node).__name__]
        return self._compute(sign, formula, self.value(node.left), self.value(node.right))

    def _compute(self, sign: str, formula: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
        number_in(left, f"'{sign}'")
        number_in(right, f"'{sign}'")
        try:
            return finite(formula(left, right))
        except ZeroDivisionError:
            raise Wrong("division by zero") from None
        except OverflowError:
            raise Wrong("the result is too large a number") from None

    def _negative(self, node: nodes.Neg) -> Any:
        return finite(-number_in(self.value(node.node), "'-'"))

    def _positive(self, node: nodes.Pos) -> Any:
        return number_in(self.value(node.node), "'+'")

    def _not(self, node: nodes.Not) -> bool:
        return not self.value(node.node)

    def _and(self, node: nodes.And) -> Any:
        return self.value(node.left) and self.value(node.right)

    def _or(self, node: nodes.Or) -> Any:
        return self.value(node.left) or self.value(node.right)

    def _concat(self, node: nodes.Concat) -> str:
        parts = [text_of(self.value(part), self._budget) for part in node.nodes]
        self._budget.make(sum(map(len, parts)))
        return "".join(parts)

    def _compare(self, node: nodes.Compare) -> bool:
        left = self.value(node.expr)
        for operand in node.ops:
            right = self.value(operand.expr)
            if not self._holds(operand.op, left, right):
                return False
            left = right
        return True

    def _holds(self, sign: str, left: Any, right: Any) -> bool:
        if sign in ("in", "notin"):
            return contains(self._budget, right, left) is (sign == "in")
        if sign in ("eq", "ne"):
            return bool(left == right) is (sign == "eq")
        ordered(left, right)
        return _COMPARISON[sign](left, right)

    def _choice(self, node: nodes.CondExpr) -> Any:
        chosen = node.expr1 if self.value(node.test) else node.expr2
        assert chosen is not None
        return self.value(chosen)

    def _filter(self, node: nodes.Filter) -> Any:
        assert node.node is not None
        if node.name == "default":
            *most, last = (node.node, *node.args, *(keyword.value for keyword in node.kwargs))
            for alternative in most:
                with contextlib.suppress(Absent):
                    return self.value(alternative)
            return self.value(last)
        return self._call(FILTERS[node.name].call, self.value(node.node), node=node)

    def _test(self, node: nodes.Test) -> bool:
        if node.name in ("defined", "undefined"):
            try:
                self.value(node.node)
            except Absent:
                return node.name == "undefined"
            return node.name == "defined"
        return bool(self._call(TESTS[node.name].call, self.value(node.node), node=node))

    def _function(self, node: nodes.Call) -> Any:
        return self._call(FUNCTIONS[node.node.name].call, node=node)  # type: ignore[attr-defined]

    def _call(self, function: Callable[..., Any], *first: Any, node: Any) -> Any:
        arguments = [self.value(argument) for argument in node.args]
        keywords = {keyword.key: self.value(keyword.value) for keyword in node.kwargs}
        self._budget.spend(1)
        return function(self._budget, *first, *arguments, **keywords)


_HANDLERS: Mapping[type[nodes.Node], Callable[[_Walk, Any], Any]] = {
    nodes.Const: _Walk._constant,
    nodes.Name: _Walk._name,
    nodes.Getattr: _Walk._member,
    nodes.Getitem: _Walk._item,
    nodes.List: _Walk._list,
    nodes.Tuple: _Walk._list,
    nodes.Dict: _Walk._dict,
    nodes.Add: _Walk._add,
    **{getattr(nodes, name): _Walk._binary for name in _ARITHMETIC},
    nodes.Neg: _Walk._negative,
    nodes.Pos: _Walk._positive,
    nodes.Not: _Walk._not,
    nodes.And: _Walk._and,
    nodes.Or: _Walk._or,
    nodes.Concat: _Walk._concat,
    nodes.Compare: _Walk._compare,
    nodes.CondExpr: _Walk._choice,
    nodes.Filter: _Walk._filter,
    nodes.Test: _Walk._test,
    nodes.Call: _Walk._function,
}


def _text(node: nodes.Node) -> str:
    path = path_of(node)
    return ".".join(path) if path else "the value"


def _kind(value: Any) -> str:
    kinds = ((str, "a string"), (Mapping, "a mapping"), (list | tuple, "a list"))
    return next((words for kind, words in kinds if isinstance(value, kind)), show(value))
