"""Parts of expressions: the nodes of their syntax trees, named as Jinja2 names them."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import get_annotations
from typing import Any, ClassVar

__all__ = [
    "Add",
    "And",
    "BinExpr",
    "Call",
    "Compare",
    "Concat",
    "CondExpr",
    "Const",
    "Dict",
    "Div",
    "Expr",
    "Filter",
    "FloorDiv",
    "Getattr",
    "Getitem",
    "Keyword",
    "List",
    "Mod",
    "Mul",
    "Name",
    "Neg",
    "Node",
    "Not",
    "Operand",
    "Or",
    "Pair",
    "Pos",
    "Pow",
    "Slice",
    "Sub",
    "Test",
    "Tuple",
]


class Node:
    """A part of an expression; `offset` is where it stands in the text, and does not count when
    nodes are compared. Nobody changes one that is made."""

    fields: ClassVar[tuple[str, ...]] = ()
    offset: int

    def __init_subclass__(cls) -> None:
        # Not dataclasses, which would take as long to make as Jinja2 takes to be imported.
        cls.fields = tuple(get_annotations(cls)) or cls.fields

    def __init__(self, *parts: Any, offset: int = 0) -> None:
        self.offset = offset
        for name, part in zip(self.fields, parts, strict=True):
            setattr(self, name, part)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._parts() == other._parts()

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._parts()))})"

    def _parts(self) -> list[Any]:
        return [getattr(self, name) for name in self.fields]

    def children(self) -> Iterator[Node]:
        """Yield the nodes directly inside, in the order of the text."""
        for part in self._parts():
            if isinstance(part, Node):
                yield part
            elif isinstance(part, list):
                yield from (item for item in part if isinstance(item, Node))

    def walk(self) -> Iterator[Node]:
        """Yield the node and all that is inside."""
        yield self
        for child in self.children():
            yield from child.walk()


class Expr(Node):
    """A part that has a value by itself."""


class Name(Expr):
    """`params`."""

    name: str


class Const(Expr):
    """`1.5`, `'text'`, `true`."""

    value: Any


class List(Expr):
    """`[1, 2]`."""

    items: list[Expr]


class Tuple(List):
    """`(1, 2)`."""


class Dict(Expr):
    """`{'a': 1}`."""

    items: list[Pair]


class Pair(Node):
    """A key of a mapping with its value."""

    key: Expr
    value: Expr


class Keyword(Node):
    """`name=value` in a call."""

    key: str
    value: Expr


class CondExpr(Expr):
    """`expr1 if test else expr2`."""

    test: Expr
    expr1: Expr
    expr2: Expr | None


class Call(Expr):
    """`node(args, kwargs)`."""

    node: Expr
    args: list[Expr]
    kwargs: list[Keyword]


class Filter(Expr):
    """`node | name(args, kwargs)`."""

    node: Expr
    name: str
    args: list[Expr]
    kwargs: list[Keyword]


class Test(Expr):
    """`node is name(args, kwargs)`."""

    node: Expr
    name: str
    args: list[Expr]
    kwargs: list[Keyword]


class Getattr(Expr):
    """`node.attr`."""

    node: Expr
    attr: str


class Getitem(Expr):
    """`node[arg]`."""

    node: Expr
    arg: Expr


class Slice(Expr):
    """`start:stop:step` in a subscript."""

    start: Expr | None
    stop: Expr | None
    step: Expr | None


class Concat(Expr):
    """`a ~ b ~ c`."""

    nodes: list[Expr]


class Compare(Expr):
    """`expr < a <= b`."""

    expr: Expr
    ops: list[Operand]


class Operand(Node):
    """The right side of a comparison; `op` is eq, ne, lt, lteq, gt, gteq, in or notin."""

    op: str
    expr: Expr


class BinExpr(Expr):
    """An operator between two values."""

    left: Expr
    right: Expr


class Or(BinExpr):
    """`left or right`."""


class And(BinExpr):
    """`left and right`."""


class Add(BinExpr):
    """`left + right`."""


class Sub(BinExpr):
    """`left - right`."""


class Mul(BinExpr):
    """`left * right`."""


class Div(BinExpr):
    """`left / right`."""


class FloorDiv(BinExpr):
    """`left // right`."""


class Mod(BinExpr):
    """`left % right`."""


class Pow(BinExpr):
    """`left ** right`."""


class _Unary(Expr):
    node: Expr


class Not(_Unary):
    """`not node`."""


class Neg(_Unary):
    """`-node`."""


class Pos(_Unary):
    """`+node`."""
