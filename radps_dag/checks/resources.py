"""Resources of calls, as far as they are known before the run: amounts, and such as can be had."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from radps_dag.checks.known import Known, readable
from radps_dag.language.amounts import amounts
from radps_dag.language.expression import ExpressionError, Listing, Names, references
from radps_dag.language.model import Named, Resources, Task
from radps_dag.problem import Location, Problem

__all__ = ["Refusals", "check_resources", "no_refusals"]

RULE = "resources"

# The reasons why a call with such resources could never run.
Refusals = Callable[[Resources], Iterable[str]]


def no_refusals(_resources: Resources) -> tuple[str, ...]:
    """None, where nothing is known of who is to run the calls."""
    return ()


def check_resources(
    node: Task, asked: tuple[Named, ...], constants: Known, refusals: Refusals, sure: bool
) -> Iterator[Problem]:
    """Problems of what the attempts of a call ask for, in any of its instances; the first shows
    it. What is not known yet is looked at when the call is about to run."""
    if not asked:
        return
    value = Listing(tuple(item.value for item in asked), node.at)
    for attempt in range(1, 1 + (_attempts(node) if _reads_attempt(value) else 1)):
        for names in replace(constants, attempt=attempt).scopes(value):
            problems = [*_problems(node, asked, names, refusals, sure)]
            yield from problems
            if problems:
                return


def _problems(
    node: Task, asked: tuple[Named, ...], names: Names, refusals: Refusals, sure: bool
) -> Iterator[Problem]:
    which = f"attempt {names['attempt']}" if names["attempt"] > 1 else ""
    try:
        resources = amounts((item for item in asked if readable(item.value, names)), names)
    except ExpressionError as error:
        message = f"{error.message} ({which})" if which else error.message
        yield Problem(error.at, RULE, message, "error" if sure else "warning")
        return
    for why in refusals(resources):
        who = f"{which} of {node.id!r}" if which else f"{node.id!r}"
        yield Problem(_said_at(node, asked), RULE, f"{who} {why}")


def _said_at(node: Task, asked: tuple[Named, ...]) -> Location:
    """The place where the file says it, or the profile or the tool's file that does so instead."""
    elsewhere = (item.at for item in asked if item.at.source is not node.at.source)
    return next(elsewhere, node.at)


def _attempts(node: Task) -> int:
    return 1 if node.retries is None else 1 + node.retries.max


def _reads_attempt(value: Listing) -> bool:
    return any(reference.root == "attempt" for reference in references(value))
