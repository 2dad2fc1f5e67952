"""A workspace: where runs keep their products and their journal, wherever it is moved to.

Addresses of what is in a workspace are kept relative to it, so that a workspace can be moved to
another directory or machine.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from radps_dag.problem import RadpsDagError, UsageError, did_you_mean, there_are
from radps_dag.storage.remote import is_local, path_of

__all__ = ["CUT", "RunDirectory", "Workspace", "pick"]

CUT = "\N{HORIZONTAL ELLIPSIS}"  # behind an id of which a table shows the beginning

NO_NAMES: Mapping[str, str] = MappingProxyType({})

_URI, _PATH = "workspace-uri:/", "workspace-path:/"
# What begins like one of these and is none is kept with a dot, which none of them has.
_LIKE, _UNLIKE = '"workspace-', '"workspace-.'


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """The directory of a run's files: `products/`, `workers.log`, and the lock of its driver."""

    id: str
    path: Path
    root: str = ""  # of the products of all runs, where that is not in the workspace

    @property
    def products(self) -> Path:
        """The directory in which calls write."""
        if self.root and is_local(self.root):
            return path_of(self.root) / self.id
        return self.path / "products"

    @property
    def published(self) -> str:
        """The URL to which goes what calls have written; "" where it stays."""
        return "" if not self.root or is_local(self.root) else f"{self.root}/{self.id}"

    @property
    def workers_log(self) -> Path:
        """Path of what the workloads printed."""
        return self.path / "workers.log"

    @property
    def lock(self) -> Path:
        """Path of the lock that the driving process holds."""
        return self.path / "driver.lock"

    @property
    def occupancy(self) -> Path:
        """Path of what calls wait for, while the run goes on."""
        return self.path / "occupancy.json"

    @property
    def readers(self) -> Path:
        """Path of the lock that runs share which may use what this one has made."""
        return self.path / "readers.lock"

    def remove_empty(self) -> None:
        """Remove what a run has that has not begun. Raises OSError where there is more."""
        self.products.rmdir()
        self.lock.unlink(missing_ok=True)
        self.path.rmdir()


@dataclass(frozen=True)
class Workspace:
    """A directory with runs. `products` is the URL of another root for what they make, without an
    end. What lies there keeps its address when the workspace is moved."""

    root: Path
    products: str = ""

    @property
    def runs(self) -> Path:
        """Path of the runs' directories."""
        return self.root / "runs"

    @property
    def journal(self) -> Path:
        """Path of the journal in SQLite."""
        return self.root / "journal.db"

    @property
    def pruned(self) -> Path:
        """Path of the marks of runs that are removed, or about to be, and have files left."""
        return self.root / "pruned.json"

    def run(self, id: str) -> RunDirectory:
        """Directory of a run."""
        return RunDirectory(id, self.runs / id, self.products)

    def new_run(self, pipeline: str) -> RunDirectory:
        """Make the directory of a new run. Its id sorts by time: `20261123-061502-full_cube`."""
        stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{pipeline}"
        try:
            self.runs.mkdir(parents=True, exist_ok=True)
            for number in range(1, 1000):
                id = stem if number == 1 else f"{stem}-{number}"
                directory = self.run(id)
                try:
                    directory.path.mkdir()
                    if directory.products.parent != directory.path:
                        directory.products.mkdir(parents=True)
                except FileExistsError:
                    continue
                return directory
        except OSError as error:
            raise RadpsDagError(
                f"{error.filename}: the run's directory cannot be made: {error.strerror}; "
                "choose another place with --workspace"
            ) from error
        raise RadpsDagError(f"{self.runs}: too many runs in one second")

    def relative(self, text: str) -> str:
        """Strict JSON in which what begins with this workspace's place no longer names it."""
        if _LIKE in text:
            text = text.replace(_LIKE, _UNLIKE)
        for here, token in self._places:
            text = text.replace(here, token)
        return text

    def absolute(self, text: str) -> str:
        """The reverse, for the place where the workspace is now."""
        if _LIKE in text:
            for here, token in self._places:
                text = text.replace(token, here)
            text = text.replace(_UNLIKE, _LIKE)
        return text

    @cached_property
    def _places(self) -> tuple[tuple[str, str], ...]:
        """Beginnings of JSON strings: as they are here, and as they are kept."""
        tokens = [
            (f"{self.root.as_uri()}/", _URI),
            (f"{os.fspath(self.root)}/", _PATH),
        ]
        return tuple((json.dumps(here)[:-1], json.dumps(token)[:-1]) for here, token in tokens)


def pick(wanted: str, runs: Sequence[str], names: Mapping[str, str] = NO_NAMES) -> str:
    """The run that a person means: its id, or the only one with that name, or with that part in its
    id or name. `names` are those of runs that have one.

    Raises UsageError where there is none, or more than one.
    """
    if wanted in runs:
        return wanted
    named = [id for id in runs if names.get(id) == wanted]
    if len(named) == 1:
        return named[0]
    part = wanted.removesuffix(CUT)
    if not part:
        raise UsageError("the run's id is empty; `radps-dag runs` lists them")
    matching = named or [id for id in runs if part in id or part in names.get(id, "")]
    if len(matching) == 1:
        return matching[0]
    if matching:
        raise UsageError(f"{wanted!r} may be any of {len(matching)} runs; {there_are(matching, 5)}")
    parts = [part for id in runs for part in (id, *id.split("-", 2))]
    parts += names.values()
    hint = did_you_mean(wanted, dict.fromkeys(parts))
    if runs and not hint:
        hint = f"; {there_are(runs, 5)}"
    raise UsageError(f"no run {wanted!r:.60} in this workspace{hint}")
