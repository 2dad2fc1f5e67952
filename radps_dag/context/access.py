"""The context of a run from its journal, and additions to it from outside of the pipeline."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radps_dag.context.at_node_start import as_seen_at
from radps_dag.context.fold import Fold
from radps_dag.context.inherited import adopt
from radps_dag.context.snapshots import snapshot_of
from radps_dag.facts import Added, ContextAdded
from radps_dag.journal.opening import open_store
from radps_dag.journal.rows import to_row
from radps_dag.journal.run_status import find_run
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import UsageError
from radps_dag.profile import find_profile
from radps_dag.workloads.contract.context import Context, addition, withdrawal
from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.knowledge import Snapshot

__all__ = ["add_to_context", "load_context", "read_context", "withdraw_from_context"]

Place = str | os.PathLike[str]


def load_context(
    run: str | None = None,
    *,
    workspace: Place = ".radps",
    store: str | None = None,
    at: str | None = None,
) -> Context:
    """Open the context of a run, or of the last run, to read. If the run is still going on, the
    context is what is committed so far.

    `at` is a place in the run, such as `calibrate_gains/solve`: the context is then what that node
    saw when it started. Raises UsageError where there is no such run or place.
    """
    journal = _opened(workspace, store, reading=True)
    try:
        return Context(read_context(journal, find_run(journal, run), at), read_only=True)
    finally:
        journal.close()


def add_to_context(
    key: str,
    value: Any,
    *,
    run: str | None = None,
    workspace: Place = ".radps",
    store: str | None = None,
    by: str | None = None,
) -> None:
    """Add a value to the context of a run, finished or going on: the next version of the key.

    A run that goes on takes it up with the next call that starts. `by` is who adds it; the user's
    name where nothing is said. Raises UsageError where the value is not as declared.
    """
    _append(run, workspace, store, by, lambda snapshot: addition(snapshot, key, value))


def withdraw_from_context(
    product: Product | str,
    reason: str,
    *,
    run: str | None = None,
    workspace: Place = ".radps",
    store: str | None = None,
    by: str | None = None,
) -> None:
    """Say of a product of a run, or of the one with this URI, that it is not to be used."""
    _append(run, workspace, store, by, lambda snapshot: withdrawal(snapshot, product, reason))


def read_context(store: Store, run: str, at: str | None = None) -> Snapshot:
    """The context of a run in a journal that is open."""
    facts = list(store.facts(run))
    if at is not None:
        return as_seen_at(facts, at, lambda fold: adopt(fold, store, fold.adopted))
    fold = Fold()
    for fact in facts:
        fold.add(fact)
    adopt(fold, store, fold.adopted)
    return snapshot_of(fold)


def _append(
    run: str | None,
    workspace: Place,
    store: str | None,
    by: str | None,
    make: Callable[[Snapshot], Added],
) -> None:
    # Whoever misspells the workspace must not get a new one.
    reading = _opened(workspace, store, reading=True)
    try:
        id = find_run(reading, run)
        added = make(read_context(reading, id))
    finally:
        reading.close()
    fact = ContextAdded(time=time.time(), place="", by=by or _user(), added=added)
    journal = _opened(workspace, store, reading=False)
    try:
        journal.append(id, [to_row(id, fact, journal.workspace)])
    finally:
        journal.close()


def _opened(workspace: Place, store: str | None, *, reading: bool) -> Store:
    profile = find_profile()
    root = Path(workspace).resolve()
    if store is None and profile.store is None and not root.is_dir():
        raise UsageError(f"{workspace}: no such workspace; say where runs are kept: workspace=...")
    return open_store(
        Workspace(root, profile.products or ""), store or profile.store, reading=reading
    )


def _user() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no entry for this user, as in some containers
        return "somebody"
