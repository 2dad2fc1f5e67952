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
from radps_dag.shape import (
    ANY,
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    Shape,
    list_of,
    object_of,
    of_value,
    union,
)

__all__ = ["infer", "member_of"]

# A root with its path to the shape of what stands there; ANY for what is not known.
Known = Callable[[tuple[str, ...]], Shape]


def infer(value: Value, known: Known) -> Shape:
    """The shape of `value`, where `known` tells that of a path such as `("params", "spws")`."""
    match value:
        case Literal():
            return of_value(value.value)
        case Expression():
            return _infer(value.tree, known)
        case Template():
            return STRING
        case Listing():
            return list_of(union(*(infer(item, known) for item in value.items)))
        case Object():
            fields = ((name, infer(one, known), True) for name, one in value.entries)
            return object_of(fields, None, "")


def member_of(shape: Shape, name: str) -> Shape:
    """The shape of a member of an object; ANY where nothing is known of it."""
    if shape.kinds != {"object"}:
        return ANY
    for field, of, _ in shape.fields:
        if field == name:
            return of
    return shape.values or ANY


def _infer(node: nodes.Node, known: Known) -> Shape:
    path = path_of(node)
    if path is not None:
        return known(path)
    match node:
        case nodes.Const():
            return _constant(node.value)
        case nodes.List() | nodes.Tuple():
            return list_of(
                union(*(_infer(item, known) for item in node.items)) if node.items else None
            )
        case nodes.Dict():
            return object_of(
                ((_key(pair), _infer(pair.value, known), True) for pair in node.items), None, ""
            )
        case nodes.Getattr():
            return member_of(_infer(node.node, known), node.attr)
        case nodes.Getitem():
            return _subscript(node, known)
        case nodes.Not() | nodes.Compare() | nodes.Test():
            return BOOLEAN
        case nodes.Concat():
            return STRING
        case nodes.Neg() | nodes.Pos():
            return _numeric(_infer(node.node, known))
        case nodes.And() | nodes.Or():
            return union(_infer(node.left, known), _infer(node.right, known))
        case nodes.CondExpr():
            other = _infer(node.expr2, known) if node.expr2 is not None else ANY
            return union(_infer(node.expr1, known), other)
        case nodes.BinExpr():
            return _arithmetic(node, known)
        case nodes.Filter() | nodes.Call():
            return _operation(node, known)
    return ANY


def _constant(value: Any) -> Shape:
    shape = of_value(value)
    if isinstance(value, str):
        return Shape(shape.kinds, choices=(value,))
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Shape(shape.kinds, minimum=value, maximum=value)
    return shape


def _key(pair: nodes.Pair) -> str:
    return str(pair.key.value) if isinstance(pair.key, nodes.Const) else ""


def _subscript(node: nodes.Getitem, known: Known) -> Shape:
    container = _infer(node.node, known)
    if isinstance(node.arg, nodes.Slice):
        plain = container.kinds in ({"array"}, {"string"})
        return Shape(container.kinds, items=container.items) if plain else ANY
    if container.kinds == {"array"}:
        return container.items or ANY
    return STRING if container.kinds == {"string"} else ANY


def _numeric(shape: Shape) -> Shape:
    return INTEGER if shape.kinds == {"integer"} else NUMBER


def _arithmetic(node: nodes.BinExpr, known: Known) -> Shape:
    left, right = _infer(node.left, known), _infer(node.right, known)
    kinds = left.kinds | right.kinds
    if isinstance(node, nodes.Add):
        if kinds == {"string"}:
            return STRING
        if kinds == {"array"}:
            return list_of(union(left.items or ANY, right.items or ANY))
        if not kinds <= {"integer", "number"}:
            return ANY
    if isinstance(node, nodes.Div | nodes.Pow):
        return NUMBER
    return INTEGER if kinds == {"integer"} else NUMBER


def _operation(node: nodes.Filter | nodes.Call, known: Known) -> Shape:
    arguments = [_infer(argument, known) for argument in node.args]
    if isinstance(node, nodes.Call):
        name = node.node.name if isinstance(node.node, nodes.Name) else ""
        return FUNCTIONS[name].result(*arguments)
    if node.kwargs or node.node is None:
        gives = FILTERS[node.name].gives
        return gives if isinstance(gives, Shape) else ANY
    return FILTERS[node.name].result(_infer(node.node, known), *arguments)
