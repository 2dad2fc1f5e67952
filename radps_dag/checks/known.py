"""Values known before the run: params, items of fan-outs, parts of expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import nodes

from radps_dag.language.expression import (
    Expression,
    Listing,
    Names,
    Object,
    Reference,
    Template,
    Value,
    path_of,
    paths_in,
    references,
)

__all__ = [
    "MAX_INSTANCES",
    "Known",
    "Params",
    "certain",
    "leaves",
    "part_of",
    "readable",
    "reads_each",
]

Params = Mapping[str, Any]

# Of more instances than this only the first are looked at.
MAX_INSTANCES = 1_000


@dataclass(frozen=True, slots=True)
class Known:
    """The params, and the items of every instance of the fan-outs around: as far as they are
    known before the run. Of `lossy` instances some may fail. `attempt` is that of a call."""

    params: Params
    each: tuple[Params, ...] = ({},)
    lossy: bool = False
    attempt: int | None = None

    def scopes(self, value: Value) -> tuple[Names, ...]:
        """The names that a value may see: several sets if it reads the item of an instance."""
        each = self.each if reads_each(value) else ({},)
        own = {} if self.attempt is None else {"attempt": self.attempt}
        return tuple({"params": self.params, "each": item, **own} for item in each)


def reads_each(value: Value) -> bool:
    """Whether a value reads the items of a fan-out."""
    for reference in references(value):  # noqa: SIM110 - `any` takes twice the time
        if reference.root == "each":
            return True
    return False


def readable(value: Value, names: Names) -> bool:
    """Whether all that a value reads is known."""
    for reference in references(value):  # noqa: SIM110 - `all` takes twice the time
        if not _is_known(reference, names):
            return False
    return True


def _is_known(reference: Reference, names: Names) -> bool:
    if reference.root == "attempt":
        return "attempt" in names
    return bool(reference.path) and reference.path[0] in names.get(reference.root, ())


def leaves(value: Value) -> Iterator[Expression]:
    """The expressions in a value."""
    match value:
        case Expression():
            yield value
        case Template():
            yield from (part for part in value.parts if isinstance(part, Expression))
        case Listing():
            for item in value.items:
                yield from leaves(item)
        case Object():
            for _, item in value.entries:
                yield from leaves(item)


def part_of(value: Expression, tree: nodes.Expr) -> Expression:
    """A part of an expression as one of its own."""
    read = tuple(Reference(path[0], path[1:], value.at) for path in paths_in(tree))
    return replace(value, tree=tree, references=read, plain=False)


def certain(value: Expression, names: Names) -> Iterator[Expression]:
    """The largest parts of an expression that are known, and are evaluated in any case."""
    if not value.plain:
        yield from _parts(value, value.tree, names)
    elif readable(value, names):
        yield value


def _parts(value: Expression, tree: nodes.Node, names: Names) -> Iterator[Expression]:
    is_all = tree is value.tree
    if not is_all and (isinstance(tree, nodes.Const) or path_of(tree)):
        return
    if isinstance(tree, nodes.Expr) and not isinstance(tree, nodes.Slice):
        part = value if is_all else part_of(value, tree)
        if readable(part, names):
            yield part
            return
    if isinstance(tree, nodes.Div | nodes.FloorDiv | nodes.Mod):
        # Whatever is divided, the divisor decides.
        dividend = nodes.Const(1, lineno=tree.lineno)
        quotient = part_of(value, type(tree)(dividend, tree.right, lineno=tree.lineno))
        if readable(quotient, names):
            yield quotient
            yield from _parts(value, tree.left, names)
            return
    for child in _surely(tree):
        yield from _parts(value, child, names)


def _surely(tree: nodes.Node) -> Iterator[nodes.Node]:
    """The parts of a tree that are evaluated whatever the others are."""
    match tree:
        case nodes.And() | nodes.Or():
            yield tree.left
        case nodes.CondExpr():
            yield tree.test
        case nodes.Compare():
            yield tree.expr
            yield tree.ops[0].expr
        case nodes.Filter(name="default") | nodes.Test(name="defined" | "undefined"):
            pass  # asks whether there is a value
        case nodes.Call():
            yield from (*tree.args, *(keyword.value for keyword in tree.kwargs))
        case _:
            yield from tree.iter_child_nodes()
