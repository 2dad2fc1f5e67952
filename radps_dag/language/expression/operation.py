"""Operations that an expression can call: entries of the tables of filters, tests, functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from radps_dag.language.expression.bounds import Wrong
from radps_dag.language.shape import ANY, Shape, show
from radps_dag.problem import allowed, did_you_mean

__all__ = ["Operation", "list_in", "number_in", "string_in"]

Gives = Callable[..., Shape]  # the shapes of the arguments to the shape of the result


@dataclass(frozen=True, slots=True)
class Operation:
    """`call` takes the budget, the value that is filtered or tested, and the arguments.

    `parameters` are the arguments' names, of which the first `required` must be given; a last
    `*` takes any number, and `**` alone any names but `key`, at least `required`. `gives` is the
    shape of the result, or makes it of the operands' shapes. `applies` are the filters or tests
    that it can apply to each item, whose name is the argument `filter` or `test`.
    """

    name: str
    usage: str
    summary: str
    call: Callable[..., Any]
    gives: Shape | Gives = ANY
    parameters: tuple[str, ...] = ()
    required: int = 0
    takes: Shape = ANY  # what it filters or, of a function, its first argument and named ones
    applies: Mapping[str, Operation] = field(default_factory=dict, hash=False)

    def misuse(self, positional: int, keywords: Sequence[str]) -> str:
        """Say what is wrong with a call with these arguments; "" if nothing."""
        if "**" in self.parameters:
            return self._misnamed(positional, keywords)
        open_ended = "*" in self.parameters
        names = [name for name in self.parameters if name != "*"]
        for keyword in keywords:
            if keyword not in names:
                return f"{self.name!r} has no argument {keyword!r}; write {self.usage}"
            if keyword in names[:positional] or keywords.count(keyword) > 1:
                return f"{self.name!r} gets its argument {keyword!r} twice"
        if positional > len(names) and not open_ended:
            return f"{self.name!r} takes fewer arguments; write {self.usage}"
        given = {*names[:positional], *keywords}
        if not {*names[: self.required]} <= given or (not names and positional < self.required):
            return f"{self.name!r} takes more arguments; write {self.usage}"
        return ""

    def _misnamed(self, positional: int, keywords: Sequence[str]) -> str:
        """Say what is wrong with a call whose arguments the author names."""
        if positional or len(keywords) < self.required:
            return f"{self.name!r} takes arguments with names; write {self.usage}"
        if len(set(keywords)) < len(keywords):
            return f"{self.name!r} gets an argument twice; write {self.usage}"
        return "'key' is what they have in common; take another name" if "key" in keywords else ""

    def result(self, *shapes: Shape, **named: Shape) -> Shape:
        """Shape of the result, for values of these shapes."""
        return self.gives if isinstance(self.gives, Shape) else self.gives(*shapes, **named)

    @property
    def names_a(self) -> str:
        """The argument that names what is applied: `filter` or `test`; "" if there is none."""
        return next((name for name in ("filter", "test") if name in self.parameters), "")

    def misapplied(self, name: Any, given: int) -> str:
        """Say what is wrong with applying `name` with so many arguments; "" if nothing."""
        applied = self.applies.get(name) if isinstance(name, str) else None
        if applied is not None:
            return applied.misuse(given, ())
        hint = did_you_mean(str(name), self.applies)
        names = allowed(self.applies, 40)
        return f"{self.name!r} applies no {self.names_a} {show(name)}{hint} (known: {names})"


def number_in(value: Any, role: str = "") -> int | float:
    """Value that must be a number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"{role or 'it'} takes a number, found {show(value)}")
    return value


def string_in(value: Any, role: str = "") -> str:
    """Value that must be a string."""
    if not isinstance(value, str):
        raise Wrong(f"{role or 'it'} takes a string, found {show(value)}")
    return value


def list_in(value: Any, role: str = "") -> Sequence[Any]:
    """Value that must be a list."""
    if not isinstance(value, list | tuple):
        raise Wrong(f"{role or 'it'} takes a list, found {show(value)}")
    return value
