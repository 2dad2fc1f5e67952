"""Grammar of an expression: the kinds of syntax, the names, and what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import isfinite
from typing import Any, NamedTuple

from jinja2 import nodes

from radps_dag.language.expression.tables import FILTERS, FUNCTIONS, TESTS, Operation
from radps_dag.problem import allowed, did_you_mean

__all__ = [
    "ROOTS",
    "TOOL_ROOTS",
    "Finding",
    "Read",
    "examine",
    "is_too_deep",
    "path_of",
    "paths_in",
]

# Of a pipeline, and of a tool file; which of them goes where is for others to check.
ROOTS = ("params", "stages", "steps", "each", "state", "loop", "outputs", "run", "attempt")
# Names that are values by themselves.
_VALUES = ("params", "each", "state", "outputs", "attempt")
TOOL_ROOTS = ("inputs",)
MAX_DEPTH = 100
MAX_INTEGER = 2**63

_WHAT = {
    "params": "a parameter: params.NAME",
    "inputs": "an input: inputs.NAME",
    "stages": "an output: stages.ID.OUTPUT",
    "steps": "an output: steps.ID.OUTPUT",
    "each": "an item: each.NAME",
    "state": "a variable: state.NAME",
    "loop": "its counter: loop.index",
    "outputs": "an output: outputs.NAME",
    "run": "a member: run.id, run.workdir",
}
_HINTS = {
    "null": "; write 'none'",
    "env": "; the environment is not visible: give what is needed as a param",
    "item": "; inside for_each it is each.NAME",
    "if": "; put the test before it into parentheses",
}


class Finding(NamedTuple):
    """Something that is not allowed, at an offset of the text."""

    offset: int
    message: str


class Read(NamedTuple):
    """A name with its path, at an offset; `plain` where it is all that the expression is.

    `instead` are the paths without a value where a chain of `default` gets to this one.
    """

    root: str
    path: tuple[str, ...]
    offset: int
    guarded: bool
    plain: bool
    instead: tuple[tuple[str, ...], ...] = ()


_Path = tuple[str, ...]
_Sure = frozenset[_Path]


def examine(tree: nodes.Expr) -> tuple[tuple[Read, ...], tuple[Finding, ...]]:
    """List the reads of a tree that is not too deep, and what is not allowed in it."""
    walk = _Examination()
    walk.visit(tree, frozenset())
    plain = path_of(tree) is not None
    reads = sorted(walk.reads, key=lambda read: read.offset)
    if plain:
        reads = [read._replace(plain=True) for read in reads]
    return tuple(reads), tuple(sorted(walk.findings))


def path_of(node: nodes.Node) -> _Path | None:
    """`("steps", "solve", "caltable")` of a name with constant members only."""
    path: list[str] = []
    part: Any = node
    # Asked of each part of each tree: `match` takes three times as long.
    while (kind := type(part)) is not nodes.Name:
        if kind is nodes.Getattr:
            path.append(part.attr)
        elif kind is nodes.Getitem and isinstance(key := getattr(part.arg, "value", None), str):
            path.append(key)
        else:
            return None
        part = part.node
    return (part.name, *reversed(path))


def paths_in(tree: nodes.Expr) -> tuple[_Path, ...]:
    """Every name that a tree reads, with its constant path."""
    reads, _ = examine(tree)
    return tuple((read.root, *read.path) for read in reads)


def is_too_deep(tree: nodes.Node) -> bool:
    """Whether walks over a tree would go further down than Python does."""
    level: list[nodes.Node] = [tree]
    depth = 0
    while level and depth <= MAX_DEPTH:
        level = [child for node in level for child in node.iter_child_nodes()]
        depth += 1
    return depth > MAX_DEPTH


class _Examination:
    """One walk over a tree. `sure` are the paths that a surrounding test has found to be there."""

    def __init__(self) -> None:
        self.reads: list[Read] = []
        self._instead: tuple[_Path, ...] = ()
        self.findings: list[Finding] = []

    def visit(self, node: Any, sure: _Sure, guarded: bool = False) -> None:
        _HANDLERS.get(type(node), _Examination._refuse)(self, node, sure, guarded)

    def _parts(self, node: nodes.Node, sure: _Sure, guarded: bool) -> None:
        for child in node.iter_child_nodes():
            self.visit(child, sure, guarded)

    def _and(self, node: nodes.And, sure: _Sure, guarded: bool) -> None:
        self.visit(node.left, sure, guarded)
        self.visit(node.right, sure | set(_defined(node.left)), guarded)

    def _pair(self, node: nodes.Pair, sure: _Sure, guarded: bool) -> None:
        if not (isinstance(node.key, nodes.Const) and isinstance(node.key.value, str)):
            self._find(node, "a key is a string in quotes: {'name': value}")
        self.visit(node.value, sure, guarded)

    def _refuse(self, node: nodes.Node, sure: _Sure, guarded: bool) -> None:
        self._find(node, f"{type(node).__name__.lower()} is not allowed in an expression")

    def _find(self, node: nodes.Node, message: str) -> None:
        self.findings.append(Finding(node.lineno, message))

    def _constant(self, node: nodes.Const, sure: _Sure, guarded: bool) -> None:
        value = node.value
        if isinstance(value, float) and not isfinite(value):
            self._find(node, "a number too large")
        elif isinstance(value, int) and abs(value) >= MAX_INTEGER:
            self._find(node, "an integer too large: 64 bits are the most")
        elif isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
            self._find(node, "text that is no valid Unicode")

    def _access(self, node: nodes.Node, sure: _Sure, guarded: bool) -> None:
        """A name with members and subscripts, from the outside in."""
        path: list[str] = []
        inner = node
        while isinstance(inner, nodes.Getattr | nodes.Getitem):
            if isinstance(inner, nodes.Getattr):
                path.append(inner.attr)
            elif isinstance(inner.arg, nodes.Const) and isinstance(inner.arg.value, str):
                path.append(inner.arg.value)
            else:
                path.clear()
                self._subscript(inner, sure, guarded)
            inner = inner.node
        if isinstance(inner, nodes.Name):
            self._name(inner, tuple(reversed(path)), sure, guarded)
        else:
            self.visit(inner, sure, guarded)

    def _subscript(self, node: nodes.Getitem, sure: _Sure, guarded: bool) -> None:
        if isinstance(node.arg, nodes.Tuple):
            self._find(node, "one subscript at a time: x[0][1]")
        self.visit(node.arg, sure, guarded)

    def _name(self, node: nodes.Name, path: _Path, sure: _Sure, guarded: bool) -> None:
        root = node.name
        if root in FUNCTIONS and not path:
            self._find(node, f"{root!r} is a function; write {FUNCTIONS[root].usage}")
        elif root not in (*ROOTS, *TOOL_ROOTS):
            hint = _HINTS.get(root) or did_you_mean(root, ROOTS)
            self._find(node, f"unknown name {root!r}{hint} (known: {allowed(ROOTS)})")
        elif not path and root not in _VALUES:
            self._find(node, f"{root!r} alone is not a value; name {_WHAT[root]}")
        else:
            safe = guarded or any((root, *path)[: len(prefix)] == prefix for prefix in sure)
            self.reads.append(Read(root, path, node.lineno, safe, False, self._instead))

    def _choice(self, node: nodes.CondExpr, sure: _Sure, guarded: bool) -> None:
        self.visit(node.test, sure, guarded)
        self.visit(node.expr1, sure | set(_defined(node.test)), guarded)
        if node.expr2 is None:
            self._find(node, "'if' needs an 'else': x if condition else y")
        else:
            self.visit(node.expr2, sure | set(_undefined(node.test)), guarded)

    def _operation(
        self,
        node: nodes.Filter | nodes.Test | nodes.Call,
        sure: _Sure,
        guarded: bool,
    ) -> None:
        operation = self._look_up(node)
        if operation is not None:
            self._arguments(node, operation)
        asks = operation is not None and operation.name in ("default", "defined", "undefined")
        if isinstance(node, nodes.Filter) and node.name == "default":
            self._default(node, sure, guarded)
            return
        if not isinstance(node, nodes.Call) and node.node is not None:
            self.visit(node.node, sure, guarded or asks)
        for argument in node.args:
            self.visit(argument, sure, guarded)
        for keyword in node.kwargs:
            self.visit(keyword.value, sure, guarded)

    def _default(self, node: nodes.Filter, sure: _Sure, guarded: bool) -> None:
        """Each is read where those before it have no value, and all but the last are asked."""
        before = self._instead
        *most, last = (node.node, *node.args, *(keyword.value for keyword in node.kwargs))
        for alternative in most:
            if alternative is not None:
                self.visit(alternative, sure, guarded=True)
                self._instead += tuple(_tried(alternative))
        self.visit(last, sure, guarded)
        self._instead = before

    def _look_up(self, node: nodes.Filter | nodes.Test | nodes.Call) -> Operation | None:
        kind, name = type(node).__name__.lower(), ""
        table: Mapping[str, Operation] = TESTS if isinstance(node, nodes.Test) else FILTERS
        if not isinstance(node, nodes.Call):
            name = node.name
        elif isinstance(node.node, nodes.Name):
            kind, name, table = "function", node.node.name, FUNCTIONS
        else:
            self._find(node, "only the listed functions can be called; no methods")
            return None
        if name not in table:
            hint = self._elsewhere(name, kind) or did_you_mean(name, table)
            self._find(node, f"unknown {kind} {name!r}{hint} (known: {allowed(table, 40)})")
        return table.get(name)

    def _elsewhere(self, name: str, kind: str) -> str:
        if kind != "filter" and name in FILTERS:
            return f"; it is a filter: write {FILTERS[name].usage}"
        if kind != "function" and name in FUNCTIONS:
            return f"; it is a function: write {FUNCTIONS[name].usage}"
        return ""

    def _arguments(
        self, node: nodes.Filter | nodes.Test | nodes.Call, operation: Operation
    ) -> None:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            self._find(node, "'*' and '**' are not allowed in a call")
            return
        problem = operation.misuse(len(node.args), [str(keyword.key) for keyword in node.kwargs])
        if problem:
            self._find(node, problem)
        elif operation.applies:
            self._applied(node, operation)

    def _applied(self, node: nodes.Filter | nodes.Test | nodes.Call, operation: Operation) -> None:
        """The name in `map('upper')` is checked like any other, and so are its arguments."""
        position = operation.parameters.index(operation.names_a)
        named = {keyword.key: keyword.value for keyword in node.kwargs}
        name = node.args[position] if len(node.args) > position else named.get(operation.names_a)
        if operation.name == "map" and (name is None) == ("attribute" not in named):
            self._find(node, "'map' takes either a filter's name or attribute='NAME'")
        elif isinstance(name, nodes.Const):
            problem = operation.misapplied(name.value, max(0, len(node.args) - position - 1))
            if problem:
                self._find(name, problem)


_HANDLERS: Mapping[type[nodes.Node], Callable[[_Examination, Any, _Sure, bool], None]] = {
    nodes.Name: _Examination._access,
    nodes.Getattr: _Examination._access,
    nodes.Getitem: _Examination._access,
    nodes.Const: _Examination._constant,
    nodes.Filter: _Examination._operation,
    nodes.Test: _Examination._operation,
    nodes.Call: _Examination._operation,
    nodes.CondExpr: _Examination._choice,
    nodes.And: _Examination._and,
    nodes.Pair: _Examination._pair,
    nodes.Add: _Examination._parts,
    nodes.Sub: _Examination._parts,
    nodes.Mul: _Examination._parts,
    nodes.Div: _Examination._parts,
    nodes.FloorDiv: _Examination._parts,
    nodes.Mod: _Examination._parts,
    nodes.Pow: _Examination._parts,
    nodes.Neg: _Examination._parts,
    nodes.Pos: _Examination._parts,
    nodes.Or: _Examination._parts,
    nodes.Not: _Examination._parts,
    nodes.Concat: _Examination._parts,
    nodes.Compare: _Examination._parts,
    nodes.Operand: _Examination._parts,
    nodes.List: _Examination._parts,
    nodes.Tuple: _Examination._parts,
    nodes.Dict: _Examination._parts,
    nodes.Slice: _Examination._parts,
}


def _defined(test: nodes.Node) -> Iterator[_Path]:
    """Paths that have a value where `test` is true."""
    match test:
        case nodes.Test(name="defined"):
            yield from _known_path(test.node)
        case nodes.And():
            yield from _defined(test.left)
            yield from _defined(test.right)
        case nodes.Not():
            yield from _undefined(test.node)


def _undefined(test: nodes.Node) -> Iterator[_Path]:
    """Paths that have a value where `test` is false."""
    match test:
        case nodes.Test(name="undefined"):
            yield from _known_path(test.node)
        case nodes.Or():
            yield from _undefined(test.left)
            yield from _undefined(test.right)
        case nodes.Not():
            yield from _defined(test.node)


def _tried(node: nodes.Expr | None) -> Iterator[_Path]:
    """The paths that have no value where this has none."""
    if isinstance(node, nodes.Filter) and node.name == "default":
        for alternative in (node.node, *node.args, *(keyword.value for keyword in node.kwargs)):
            yield from _tried(alternative)
    elif node is not None:
        yield from _known_path(node)


def _known_path(node: nodes.Node) -> Iterator[_Path]:
    path = path_of(node)
    if path is not None:
        yield path
