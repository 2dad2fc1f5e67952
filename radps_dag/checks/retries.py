"""The exceptions that are worth another attempt are spelt as Python spells them."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from functools import cache

from radps_dag.checks.shapes import Shapes
from radps_dag.checks.view import View
from radps_dag.problem import Problem

__all__ = ["check"]

RULE = "retries"
_BUILT_IN = sorted(
    name
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)


def check(view: View, shapes: Shapes) -> Iterator[Problem]:
    """Problems of the exceptions that `retries` names."""
    for seat in view.seats:
        retries = seat.node.retries
        for name in () if retries is None else retries.on:
            # Libraries have exceptions of their own: only a slip of the pen is certain.
            if name not in _BUILT_IN and (close := _close_to(name)):
                message = f"no exception is called {name!r}; did you mean {close!r}?"
                yield Problem(seat.node.at, RULE, message)


@cache
def _close_to(name: str) -> str:
    from difflib import get_close_matches  # which few pipelines come to need

    return next(iter(get_close_matches(name, _BUILT_IN, n=1, cutoff=0.93)), "")
