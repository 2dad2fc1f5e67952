"""Marks of runs that are removed: where their products lie, until these have gone as well."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
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

__all__ = ["Mark", "mark_of", "marks_in", "write_marks"]

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """A run's files: its directory, and its folders below other `roots` for products."""

    directory: RunDirectory
    roots: Sequence[str]

    def size(self, kept: AbstractSet[Parts] = frozenset()) -> int:
        """The bytes that its removal frees. Raises RadpsDagError."""
        return size_of(self.directory.path.as_uri(), _in_products(kept)) + sum(
            size_of(f"{root}/{self.directory.id}", kept) for root in self.roots
        )

    def sweep(self, kept: AbstractSet[Parts] = frozenset()) -> int:
        """Remove the run's files but for those below what is kept. The bytes that this frees.

        Raises RadpsDagError.
        """
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
    return Mark(workspace.run(run), tuple(dict.fromkeys(roots)))


def marks_in(store: Store) -> list[Mark]:
    """The marks there are, also of runs that the journal still has: whoever was to remove them was
    interrupted before that."""
    ours = _read(store.workspace).get(_name(store), {})
    return [Mark(store.workspace.run(run), tuple(roots)) for run, roots in ours.items()]


def write_marks(store: Store, marks: Iterable[Mark]) -> None:
    """Put these in the place of the marks of this journal, durably. Raises RadpsDagError."""
    workspace = store.workspace
    path = workspace.pruned
    said = _read(workspace)
    said[_name(store)] = {item.directory.id: [*item.roots] for item in marks}
    said = {journal: runs for journal, runs in said.items() if runs}
    try:
        if not said:
            path.unlink(missing_ok=True)
            return
        partial = path.with_suffix(".partial")
        with partial.open("w", encoding="utf-8") as file:
            file.write(workspace.relative(strict_json(said)))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync(path.parent)
    except OSError as error:
        raise RadpsDagError(f"{path}: cannot be written: {error.strerror}; make room") from error


def _read(workspace: Workspace) -> dict[str, dict[str, list[str]]]:
    """By journal and run the roots for products. Raises RadpsDagError where that is damaged."""
    try:
        said = json.loads(workspace.absolute(workspace.pruned.read_text(encoding="utf-8")))
        return {
            str(journal): {str(run): [str(root) for root in roots] for run, roots in runs.items()}
            for journal, runs in said.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise RadpsDagError(
            f"{workspace.pruned}: cannot be read ({error}); it names runs that were removed and "
            "have files left: move it away, and remove these by hand"
        ) from error


def _name(store: Store) -> str:
    """The journal, so that the runs of another one are left alone."""
    return "" if store.name == os.fspath(store.workspace.journal) else store.name
