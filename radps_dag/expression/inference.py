"""The shape of an expression's value, as far as it is known before the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import nodes

from radps_dag.expression.grammar import path_of
from radps_dag.expression.tables import FILTERS, FUNCTIONS
from radps_dag.expression.values import (
    Expression,
    Listing,
    Literal,
    Object,
    Template,
    Value,
)
from radps_dag.problem import Location, allowed, did_you_mean
from radps_dag.shape import (
    ANY,
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    Shape,
    describe,
    fits,
    list_of,
    object_of,
    of_value,
    union,
)

__all__ = ["infer", "member_of"]

# A root with its path to the shape of what stands there; ANY for what is not known.
Known = Callable[[tuple[str, ...]], Shape]
Complain = Callable[[Location, str], None]


def infer(value: Value, known: Known, complain: Complain | None = None) -> Shape:
    """The shape of `value`, where `known` tells that of a path such as `("params", "spws")`.

    `complain` gets each operation in it that no value can make succeed, such as text times two.
    """
    match value:
        case Literal():
            return of_value(value.value)
        case Expression():
            return _Inference(value, known, complain).of(value.tree)
        case Template():
            if complain is not None:
                for part in value.parts:
                    if isinstance(part, Expression):
                        infer(part, known, complain)
            return STRING
        case Listing():
            return list_of(union(*[infer(item, known, complain) for item in value.items]))
        case Object():
            fields = [(name, infer(one, known, complain), True) for name, one in value.entries]
            return object_of(fields, None, "")


def member_of(shape: Shape, name: str) -> Shape:
    """The shape of a member of an object; ANY where nothing is known of it."""
    if shape.kinds != {"object"}:
        return ANY
    for field, of, _ in shape.fields:
        if field == name:
            return of
    return shape.values or ANY


_ORDERED = union(NUMBER, STRING)
_ADDED = union(NUMBER, STRING, list_of())
_CONTAINER = union(list_of(), STRING, object_of((), ANY, ""))
_SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**"}


class _Inference:
    """One walk over the tree of an expression."""

    __slots__ = ("_complain", "_expression", "_known")

    def __init__(self, expression: Expression, known: Known, complain: Complain | None) -> None:
        self._expression = expression
        self._known = known
        self._complain = complain

    def of(self, node: nodes.Node) -> Shape:
        path = path_of(node)
        if path is not None:
            return self._known(path)
        match node:
            case nodes.Const():
                return _constant(node.value)
            case nodes.List() | nodes.Tuple():
                items = [self.of(item) for item in node.items]
                return list_of(union(*items) if items else None)
            case nodes.Dict():
                fields = [(_key(pair), self.of(pair.value), True) for pair in node.items]
                return object_of(fields, None, "")
            case nodes.Getattr():
                return self._member(node)
            case nodes.Getitem():
                return self._subscript(node)
            case nodes.And() | nodes.Or():
                return union(self.of(node.left), self.of(node.right))
            case nodes.CondExpr():
                self.of(node.test)
                other = self.of(node.expr2) if node.expr2 is not None else ANY
                return union(self.of(node.expr1), other)
            case nodes.BinExpr():
                return self._arithmetic(node)
            case nodes.Neg() | nodes.Pos():
                shape = self.of(node.node)
                self._require(node, NUMBER, shape, "a sign")
                return INTEGER if shape.kinds == {"integer"} else NUMBER
            case nodes.Filter() | nodes.Call():
                return self._operation(node)
        return self._plain_result(node)

    def _plain_result(self, node: nodes.Node) -> Shape:
        """Operations whose result does not depend on the shapes of what they take."""
        match node:
            case nodes.Not():
                self.of(node.node)
                return BOOLEAN
            case nodes.Test():
                self.of(node.node)
                for argument in node.args:
                    self.of(argument)
                return BOOLEAN
            case nodes.Compare():
                self._comparison(node)
                return BOOLEAN
            case nodes.Concat():
                for part in node.nodes:
                    self.of(part)
                return STRING
        return ANY

    def _require(self, node: nodes.Node, expected: Shape, given: Shape, what: str) -> None:
        if self._complain is not None and not fits(expected, given):
            message = f"{what} takes {describe(expected)}, found {describe(given)}"
            self._complain(self._expression.place(node.lineno), message)

    def _member(self, node: nodes.Getattr) -> Shape:
        shape = self.of(node.node)
        names = [name for name, _, _ in shape.fields]
        looked_up = isinstance(node.node, nodes.Call) and shape.kinds == {"object"}
        if self._complain and looked_up and shape.values is None and node.attr not in names:
            hint = did_you_mean(node.attr, names) or f"; it has {allowed(names) or 'none'}"
            message = f"no output {node.attr!r} there{hint}"
            self._complain(self._expression.place(node.lineno), message)
        return member_of(shape, node.attr)

    def _subscript(self, node: nodes.Getitem) -> Shape:
        container = self.of(node.node)
        if isinstance(node.arg, nodes.Slice):
            if container.kinds == {"array"}:
                return list_of(container.items)
            return STRING if container.kinds == {"string"} else ANY
        self.of(node.arg)
        self._require(node, _CONTAINER, container, "a subscript")
        if container.kinds == {"array"}:
            return container.items or ANY
        return STRING if container.kinds == {"string"} else ANY

    def _arithmetic(self, node: nodes.BinExpr) -> Shape:
        left, right = self.of(node.left), self.of(node.right)
        kinds = left.kinds | right.kinds
        sign = _SIGNS[type(node).__name__]
        expected = _ADDED if sign == "+" else NUMBER
        for shape in (left, right):
            self._require(node, expected, shape, f"'{sign}'")
        if sign == "+":
            if kinds == {"string"}:
                return STRING
            if kinds == {"array"}:
                return list_of(union(left.items or ANY, right.items or ANY))
            self._require(node, _alike(left, _ADDED), right, f"'+' after {describe(left)}")
            if not kinds <= {"integer", "number"}:
                return ANY
        if sign in ("/", "**"):
            return NUMBER
        return INTEGER if kinds == {"integer"} else NUMBER

    def _comparison(self, node: nodes.Compare) -> None:
        left = self.of(node.expr)
        for operand in node.ops:
            right = self.of(operand.expr)
            if operand.op in ("in", "notin"):
                self._require(node, _CONTAINER, right, "'in'")
            elif operand.op not in ("eq", "ne"):
                for shape in (left, right):
                    self._require(node, _ORDERED, shape, "a comparison")
                what = f"a comparison with {describe(left)}"
                self._require(node, _alike(left, _ORDERED), right, what)
            elif left.choices is not None or right.choices is not None:
                self._never_equal(node, left, right)
            left = right

    def _never_equal(self, node: nodes.Node, left: Shape, right: Shape) -> None:
        """`params.imaging == 'contt'`, where the param takes other words only."""
        for expected, given in ((left, right), (right, left)):
            if expected.choices is not None and len(expected.choices) > 1:
                self._require(node, expected, given, "a comparison with a choice")
                return

    def _operation(self, node: nodes.Filter | nodes.Call) -> Shape:
        arguments = [self.of(argument) for argument in node.args]
        named = {str(keyword.key): self.of(keyword.value) for keyword in node.kwargs}
        if isinstance(node, nodes.Call):
            function = FUNCTIONS[node.node.name if isinstance(node.node, nodes.Name) else ""]
            for shape in named.values() if "**" in function.parameters else arguments[:1]:
                self._require(node, function.takes, shape, f"'{function.name}'")
            return function.result(*arguments, **named)
        operation = FILTERS[node.name]
        value = self.of(node.node) if node.node is not None else ANY
        self._require(node, operation.takes, value, f"'{operation.name}'")
        if node.kwargs and not isinstance(operation.gives, Shape):
            return ANY
        return operation.result(value, *arguments)


def _alike(shape: Shape, of: Shape) -> Shape:
    """What can stand on the other side of `shape`: the same, all numbers being alike."""
    kinds = shape.kinds & (of.kinds | {"integer"})
    if not kinds or shape.unknown:
        return ANY
    return Shape(kinds | {"number"} if "integer" in kinds else kinds)


def _constant(value: Any) -> Shape:
    shape = of_value(value)
    if isinstance(value, str):
        return Shape(shape.kinds, choices=(value,))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Shape(shape.kinds, minimum=value, maximum=value)
    return shape


def _key(pair: nodes.Pair) -> str:
    return str(pair.key.value) if isinstance(pair.key, nodes.Const) else ""
