"""Marks of runs that are removed: where their products lie, until these have gone as well."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from radps_dag.executors.manifest import sync
from radps_dag.facts import RunStarted, strict_json
from radps_dag.journal.rows import Damaged
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import RunDirectory, Workspace
from radps_dag.problem import RadpsDagError
from radps_dag.storage.clearing import clear, size_of
from radps_dag.storage.remote import is_local, path_of

__all__ = ["Mark", "mark", "mark_of", "marked"]

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A run's files: its directory, and its folders below other `roots` for products."""

    file: Path
    directory: RunDirectory
    roots: Sequence[str]

    def size(self, kept: AbstractSet[Parts] = frozenset()) -> int:
        """The bytes that its removal frees. Raises RadpsDagError."""
        return size_of(self.directory.path.as_uri(), _in_products(kept)) + sum(
            size_of(f"{root}/{self.directory.id}", kept) for root in self.roots
        )

    def sweep(self, kept: AbstractSet[Parts] = frozenset()) -> int:
        """Remove the run's files but for those below what is kept; the mark last, once nothing is
        left. The bytes that this frees. Raises RadpsDagError."""
        freed = 0
        for root in self.roots:
            if is_local(root) and not path_of(root).is_dir():
                raise RadpsDagError(f"{path_of(root)} is not there; mount it, then prune again")
            freed += clear(f"{root}/{self.directory.id}", kept)
            if is_local(root):
                _remove_empty(path_of(root) / self.directory.id)
        path = self.directory.path
        freed += clear(path.as_uri(), _in_products(kept))
        _remove_empty(path)
        if not kept:
            self.file.unlink(missing_ok=True)
            _remove_empty(self.file.parent)
        return freed


def _in_products(kept: AbstractSet[Parts]) -> set[Parts]:
    return {("products", *parts) for parts in kept}


def _remove_empty(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.rmdir()


def mark_of(store: Store, run: str) -> Mark:
    """The mark of a run that the journal has."""
    workspace = store.workspace
    roots = [workspace.products] if workspace.products else []
    with contextlib.suppress(Damaged):
        for row in store.rows(run, kinds=("run_started",), hasty=True):
            fact = store.fact(row)
            if isinstance(fact, RunStarted) and fact.settings.get("products"):
                roots.append(str(fact.settings["products"]).rstrip("/"))
    return Mark(_file(workspace, run), workspace.run(run), tuple(dict.fromkeys(roots)))


def _file(workspace: Workspace, run: str) -> Path:
    return workspace.pruned / f"{run}.json"


def mark(store: Store, marked_run: Mark) -> None:
    """Write the mark, durably, before the journal forgets the run. Raises RadpsDagError."""
    path = marked_run.file
    said = {"journal": _name(store), "roots": [*marked_run.roots]}
    text = store.workspace.relative(strict_json(said))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync(path.parent)
    except OSError as error:
        raise RadpsDagError(
            f"{path}: cannot be written: {error.strerror}; nothing of the run was removed"
        ) from error


def marked(store: Store, runs: AbstractSet[str]) -> Iterator[Mark]:
    """Yield the marks of removed runs that have files left; `runs` are in the journal."""
    workspace: Workspace = store.workspace
    with contextlib.suppress(FileNotFoundError):
        for path in sorted(workspace.pruned.glob("*.json")):
            if path.stem in runs:
                continue
            try:
                said = json.loads(workspace.absolute(path.read_text(encoding="utf-8")))
                roots = tuple(str(root) for root in said["roots"])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # of another program, or damaged: nothing is removed for it
            if said.get("journal") == _name(store):
                yield Mark(path, workspace.run(path.stem), roots)


def _name(store: Store) -> str:
    """The journal, so that the runs of another one are left alone."""
    return "" if store.name == os.fspath(store.workspace.journal) else store.name
