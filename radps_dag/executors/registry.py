"""Names to executors, found through entry points and by what a profile calls them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from radps_dag.executors.call import Capabilities, Executor, Setup
from radps_dag.executors.settings import SETTINGS
from radps_dag.executors.tables import At, settings_from
from radps_dag.plugins import Plugin, load, plugins
from radps_dag.problem import RadpsDagError, UsageError, allowed, did_you_mean
from radps_dag.sealed import NO_SECRETS, Secrets
from radps_dag.workloads.contract.registry import Library

__all__ = [
    "DEFAULT",
    "ExecutorChoice",
    "capabilities_of",
    "choose",
    "executors",
    "find_executor",
    "known_executor",
    "open_executor",
    "processors",
    "read_choices",
    "unready",
]

DEFAULT = "threads"
_GROUP = "radps_dag.executors"
# Known without reading the metadata of all that is installed, as our libraries of workloads are.
_OWN = {
    "threads": "radps_dag.executors.threads:Threads",
    "processes": "radps_dag.executors.processes:Processes",
    "dask": "radps_dag.executors.dask:Dask",
    "parsl": "radps_dag.executors.parsl:Parsl",
}
_MEMBERS = ("slots_for", "run", "close", "kill")
# Those that do not know where to compute unless a profile says it.
_TOLD = ("dask", "parsl")


@dataclass(frozen=True, slots=True)
class ExecutorChoice:
    """An executor as a profile sets it up: its name there, its kind, which is the name of the
    executor itself, and its settings; None of a kind that is used as it is."""

    name: str
    kind: str
    settings: Any = None


def executors() -> dict[str, Plugin]:
    """All kinds of executors that are installed, by name. None is imported."""
    return plugins(_GROUP, _OWN)


def known_executor(value: Any, who: str, configured: Collection[str] = ()) -> str:
    """The name of an executor, or of one that a profile has `configured`. Raises UsageError, with
    who names it, where there is none."""
    if isinstance(value, str) and (
        value in configured or value in (_OWN if value in _OWN else executors())
    ):
        return value
    names = [*dict.fromkeys((*executors(), *configured))]
    hint = did_you_mean(value, names) if isinstance(value, str) else ""
    raise UsageError(f"{who} must be one of {allowed(names)}, not {value!r:.60}{hint}")


def choose(
    name: str, configured: Mapping[str, ExecutorChoice], who: str = "the executor"
) -> ExecutorChoice:
    """Look a name up. Raises UsageError for one that is unknown or lacks its settings."""
    choice = configured.get(known_executor(name, who, configured))
    if choice is not None:
        return choice
    if why := unready(name):
        raise UsageError(f"{who} {name!r} {why}")
    return ExecutorChoice(name, name)


def unready(kind: str) -> str:
    """The reason why a kind cannot be used by its name alone, in words."""
    example = f'[executors.NAME] with kind = "{kind}"'
    return f"is set up in radps-dag.toml: {example}; see docs/clusters.md" if kind in _TOLD else ""


def read_choices(at: At, table: Any) -> Mapping[str, ExecutorChoice]:
    """The tables `[executors.NAME]` of a profile. Raises UsageError for what is wrong in them."""
    if not isinstance(table, Mapping):
        raise UsageError(f'{at} must be tables: [{at.key}.NAME] with lines such as kind = "dask"')
    return {name: _read_choice(at.below(name), name, settings) for name, settings in table.items()}


def _read_choice(at: At, name: str, table: Any) -> ExecutorChoice:
    if not isinstance(table, Mapping):
        raise UsageError(f'{at} must be a table, with lines such as kind = "dask"')
    kinds = executors()
    kind = known_executor(table.get("kind", name if name in kinds else None), f"{at}.kind")
    if name in kinds and name != kind:
        raise UsageError(f"{at}: {name!r} is a kind of executor; take another name for a {kind!r}")
    settings = SETTINGS.get(kind) or getattr(find_executor(kind), "settings", None)
    rest = {key: value for key, value in table.items() if key != "kind"}
    if settings is None:
        if rest:
            raise UsageError(f"{at}: executor {kind!r} has no settings; remove {min(rest)!r}")
        return ExecutorChoice(name, kind)
    return ExecutorChoice(name, kind, settings_from(settings, at, rest))


def find_executor(name: str) -> type[Executor]:
    """The executor of that name. Raises UsageError for one that is unknown, cannot be imported or
    is not an executor."""
    name = known_executor(name, "the executor")
    plugin = Plugin(name, _OWN[name]) if name in _OWN else executors()[name]
    executor: type[Executor] = load("executor", plugin)
    missing = [member for member in _MEMBERS if not callable(getattr(executor, member, None))]
    if not isinstance(getattr(executor, "capabilities", None), Capabilities):
        missing.append("capabilities")
    if missing or not isinstance(executor, type):
        lacks = f"it has no {allowed(missing)}" if missing else "it is not a class"
        raise UsageError(f"executor {name!r} ({plugin.value}) is not an executor: {lacks}")
    return executor


def capabilities_of(name: str) -> Capabilities | None:
    """Capabilities of an executor that a run has recorded; None if it is not installed any more."""
    with contextlib.suppress(UsageError):
        return find_executor(name).capabilities
    return None


def open_executor(
    choice: ExecutorChoice | str,
    library: Library,
    slots: int | None,
    log: Path,
    secrets: Secrets = NO_SECRETS,
    products: Path | None = None,
    publish: str = "",
    say: Callable[[str], None] | None = None,
) -> Executor:
    """An executor with so many slots, or with those of its settings, or with those that serve the
    machine well. `products`, `publish` and `say` are as in `Setup`."""
    if isinstance(choice, str):
        choice = choose(choice, {})
    executor, name = find_executor(choice.kind), choice.name
    try:
        slots = slots or getattr(choice.settings, "slots", None) or executor.slots_for(library)
        setup = Setup(library, slots, log, secrets, choice.settings, products, publish)
        return executor(setup if say is None else replace(setup, say=say))
    except RadpsDagError:
        raise
    except Exception as error:  # of a plugin, so of any type
        why = f"{type(error).__name__}: {error}"
        raise UsageError(f"executor {name!r} cannot be opened: {why}") from error


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
