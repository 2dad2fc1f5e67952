"""Expressions: values of a pipeline file that are computed when the run gets there.

A scalar that is one `${{ EXPR }}` has the typed value of EXPR; text around it makes a string.
The grammar is Jinja2's expression grammar, parsed by Jinja2 and evaluated here, node by node, on
plain JSON values: there is no code generation, no attribute of a Python object, no call but those
of the tables in this package, and a bound on the size of everything that grows.
"""

from __future__ import annotations

from radps_dag.language.expression.bounds import Budget
from radps_dag.language.expression.evaluation import evaluate
from radps_dag.language.expression.grammar import path_of, paths_in
from radps_dag.language.expression.inference import alternatives, infer
from radps_dag.language.expression.keyed import FAN_OUT_MEMBERS, key_text
from radps_dag.language.expression.members import member_of, no_member
from radps_dag.language.expression.pairing import ByIndex, ByKey, Zipped, aligned, pairings
from radps_dag.language.expression.parsing import parse_expression, parse_value
from radps_dag.language.expression.values import (
    Expression,
    ExpressionError,
    Listing,
    Literal,
    Names,
    Object,
    Reference,
    Template,
    Value,
    references,
)

__all__ = [
    "FAN_OUT_MEMBERS",
    "Budget",
    "ByIndex",
    "ByKey",
    "Expression",
    "ExpressionError",
    "Listing",
    "Literal",
    "Names",
    "Object",
    "Reference",
    "Template",
    "Value",
    "Zipped",
    "aligned",
    "alternatives",
    "evaluate",
    "infer",
    "key_text",
    "member_of",
    "no_member",
    "pairings",
    "parse_expression",
    "parse_value",
    "path_of",
    "paths_in",
    "references",
]
