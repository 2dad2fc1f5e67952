"""Entry points of a group: plugins by name, imported with errors of one line."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from radps_dag.problem import RadpsDagError, UsageError

__all__ = ["Plugin", "imported", "load", "plugins"]

T = TypeVar("T")

_IMPORTLIB = str(Path(importlib.__file__).parent)


@dataclass(frozen=True, slots=True)
class Plugin:
    """A name, the `module` or `module:object` that it stands for, and the package it is from."""

    name: str
    value: str
    package: str = "radps-dag"
    version: str = ""


def plugins(group: str, own: Mapping[str, str]) -> dict[str, Plugin]:
    """All plugins of a group: our own first, whose places no other package takes."""
    from importlib.metadata import entry_points

    by_name = {name: Plugin(name, value) for name, value in own.items()}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        package, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
        by_name.setdefault(entry.name, Plugin(entry.name, entry.value, package, version))
    return by_name


def load(what: str, plugin: Plugin) -> Any:
    """Load a plugin. Raises UsageError, which begins with `what`, if it cannot be imported."""
    from importlib.metadata import EntryPoint

    entry = EntryPoint(plugin.name, plugin.value, "")
    return imported(f"{what} {plugin.name!r} ({plugin.value})", entry.load)


def imported(what: str, load: Callable[[], T]) -> T:
    """Call `load`. Code that we do not know raises errors of any type: each becomes a
    UsageError.
    """
    try:
        return load()
    except RadpsDagError as error:
        raise UsageError(f"{what}: {error}") from error
    except KeyboardInterrupt:  # somebody waits for the import no longer
        raise
    except BaseException as error:
        raise UsageError(
            f"{what} cannot be imported: {type(error).__name__}: {error}{_line_of(error)}"
        ) from error


def _line_of(error: BaseException) -> str:
    """The innermost line of the traceback in a file of somebody else's, where there is one."""
    line, trace = "", error.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file != __file__ and not file.startswith(("<frozen ", _IMPORTLIB)):
            line = f" ({file}:{trace.tb_lineno})"
        trace = trace.tb_next
    return line
