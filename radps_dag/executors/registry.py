"""Names to executors, found through entry points."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from radps_dag.executors.call import Capabilities, Executor, Setup
from radps_dag.plugins import Plugin, load, plugins
from radps_dag.problem import RadpsDagError, UsageError, allowed, did_you_mean
from radps_dag.sealed import NO_SECRETS, Secrets
from radps_dag.workloads.contract.registry import Library

__all__ = [
    "DEFAULT",
    "capabilities_of",
    "executors",
    "find_executor",
    "known_executor",
    "open_executor",
    "processors",
]

DEFAULT = "threads"
_GROUP = "radps_dag.executors"
# Known without reading the metadata of all that is installed, as our libraries of workloads are.
_OWN = {
    "threads": "radps_dag.executors.threads:Threads",
    "processes": "radps_dag.executors.processes:Processes",
}
_MEMBERS = ("slots_for", "run", "close", "kill")


def executors() -> dict[str, Plugin]:
    """All executors that are installed, by name. None is imported."""
    return plugins(_GROUP, _OWN)


def known_executor(value: Any, who: str) -> str:
    """The name of an executor. Raises UsageError, with who names it, where there is none."""
    if isinstance(value, str) and value in (_OWN if value in _OWN else executors()):
        return value
    known = executors()
    hint = did_you_mean(value, known) if isinstance(value, str) else ""
    raise UsageError(f"{who} must be one of {allowed(known)}, not {value!r:.60}{hint}")


def find_executor(name: str) -> type[Executor]:
    """The executor of that name. Raises UsageError for one that is unknown, cannot be imported or
    is not an executor."""
    name = known_executor(name, "the executor")
    plugin = Plugin(name, _OWN[name]) if name in _OWN else executors()[name]
    found: type[Executor] = load("executor", plugin)
    missing = [one for one in _MEMBERS if not callable(getattr(found, one, None))]
    if not isinstance(getattr(found, "capabilities", None), Capabilities):
        missing.append("capabilities")
    if missing or not isinstance(found, type):
        lacks = f"it has no {allowed(missing)}" if missing else "it is not a class"
        raise UsageError(f"executor {name!r} ({plugin.value}) is not an executor: {lacks}")
    return found


def capabilities_of(name: str) -> Capabilities | None:
    """Capabilities of an executor that a run has recorded; None if it is not installed any more."""
    with contextlib.suppress(UsageError):
        return find_executor(name).capabilities
    return None


def open_executor(
    name: str, library: Library, slots: int | None, log: Path, secrets: Secrets = NO_SECRETS
) -> Executor:
    """An executor with so many slots, or with those that serve the machine well."""
    found = find_executor(name)
    try:
        return found(Setup(library, slots or found.slots_for(library), log, secrets))
    except RadpsDagError:
        raise
    except Exception as error:  # of a plugin, so of any type
        why = f"{type(error).__name__}: {error}"
        raise UsageError(f"executor {name!r} cannot be opened: {why}") from error


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
