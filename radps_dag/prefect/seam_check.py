"""Seams with Prefect to those that the installed one does not have, in words."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from radps_dag.problem import RadpsDagError

__all__ = ["Moved", "Seam", "check", "moved"]


@dataclass(frozen=True, slots=True)
class Seam:
    """A name in a module of Prefect, and what is relied on.

    `users` are the modules of this package that do so. `takes` are parameters that it must have,
    `has` attributes of it or of its instances. `since` is the first version that was tried, and
    has it.
    """

    module: str
    name: str
    relied: str
    users: tuple[str, ...]
    takes: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    since: str = "3.8.7"

    @property
    def dotted(self) -> str:
        """Name as Python imports it."""
        return f"{self.module}.{self.name}" if self.name else self.module


class Moved(RadpsDagError):
    """The installed Prefect lacks what is relied on."""


def check(seams: Iterable[Seam], otherwise: str) -> None:
    """Look at each of them. Raises Moved, in a line, where one is not as it was; `otherwise` says
    what else can be done than to install another Prefect."""
    problems = moved(seams)
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Moved(
            f"Prefect {_version()} is not one that radps-dag can be used with: "
            f"{problems[0]}{more}; pip install '{_requirement()}', {otherwise}"
        )


def moved(seams: Iterable[Seam]) -> list[str]:
    """Each seam that is not as it is relied on, in words."""
    return [f"{seam.dotted} {lacks}" for seam in seams if (lacks := _lacks(seam))]


def _lacks(seam: Seam) -> str:
    """Say what differs from what we rely on; "" if nothing does."""
    try:
        value: Any = importlib.import_module(seam.module)
    except ImportError:
        return "is not there"
    for part in filter(None, seam.name.split(".")):
        if not hasattr(value, part):
            return "is not there"
        value = getattr(value, part)
    lost = [name for name in seam.has if not _has(value, name)]
    if lost:
        return f"has no {lost[0]!r}"
    lost = [name for name in seam.takes if name not in _parameters(value)]
    return f"takes no {lost[0]!r}" if lost else ""


def _has(value: Any, name: str) -> bool:
    """Whether it has an attribute, or a class gives one to its instances."""
    if hasattr(value, name):
        return True
    fields = {**getattr(value, "model_fields", {}), **getattr(value, "__dataclass_fields__", {})}
    begins = getattr(getattr(value, "__init__", None), "__code__", None)
    return name in fields or (begins is not None and name in begins.co_names)


def _parameters(value: Any) -> Sequence[str]:
    """The names of a function's parameters, or a class's. Ten times as quick as a signature."""
    function = inspect.unwrap(value)  # ours, where it replaces Prefect's already
    if isinstance(function, type):
        function = inspect.unwrap(inspect.getattr_static(function, "__init__"))
    code = getattr(function, "__code__", None)
    if code is None:
        return ()
    more = bool(code.co_flags & inspect.CO_VARARGS) + bool(code.co_flags & inspect.CO_VARKEYWORDS)
    names: Sequence[str] = code.co_varnames
    return names[: code.co_argcount + code.co_kwonlyargcount + more]


def _version() -> str:
    import prefect

    return prefect.__version__


def _requirement() -> str:
    """The bounds on Prefect, as this package declares them."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        declared = requires("radps-dag") or []
    except PackageNotFoundError:  # a checkout that nobody has installed
        declared = []
    return next(
        (requirement for requirement in declared if requirement.startswith("prefect")), "prefect"
    )
