"""Outputs of a loop that makes no iteration, from where its state begins."""

from __future__ import annotations

from collections.abc import Mapping

from radps_dag.checks.declared import declared_outputs
from radps_dag.language.expression import Expression, Value, references
from radps_dag.language.model import Group, Loop, Named, Node, StateVariable
from radps_dag.workloads.contract.workload import Workload

__all__ = ["EMPTY", "outputs_without", "why_not_empty"]

# The outcome of a loop without an iteration.
EMPTY = "empty"


def outputs_without(
    node: Node, workloads: Mapping[str, Workload]
) -> Mapping[str, StateVariable | Value | None]:
    """The value of each output if the loop makes no iteration.

    That is the beginning of the state variable whose `next` is this output, or else the output
    itself where it reads nothing of an iteration; None where it can only come from one.
    """
    loop = node.loop
    assert loop is not None
    if isinstance(node, Group):
        return {output.name: _of_group(output, node, loop) for output in node.outputs}
    names = declared_outputs(node, workloads)
    return {name: _carried(name, loop) for name in (("*",) if names is None else names)}


def why_not_empty(node: Node, workloads: Mapping[str, Workload]) -> str:
    """Say why the loop needs an iteration; "" if it can do without."""
    outputs = outputs_without(node, workloads)
    missing = [name for name, value in outputs.items() if value is None]
    if not missing:
        return ""
    return (
        f"without an iteration there is no output {missing[0]!r}: no state variable begins with it "
        "(one whose `next` is the same), so at least 1 is needed"
    )


def _carried(name: str, loop: Loop) -> StateVariable | None:
    """The state variable that carries an output to the next iteration."""
    for variable in loop.state:
        if isinstance(variable.next, Expression) and variable.next.plain:
            (read,) = variable.next.references
            if (read.root, *read.path) == ("outputs", name):
                return variable
    return None


def _of_group(output: Named, group: Group, loop: Loop) -> StateVariable | Value | None:
    carried = _carried(output.name, loop) or _alike(output.value, loop)
    if carried is not None:
        return carried
    inside = {step.id for step in group.steps}
    needs_one = any(
        reference.root == "loop"
        or (reference.root == "steps" and (not reference.path or reference.path[0] in inside))
        for reference in references(output.value)
    )
    return None if needs_one else output.value


def _alike(value: Value, loop: Loop) -> StateVariable | None:
    """The state variable whose `next` says the very same."""
    for variable in loop.state:
        if (
            isinstance(value, Expression)
            and isinstance(variable.next, Expression)
            and value.tree == variable.next.tree
        ):
            return variable
    return None
