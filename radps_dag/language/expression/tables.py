"""The filters, tests and functions of expressions: all that there is to call."""

from __future__ import annotations

from radps_dag.language.expression.keyed import KEYED_FUNCTIONS
from radps_dag.language.expression.lists import LIST_FILTERS, LIST_FUNCTIONS
from radps_dag.language.expression.operation import Operation
from radps_dag.language.expression.picking import PICKING_FILTERS
from radps_dag.language.expression.scalars import SCALAR_FILTERS, SCALAR_FUNCTIONS
from radps_dag.language.expression.truths import TESTS

__all__ = ["FILTERS", "FUNCTIONS", "KEYED", "TESTS", "Operation"]


def _table(*operations: Operation) -> dict[str, Operation]:
    return {operation.name: operation for operation in sorted(operations, key=lambda o: o.name)}


FILTERS = _table(*SCALAR_FILTERS, *LIST_FILTERS, *PICKING_FILTERS)
FUNCTIONS = _table(*SCALAR_FUNCTIONS, *LIST_FUNCTIONS, *KEYED_FUNCTIONS)
# Those of them that take fan-outs as a whole.
KEYED = tuple(operation.name for operation in KEYED_FUNCTIONS)
