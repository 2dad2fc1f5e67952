"""The shape of an expression's value, as far as it is known before the run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jinja2 import nodes

from radps_dag.language.expression.comparing import constant_parts
from radps_dag.language.expression.grammar import path_of
from radps_dag.language.expression.members import member_of, no_member
from radps_dag.language.expression.tables import FILTERS, FUNCTIONS, Operation
from radps_dag.language.expression.values import (
    Expression,
    Listing,
    Literal,
    Object,
    Template,
    Value,
)
from radps_dag.language.shape import (
    ANY,
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    Shape,
    describe,
    fits,
    list_of,
    members_of,
    object_of,
    of_value,
    union,
)
from radps_dag.problem import Problem

__all__ = ["COMPARISON", "MEMBER", "TYPE", "alternatives", "infer"]

TYPE = "type"
MEMBER = "unknown-member"
COMPARISON = "comparison"

# A root with its path to the shape of what stands there; ANY for what is not known.
Known = Callable[[tuple[str, ...]], Shape]
Complain = Callable[[Problem], None]


def infer(value: Value, shape_of: Known, complain: Complain | None = None) -> Shape:
    """The shape of `value`, where `shape_of` tells that of a path such as `("params", "spws")`.

    `complain` gets each operation in it that no value can make succeed, such as text times two,
    and each comparison that no value can make hold.
    """
    match value:
        case Literal():
            return of_value(value.value)
        case Expression():
            if value.plain:
                (read,) = value.references
                return shape_of((read.root, *read.path))
            return _Inference(value, shape_of, complain).of(value.tree)
        case Template():
            if complain is not None:
                for part in value.parts:
                    if isinstance(part, Expression):
                        infer(part, shape_of, complain)
            return STRING
        case Listing():
            return members_of(infer(item, shape_of, complain) for item in value.items)
        case Object():
            fields = [
                (name, infer(member, shape_of, complain), True) for name, member in value.entries
            ]
            return object_of(fields, None, "")


def alternatives(tree: nodes.Expr) -> Iterator[nodes.Expr]:
    """Yield what `x | default(y, z)` may evaluate to; any other expression yields itself."""
    if not isinstance(tree, nodes.Filter) or tree.name != "default" or tree.node is None:
        yield tree
        return
    for alternative in (tree.node, *tree.args, *(keyword.value for keyword in tree.kwargs)):
        yield from alternatives(alternative)


_ORDERED = union(NUMBER, STRING)
_ADDED = union(NUMBER, STRING, list_of())
_CONTAINER = union(list_of(), STRING, object_of((), ANY, ""))
# The tests that compare, as the comparisons that they are.
_COMPARING = {sign: sign for sign in ("eq", "ne", "lt", "gt", "in")} | {"le": "lteq", "ge": "gteq"}
_SIGNS = {"Add": "+", "Sub": "-", "Mul": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**"}


class _Inference:
    """One walk over the tree of an expression."""

    __slots__ = ("_complain", "_expression", "_guarded", "_known")

    def __init__(self, expression: Expression, shape_of: Known, complain: Complain | None) -> None:
        self._expression = expression
        self._known = shape_of
        self._complain = complain
        self._guarded = False  # what is read may have no value: `default`, `is defined`

    def of(self, node: nodes.Node) -> Shape:
        handler = _HANDLERS.get(type(node))
        return ANY if handler is None else handler(self, node)

    def _access(self, node: nodes.Name | nodes.Getattr | nodes.Getitem) -> Shape:
        path = path_of(node)
        if path is not None:
            return self._known(path)
        if isinstance(node, nodes.Getattr):
            return self._member(node, self.of(node.node), node.attr)
        return self._subscript(node) if isinstance(node, nodes.Getitem) else ANY

    def _constant(self, node: nodes.Const) -> Shape:
        return _constant(node.value)

    def _list(self, node: nodes.List | nodes.Tuple) -> Shape:
        return members_of(self.of(item) for item in node.items)

    def _dict(self, node: nodes.Dict) -> Shape:
        return object_of([(_key(pair), self.of(pair.value), True) for pair in node.items], None, "")

    def _either(self, node: nodes.And | nodes.Or) -> Shape:
        return union(self.of(node.left), self.of(node.right))

    def _choice(self, node: nodes.CondExpr) -> Shape:
        self.of(node.test)
        other = self.of(node.expr2) if node.expr2 is not None else ANY
        return union(self.of(node.expr1), other)

    def _signed(self, node: nodes.Neg | nodes.Pos) -> Shape:
        shape = self.of(node.node)
        self._require(node, NUMBER, shape, "a sign")
        return INTEGER if shape.kinds == {"integer"} else NUMBER

    def _not(self, node: nodes.Not) -> Shape:
        self.of(node.node)
        return BOOLEAN

    def _test(self, node: nodes.Test) -> Shape:
        value = self._asked(node, node.node)
        arguments = [self.of(argument) for argument in node.args]
        if arguments and node.name in _COMPARING:
            right = (node.args[0], arguments[0])
            self._never(node, _COMPARING[node.name], (node.node, value), right)
        return BOOLEAN

    def _concat(self, node: nodes.Concat) -> Shape:
        for part in node.nodes:
            self.of(part)
        return STRING

    def _require(self, node: nodes.Node, expected: Shape, given: Shape, what: str) -> bool:
        wrong = self._complain is not None and not fits(expected, given)
        if wrong:
            self._tell(node, f"{what} takes {describe(expected)}, found {describe(given)}")
        return not wrong

    def _tell(
        self, node: nodes.Node, message: str, rule: str = TYPE, *, certain: bool = True
    ) -> None:
        if self._complain is not None:
            at = self._expression.place(node.lineno)
            self._complain(Problem(at, rule, message, "error" if certain else "warning"))

    def _asked(self, asking: nodes.Filter | nodes.Test, node: nodes.Expr) -> Shape:
        """The shape of what is filtered or tested, which may have no value if that is asked."""
        before = self._guarded
        self._guarded = before or asking.name in ("default", "defined", "undefined")
        shape = self.of(node)
        self._guarded = before
        return shape

    def _member(self, node: nodes.Node, shape: Shape, name: str) -> Shape:
        """A member of what is computed; of what is just named, others see that it is there."""
        if self._complain is not None and not (self._guarded and "object" in shape.kinds):
            message, certain = no_member(shape, name)
            if message:
                self._tell(node, f"this {message}", MEMBER, certain=certain)
        return member_of(shape, name)

    def _subscript(self, node: nodes.Getitem) -> Shape:
        container = self.of(node.node)
        if isinstance(node.arg, nodes.Slice):
            if container.kinds == {"array"}:
                return list_of(container.items)
            return STRING if container.kinds == {"string"} else ANY
        self.of(node.arg)
        key = node.arg.value if isinstance(node.arg, nodes.Const) else None
        if isinstance(key, str) and container.kinds == {"object"}:
            return self._member(node, container, key)
        self._require(node, _CONTAINER, container, "a subscript")
        if container.kinds == {"array"}:
            return self._at(node, container, key)
        return STRING if container.kinds == {"string"} else ANY

    def _at(self, node: nodes.Node, container: Shape, index: Any) -> Shape:
        members = container.members
        if members is None or isinstance(index, bool) or not isinstance(index, int):
            return container.items or ANY
        if -len(members) <= index < len(members):
            return members[index]
        if not self._guarded:
            self._tell(node, f"a list of {len(members)} items has no [{index}]")
        return ANY

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

    def _comparison(self, node: nodes.Compare) -> Shape:
        left = (node.expr, self.of(node.expr))
        for operand in node.ops:
            right = (operand.expr, self.of(operand.expr))
            if self._comparable(node, operand.op, left[1], right[1]):
                self._never(node, operand.op, left, right)
            left = right
        return BOOLEAN

    def _comparable(self, node: nodes.Node, sign: str, left: Shape, right: Shape) -> bool:
        """Whether the comparison can be made; that an enum is compared with one of its choices
        belongs to it."""
        if sign in ("in", "notin"):
            return self._require(node, _CONTAINER, right, "'in'")
        if sign not in ("eq", "ne"):
            what = f"a comparison with {describe(left)}"
            return (
                self._require(node, _ORDERED, left, "a comparison")
                and self._require(node, _ORDERED, right, "a comparison")
                and self._require(node, _alike(left, _ORDERED), right, what)
            )
        for expected, given in ((left, right), (right, left)):
            if expected.choices is not None and len(expected.choices) > 1:
                return self._require(node, expected, given, "a comparison with a choice")
        return True

    def _never(
        self, node: nodes.Node, sign: str, left: tuple[Any, Shape], right: tuple[Any, Shape]
    ) -> None:
        """Warn of a comparison with a name whose result is the same whatever the values are."""
        if self._complain is not None:
            for where, words in constant_parts(node, sign, left, right):
                self._tell(where, words, COMPARISON, certain=False)

    def _operation(self, node: nodes.Filter | nodes.Call) -> Shape:
        arguments = [self.of(argument) for argument in node.args]
        named = {str(keyword.key): self.of(keyword.value) for keyword in node.kwargs}
        if isinstance(node, nodes.Call):
            function = FUNCTIONS[node.node.name if isinstance(node.node, nodes.Name) else ""]
            for shape in named.values() if "**" in function.parameters else arguments[:1]:
                self._require(node, function.takes, shape, f"'{function.name}'")
            return function.result(*arguments, **named)
        operation = FILTERS[node.name]
        value = self._asked(node, node.node) if node.node is not None else ANY
        self._require(node, operation.takes, value, f"'{operation.name}'")
        if operation.applies:
            return self._applied(node, operation, value, arguments, named)
        return operation.result(value, *arguments, **named)

    def _applied(
        self,
        node: nodes.Filter,
        operation: Operation,
        value: Shape,
        arguments: list[Shape],
        named: dict[str, Shape],
    ) -> Shape:
        """`map` and its like: a member of each item is followed, and so is a filter of each."""
        item = (value.items or ANY) if value.kinds == {"array"} else ANY
        if operation.name != "map":
            if "attribute" in operation.parameters:
                self._path(node, item, named.get("attribute") or arguments[0])
            return operation.result(value)
        if "attribute" in named:
            return list_of(self._path(node, item, named["attribute"]))
        (name,) = (named.get("filter") or arguments[0]).choices or ("",)
        applied = operation.applies.get(name)
        if applied is None:
            return list_of()
        self._require(node, applied.takes, item, f"'{name}' of each item")
        return list_of(applied.result(item, *arguments[1:]))

    def _path(self, node: nodes.Node, item: Shape, attribute: Shape) -> Shape:
        """The shape that `attribute='selection.spw'` finds in an item."""
        if attribute.choices is None or len(attribute.choices) != 1:
            return ANY
        for name in str(attribute.choices[0]).split("."):
            item = self._member(node, item, name)
        return item


_HANDLERS: Mapping[type[nodes.Node], Callable[[_Inference, Any], Shape]] = {
    nodes.Name: _Inference._access,
    nodes.Getattr: _Inference._access,
    nodes.Getitem: _Inference._access,
    nodes.Const: _Inference._constant,
    nodes.List: _Inference._list,
    nodes.Tuple: _Inference._list,
    nodes.Dict: _Inference._dict,
    nodes.And: _Inference._either,
    nodes.Or: _Inference._either,
    nodes.CondExpr: _Inference._choice,
    **{getattr(nodes, name): _Inference._arithmetic for name in _SIGNS},
    nodes.Neg: _Inference._signed,
    nodes.Pos: _Inference._signed,
    nodes.Not: _Inference._not,
    nodes.Test: _Inference._test,
    nodes.Compare: _Inference._comparison,
    nodes.Concat: _Inference._concat,
    nodes.Filter: _Inference._operation,
    nodes.Call: _Inference._operation,
}


def _alike(shape: Shape, of: Shape) -> Shape:
    """The shape of values comparable with `shape`: the same, all numbers being alike."""
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
