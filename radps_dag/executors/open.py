"""The executor by its name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from radps_dag.executors.call import Executor
from radps_dag.profile import EXECUTORS, known_executor
from radps_dag.sealed import NO_SECRETS, Secrets
from radps_dag.workloads.contract.registry import Library

__all__ = ["EXECUTORS", "open_executor"]


def open_executor(
    name: str,
    library: Library,
    modules: Sequence[Path],
    slots: int | None,
    log: Path,
    secrets: Secrets = NO_SECRETS,
) -> Executor:
    """An executor with so many slots: by default what the machine's processors serve well.
    `secrets` are left out of the log.

    Threads wait more than they compute (for an archive, for a subprocess), so they get more, unless
    the library says that it computes. Raises UsageError for a name that no executor has.
    """
    found = known_executor(name, "the executor")
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
    if found == "threads":
        from radps_dag.executors.threads import Threads

        return Threads(
            library, slots or (processors if library.computes else max(16, 4 * processors))
        )
    from radps_dag.executors.processes import Processes

    return Processes(library.name, modules, slots or processors, log, secrets)
