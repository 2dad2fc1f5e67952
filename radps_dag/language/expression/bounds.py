"""Bounds on what one expression may make, so that none can fill the memory or take for ever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any

from radps_dag.language.shape import show

__all__ = ["MAX_DEPTH", "MAX_INTEGER", "MAX_SIZE", "Absent", "Budget", "Wrong", "finite", "text_of"]

# Characters of a text, or values in a list with all that is inside it.
MAX_SIZE = 1_000_000
MAX_DEPTH = 100
MAX_INTEGER = 2**63


class Wrong(Exception):
    """A value does not do for what is asked of it."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class Absent(Wrong):
    """Something that is read has no value; `default(...)` is for this and for nothing else."""


class Budget:
    """The values and characters that one evaluation may still look at and make."""

    __slots__ = ("remaining",)

    def __init__(self) -> None:
        self.remaining = 4 * MAX_SIZE

    def spend(self, amount: int) -> None:
        """Take an amount, and raise `Wrong` if there is not as much."""
        self.remaining -= amount
        if self.remaining < 0:
            raise Wrong("the expression is too much work: it makes millions of values")

    def make(self, size: int) -> None:
        """Refuse a text or a list before it is made."""
        if size > MAX_SIZE:
            raise Wrong(f"the result would have a size of {size:,}; {MAX_SIZE:,} is the most")
        self.spend(size)

    def weigh(self, value: Any) -> None:
        """Refuse a value that is too large or too deep, counting all that is inside it."""
        remaining = MAX_SIZE
        level: list[Any] = [value]
        for _ in range(MAX_DEPTH):
            remaining -= len(level)
            inner: list[Any] = []
            for part in level:
                if isinstance(part, list | tuple):
                    remaining -= len(part)
                    if remaining < 0:
                        break
                    inner.extend(part)
                elif isinstance(part, Mapping):
                    remaining -= len(part)
                    if remaining < 0:
                        break
                    inner.extend(part.values())
                elif isinstance(part, str):
                    remaining -= len(part) // 8
            if remaining < 0:
                raise Wrong(f"the result is larger than {MAX_SIZE:,} values")
            if not inner:
                return
            level = inner
        raise Wrong(f"the result is nested deeper than {MAX_DEPTH}")


def finite(number: Any) -> Any:
    """The number, if JSON has it and it keeps to 64 bits."""
    if isinstance(number, complex):
        raise Wrong("the result is not a real number")
    if isinstance(number, float):
        if not isfinite(number):
            raise Wrong(f"the result is {show(number)}, which is no number that JSON has")
    elif abs(number) >= MAX_INTEGER:
        raise Wrong("the result is an integer of more than 64 bits")
    return number


def text_of(value: Any, budget: Budget) -> str:
    """A value as text: a string is itself, anything else its JSON."""
    if isinstance(value, str):
        return value
    if type(value) is int:  # the common case, a hundred thousand times in a joined range
        budget.spend(4)
        return str(value)
    if isinstance(value, list | tuple | Mapping):
        budget.weigh(value)
    text = json.dumps(value, ensure_ascii=False, default=dict)
    budget.make(len(text))
    return text
