"""Orphans of a killed process: directories of attempts that no row of the journal speaks of."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from radps_dag.facts import NodeFailed, NodeSucceeded
from radps_dag.journal.store import Store
from radps_dag.runs.record import OpenRun
from radps_dag.storage.remote import path_of

__all__ = ["remove_orphans"]


def remove_orphans(opened: OpenRun) -> list[Path]:
    """Remove them from the run's products, and say which: the claim on the run must be held, and
    nothing of this process may run yet.

    What an older process should still write goes to a directory that nobody uses: its name says
    which process it was of. Whatever cannot be removed is left for the next time.
    """
    products = opened.directory.products
    if not products.is_dir():
        return []
    kept = set(_kept(opened.store, opened.directory.id))
    around = {folder for file in kept for folder in file.parents}
    orphans = list(_orphans(products.resolve(), kept, around))
    for folder in orphans:
        shutil.rmtree(folder, ignore_errors=True)
    return orphans


def _kept(store: Store, run: str) -> Iterator[Path]:
    """The directories of calls that the journal knows, of whatever attempt. Raises Damaged."""
    for row in store.rows(run, kinds=("node_succeeded", "node_failed")):
        if row.key is None or '"workdir"' not in row.payload:
            continue
        fact = store.fact(row)
        assert isinstance(fact, NodeSucceeded | NodeFailed)
        if fact.made is not None and fact.made.workdir:
            yield path_of(fact.made.workdir).resolve()


def _orphans(folder: Path, kept: AbstractSet[Path], around: AbstractSet[Path]) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        folders = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for path in folders:
        if path in around and path not in kept:
            yield from _orphans(path, kept, around)
        elif path not in kept:
            yield path
