"""What a workspace's journal says, for tests that look at it from outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from radps_dag.facts import as_json
from radps_dag.journal.opening import open_store
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import UsageError

__all__ = ["facts_of", "facts_of_only_run", "store_of"]


def store_of(workspace: Path) -> Store:
    """The journal of a workspace, to be written."""
    return open_store(Workspace(workspace.resolve()))


def facts_of(workspace: Path, run: str) -> list[dict[str, Any]]:
    """The facts of a run as JSON objects."""
    store = open_store(Workspace(workspace.resolve()), reading=True)
    try:
        return [as_json(fact) for fact in store.facts(run)]
    finally:
        store.close()


def facts_of_only_run(workspace: Path, url: str | None = None) -> list[dict[str, Any]]:
    """The facts of the one run there, as far as it has come; nothing where none has begun."""
    if url is None and not (workspace / "journal.db").exists():
        return []
    try:
        store = open_store(Workspace(workspace.resolve()), url, reading=True)
    except UsageError:  # its tables are still to be made
        return []
    try:
        heads = store.heads()
        return [as_json(fact) for fact in store.facts(heads[0].run)] if heads else []
    finally:
        store.close()
