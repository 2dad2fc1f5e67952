"""Values are of the kind that their place takes, and so is what their expressions compute with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from radps_dag.checks.meant import meant
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import NodeView, View
from radps_dag.language.expression import (
    Expression,
    Listing,
    Literal,
    Object,
    Value,
    alternatives,
    infer,
)
from radps_dag.language.model import MOST_ITERATIONS, Node, Pause, Task, Use
from radps_dag.language.shape import (
    ANY,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    STRING,
    Shape,
    describe,
    fits,
    list_of,
    mismatch,
    union,
)
from radps_dag.problem import Location, Problem
from radps_dag.workloads.contract.workload import Workload

__all__ = ["check", "expected"]

RULE = "type"
COMPARISON = "comparison"
_COUNT = Shape(INTEGER.kinds, minimum=1)
_ROUNDS = Shape(INTEGER.kinds, minimum=0, maximum=MOST_ITERATIONS)
_SHARE = Shape(NUMBER.kinds, minimum=0, maximum=1)
_SCORE = union(NUMBER, NULL)
_EXPECTED = {
    "when": BOOLEAN,
    "max_parallel": _COUNT,
    "loop.max_iterations": _ROUNDS,
    "loop.until": BOOLEAN,
    "loop.diverged": BOOLEAN,
    "loop.score": _SCORE,
    "resources.cpus": Shape(NUMBER.kinds, minimum=0),
    "resources.memory": union(STRING, INTEGER),
    "resources.gpus": Shape(INTEGER.kinds, minimum=0),
    "resources.walltime": union(STRING, NUMBER),
    "resources.locks": list_of(STRING),
    "qa.warn_below": _SHARE,
    "qa.alert_below": _SHARE,
}


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of values whose kind their place does not take."""
    passed: dict[_Likeness, object] = {}
    for sight in view.sights:
        likeness, rests_on = _likeness(sight, shapes)
        if likeness is None or likeness not in passed:
            problems = _problems(sight, shapes)
            yield from problems
            if likeness is not None and not problems:
                passed[likeness] = rests_on


# All that decides about a value: its place, itself, and the shapes of what it reads.
_Likeness = tuple[object, ...]


def _likeness(sight: NodeView, shapes: Shapes) -> tuple[_Likeness | None, object]:
    """The same for values of the same kind at the same place of nodes that call the same, with what
    it names by identity; None where there is none."""
    name, value = sight.slot.name, sight.slot.value
    node = None if sight.seat is None else sight.seat.node
    calls = node.run if isinstance(node, Task) else id(node)
    if isinstance(value, Literal) and isinstance(value.value, str | int | float):
        return (name, calls, type(value.value), value.value), None
    if not isinstance(value, Expression):
        return None, None
    shape_of = shapes.seen_from(sight)
    read = [shape_of((reference.root, *reference.path)) for reference in value.references]
    said = value.plain or id(value.tree)
    return (name, calls, said, *map(id, read)), (value.tree, read)


def _problems(sight: NodeView, shapes: Shapes) -> list[Problem]:
    problems: list[Problem] = []
    value = sight.slot.value
    given = None
    if not isinstance(value, Literal):
        given = infer(value, shapes.seen_from(sight), problems.append)
    if not problems or all(problem.severity != "error" for problem in problems):
        node = None if sight.seat is None else sight.seat.node
        what, shape = expected(sight.slot.name, node, shapes.workloads)
        problems += _misfits(value, shape, what, sight, shapes, given)
    return problems


def expected(slot: str, node: Node | None, workloads: Mapping[str, Workload]) -> tuple[str, Shape]:
    """The name of a place of a node, and the shape that it takes."""
    if slot in _EXPECTED:
        return f"`{slot.rpartition('.')[2]}`", _EXPECTED[slot]
    if slot.startswith("for_each."):
        return f"`{slot}`", list_of()
    if slot.startswith("qa.metrics.") and slot.endswith(".score"):
        return "a score", _SCORE
    name = slot.partition(".")[2]
    match node:
        case Task() if slot.startswith("with.") and node.run in workloads:
            inputs = workloads[node.run].inputs
            takes = next((item.shape for item in inputs if item.name == name), ANY)
            return f"input {name!r} of {node.run!r}", takes
        case Use() if slot.startswith("with."):
            param = node.pipeline.param(name)
            shape = ANY if param is None else param.shape
            return f"param {name!r} of {node.pipeline.name!r}", shape
        case Pause() if slot.startswith("pause.input."):
            name = slot.removeprefix("pause.input.").removesuffix(".default")
            shape = next((field.shape for field in node.inputs if field.name == name), ANY)
            return f"the default of {name!r}", shape
    return "", ANY


def _misfits(
    value: Value,
    expected: Shape,
    what: str,
    sight: NodeView,
    shapes: Shapes,
    shape: Shape | None = None,
) -> Iterator[Problem]:
    """Report what does not fit, each at its own place inside the value, whose `shape` may
    be known.
    """
    if expected.unknown:
        return
    if isinstance(value, Literal):
        if wrong := mismatch(expected, value.value):
            hint = meant(value.value, sight, shapes)
            yield Problem(value.at, RULE, f"{what}: {wrong}{hint}")
        return
    if isinstance(value, Listing) and expected.kinds == {"array"}:
        for number, item in enumerate(value.items):
            inner = f"{what}[{number}]"
            yield from _misfits(item, expected.items or ANY, inner, sight, shapes)
        return
    if isinstance(value, Object) and expected.kinds == {"object"}:
        yield from _members(value, expected, what, sight, shapes)
        return
    see = shapes.seen_from(sight)
    if isinstance(value, Expression):
        for tree in alternatives(value.tree):
            if tree is value.tree:
                given = shape or infer(value, see)
            else:
                given = infer(replace(value, tree=tree), see)
            if not fits(expected, given):
                yield _misfit(value.place(tree.lineno), expected, given, what)
        return
    given = shape or infer(value, see)
    if not fits(expected, given):
        yield _misfit(value.at, expected, given, what)


def _misfit(at: Location, expected: Shape, given: Shape, what: str) -> Problem:
    hint = "; write a comparison, such as x > 0" if expected == BOOLEAN else ""
    words = f"expected {describe(expected)}, found {describe(given)}{hint}"
    return Problem(at, RULE, f"{what}: {words}")


def _members(
    value: Object, expected: Shape, what: str, sight: NodeView, shapes: Shapes
) -> Iterator[Problem]:
    fields = {name: shape for name, shape, _ in expected.fields}
    given = dict(value.entries)
    for name, _, required in expected.fields:
        if required and name not in given:
            yield Problem(value.at, RULE, f"{what}: {describe(expected)} needs {name!r}")
    for name, entry in value.entries:
        shape = fields.get(name, expected.values)
        if shape is None:
            words = f"{describe(expected)} has no such member"
            yield Problem(entry.at, RULE, f"{what}.{name}: {words}")
        else:
            yield from _misfits(entry, shape, f"{what}.{name}", sight, shapes)
