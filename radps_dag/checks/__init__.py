"""Checks before the run: one rule per file, its name on its messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from radps_dag.checks import (
    contexts,
    fan_outs,
    inputs,
    literal_text,
    loops,
    mutation,
    names,
    needs,
    order,
    outputs,
    pairing,
    params,
    pauses,
    qa,
    retries,
    secrets,
    skipped,
    types,
    workloads,
)
from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.language.model import Pipeline
from radps_dag.language.source import MAX_PROBLEMS
from radps_dag.problem import Problem
from radps_dag.workloads.contract.registry import Library

__all__ = ["RULES", "check"]

Rule = Callable[[View, Shapes], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    params.check,
    secrets.check,
    workloads.check,
    inputs.check,
    names.check,
    outputs.check,
    needs.check,
    order.check,
    skipped.check,
    types.check,
    literal_text.check,
    fan_outs.check,
    pairing.check,
    loops.check,
    qa.check,
    pauses.check,
    retries.check,
    contexts.check,
    mutation.check,
)


def check(pipeline: Pipeline, library: Library) -> Iterator[Problem]:
    """Every problem of a pipeline and of the files it uses, each file looked at once.

    Of one rule in one file not more than `MAX_PROBLEMS`: the rest is more noise than help.
    """
    shapes = Shapes(library)
    waiting, seen = [pipeline], {id(pipeline)}
    while waiting:
        view = shapes.view(waiting.pop())
        for rule in RULES:
            yield from islice(rule(view, shapes), MAX_PROBLEMS)
        for used in view.used:
            if id(used) not in seen:
                seen.add(id(used))
                waiting.append(used)
