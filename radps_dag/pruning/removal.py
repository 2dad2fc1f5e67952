"""A choice of runs to what goes with them, and its removal."""

from __future__ import annotations

import contextlib
import resource
import shutil
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from radps_dag.journal.claims import PATIENCE, driven_elsewhere, driver_of
from radps_dag.journal.rows import DamagedRun
from radps_dag.journal.sqlite_file import SqliteFile
from radps_dag.journal.store import Head, Store
from radps_dag.problem import RadpsDagError
from radps_dag.pruning.marks import Mark, mark_of, marks_in, write_marks
from radps_dag.pruning.needs import Needs
from radps_dag.pruning.selection import Choice, choose, kept_for_itself, status_of
from radps_dag.storage import locks

__all__ = ["Going", "Plan", "Pruned", "plan", "prune"]

_SPARE = 100  # files that this process opens for other things than locks
_AT_ONCE = 200  # runs that a transaction removes, so that who writes need not wait long


@dataclass(frozen=True, slots=True)
class Going:
    """A run that goes, how it ended, and the bytes of its files that nobody else reads. Of one that
    an earlier process has removed, only files are left."""

    run: str
    status: str
    size: int
    created: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The runs that would go, newest first; those that were wanted and stay, with the reason; and
    those that have gone, with files that may go now."""

    going: Sequence[Going]
    staying: Mapping[str, str]
    leftovers: Sequence[Going]

    @property
    def size(self) -> int:
        """Bytes that this frees, without the journal's."""
        return sum(item.size for item in (*self.going, *self.leftovers))


@dataclass(frozen=True, slots=True)
class Pruned:
    """Runs that have gone, the bytes that this freed by run, the bytes that the journal gave back,
    runs that stayed after all, and what could not be removed, each with the reason."""

    runs: Sequence[str]
    freed: Mapping[str, int]
    journal: int
    staying: Mapping[str, str]
    troubles: Sequence[str]


@dataclass(slots=True)
class _View:
    """The journal as it is now, and what is wanted of it."""

    heads: list[Head]
    leftovers: list[Mark]
    needs: Needs
    wanted: dict[str, Head]
    staying: dict[str, str]

    @property
    def gone(self) -> set[str]:
        return self.wanted.keys() - self.staying.keys()


def plan(store: Store, choice: Choice) -> Plan:
    """Find what goes; nothing is changed. Raises RadpsDagError where it cannot be told."""
    view = _view(store, choice)
    pieces = view.needs.pieces(view.gone)
    going = [
        Going(
            head.run,
            status_of(store, head),
            mark_of(store, head.run).size(pieces.get(head.run, frozenset())),
            head.created,
        )
        for head in view.heads
        if head.run in view.gone
    ]
    leftovers = [
        Going(mark.directory.id, "removed", mark.size(pieces.get(mark.directory.id, frozenset())))
        for mark in view.leftovers
    ]
    return Plan(going, view.staying, [item for item in leftovers if item.size])


def _view(store: Store, choice: Choice) -> _View:
    heads = store.heads(_ignore)
    there = {head.run for head in heads}
    leftovers = [mark for mark in marks_in(store) if mark.directory.id not in there]
    ids = [mark.directory.id for mark in leftovers]
    wanted = {head.run: head for head in choose(store, heads, choice, ids)}
    staying = {}
    for head in wanted.values():
        if why := kept_for_itself(store, head, status_of(store, head)):
            staying[head.run] = why
    needs = Needs(store, ids)
    needs.see(heads)
    view = _View(heads, leftovers, needs, wanted, staying)
    staying |= needs.settle(view.gone)
    return view


def _ignore(error: DamagedRun) -> None:
    """A run whose head is damaged can neither be read nor removed."""


def prune(store: Store, planned: Plan) -> Pruned:
    """Remove the runs of a plan, and the files of runs that were removed before.

    Nobody who may use a run's results loses them: it is removed while nobody drives it or has it
    pinned. Raises RadpsDagError where nothing could be removed.
    """
    with _alone(store):
        return _prune(store, planned)


@contextlib.contextmanager
def _alone(store: Store) -> Iterator[None]:
    """One prune of a workspace at a time. Raises RadpsDagError."""
    lock = locks.take(store.workspace.root / "prune.lock", patience=PATIENCE)
    if lock is None:
        raise RadpsDagError(
            f"{store.workspace.root}: another process removes runs of this workspace; wait for it"
        )
    try:
        yield
    finally:
        lock.release()


def _prune(store: Store, planned: Plan) -> Pruned:
    there = {head.run for head in store.heads(_ignore)}
    view = _view(store, Choice(tuple(item.run for item in planned.going if item.run in there)))
    with _locked(store, view):
        # Whoever drove a run until now may have used others: its rows say so.
        view.heads = store.heads(_ignore)
        view.needs.see(view.heads)
        view.staying |= view.needs.settle(view.gone)
        now = {head.run: head for head in view.heads}
        going = [now[run] for run in view.wanted if run in view.gone and run in now]
        marks = [mark_of(store, head.run) for head in going]
        if marks:
            write_marks(store, [*view.leftovers, *marks])
        gone: list[str] = []
        for first in range(0, len(going), _AT_ONCE):
            gone += store.remove(going[first : first + _AT_ONCE])
        resumed = {head.run for head in going} - set(gone)
        view.staying |= dict.fromkeys(resumed, "somebody has gone on with it")
    return _swept(store, view, gone, [item for item in marks if item.directory.id not in resumed])


@contextlib.contextmanager
def _locked(store: Store, view: _View) -> Iterator[None]:
    """Hold the runs that go: nobody can drive them, or begin to use what they have made."""
    held: list[locks.Lock] = []
    _room_for(2 * len(view.gone))
    try:
        for run in sorted(view.gone):
            directory = store.workspace.run(run)
            if not directory.path.is_dir():
                continue
            for path, why in (
                (directory.lock, "somebody drives it"),
                (directory.readers, "a run that goes on uses it"),
            ):
                lock = locks.take(path, patience=PATIENCE / 10)
                if lock is None:
                    view.staying[run] = why
                    break
                held.append(lock)
        yield
    finally:
        for lock in held:
            lock.release()


def _room_for(files: int) -> None:
    """Let this process open so many files. Raises RadpsDagError where the system does not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files + _SPARE
    if soft != resource.RLIM_INFINITY and needed > soft:
        if hard != resource.RLIM_INFINITY and needed > hard:
            raise RadpsDagError(
                f"{files // 2:,} runs are too many at once: this system lets a process open "
                f"{hard:,} files; begin with fewer, with a longer --older"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _swept(store: Store, view: _View, gone: Sequence[str], marks: Sequence[Mark]) -> Pruned:
    """Remove the files of what the journal has forgotten."""
    troubles: list[str] = []
    freed: dict[str, int] = {}
    pieces = view.needs.pieces(set(gone))
    everything = [*view.leftovers, *marks]
    if driven_elsewhere(store):
        troubles.append(
            "products stay: a run of another workspace goes on with this database, and may use "
            "them; prune again when it has ended"
        )
    else:
        for item in everything:
            run = item.directory.id
            try:
                freed[run] = item.sweep(pieces.get(run, frozenset()))
            except (RadpsDagError, OSError) as error:
                troubles.append(str(error))
        # What failed, or has something that others read, is looked at by the next one.
        done = freed.keys() - pieces.keys()
        if everything:
            write_marks(store, [item for item in everything if item.directory.id not in done])
    given_back = _compact(store, view.heads, gone) if gone else 0
    return Pruned(gone, freed, given_back, view.staying, troubles)


def _compact(store: Store, heads: Sequence[Head], gone: AbstractSet[str] | Sequence[str]) -> int:
    """Give back what the rows took in a journal that is a file; bytes. Not while a run goes on,
    which would wait for it, nor where there is no room for the copy that it takes."""
    database = store.database
    if not isinstance(database, SqliteFile):
        return 0
    for head in heads:
        if head.run not in gone and driver_of(store.workspace.run(head.run)):
            return 0
    file = Path(store.name)
    before = _size(file)
    if shutil.disk_usage(file.parent).free < 2 * before:
        return 0
    with contextlib.suppress(*database.errors):
        database.compact()
    return max(0, before - _size(file))


def _size(file: Path) -> int:
    beside = (file, file.with_name(f"{file.name}-wal"))
    return sum(path.stat().st_size for path in beside if path.exists())
