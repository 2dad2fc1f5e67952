"""Snapshots of data that a call changes in place: copies from which a further attempt begins.

A snapshot lies beside its data, hidden, under a name of the run and the place. It is whole as soon
as it has that name, and the call begins after that; so where there is none, nothing was changed.
It goes when the journal says that the call has succeeded.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from radps_dag.executors.call import Call
from radps_dag.executors.manifest import sync
from radps_dag.problem import RadpsDagError
from radps_dag.storage.remote import is_local, path_of
from radps_dag.workloads.contract.notes import note

__all__ = ["SnapshotFailed", "begin_from_snapshots", "discard_snapshots"]

_FICLONE = 0x40049409  # of Linux: share the blocks of another file until one of them is written


# Of names: a snapshot that is removed, one that is made, the data that are restored from it.
_ENDS = (".old", ".part", ".fresh")


class SnapshotFailed(RadpsDagError):
    """No snapshot can be made, or data cannot be restored from it."""


def begin_from_snapshots(call: Call, how: str) -> None:
    """Restore the data that an earlier attempt has changed, or make the snapshots for a later one.

    Raises SnapshotFailed; nothing of the call has begun then.
    """
    if not call.changes:
        raise SnapshotFailed("no input names data that a snapshot could be made of")
    for address in call.changes:
        if not is_local(address):
            raise SnapshotFailed(f"{address} is not on this machine; no snapshot is made of it")
        data = path_of(address)
        snapshot = _beside(data, call.root or call.workdir, call.place)
        try:
            if os.path.lexists(snapshot):
                _replace(data, snapshot, how)
                note(f"{data} was restored from its snapshot: an attempt before has not ended well")
            elif not os.path.lexists(data):
                raise SnapshotFailed(f"{data} is not there; no snapshot can be made of it")
            else:
                _copy(data, snapshot, how)
        except (OSError, shutil.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)[:200]
            what = f"a snapshot of {data} cannot be made or restored in {data.parent}"
            raise SnapshotFailed(f"{what}: {reason}") from error


def discard_snapshots(addresses: Iterable[str], root: Path, place: str) -> None:
    """Remove the snapshots of a call that has succeeded."""
    for address in addresses:
        if is_local(address):
            snapshot = _beside(path_of(address), root, place)
            old, part, fresh = (snapshot.with_name(f"{snapshot.name}{end}") for end in _ENDS)
            _remove(old)
            # Half removed, it must not have the name of a whole one.
            if os.path.lexists(snapshot):
                snapshot.rename(old)
            # What a process that was killed has left, too.
            for path in (old, part, fresh):
                _remove(path)


def _beside(data: Path, root: Path, place: str) -> Path:
    # By the end of the path, which has the run's name: a workspace may be moved.
    mark = sha256(f"{root.parent.name}/{root.name}/{place}".encode()).hexdigest()[:12]
    return data.with_name(f".{data.name}.snapshot-{mark}")


def _copy(source: Path, target: Path, how: str) -> None:
    """Copy a file or a directory; the target is whole, and on the disk, when it has its name."""
    part = target.with_name(f"{target.name}.part")
    _remove(part)
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, part, symlinks=True, copy_function=_Copier(how))
        for folder, _, _ in os.walk(part):
            sync(Path(folder))
    else:
        _Copier(how)(source, part)
    part.rename(target)
    sync(target.parent)


def _replace(data: Path, snapshot: Path, how: str) -> None:
    """Put a copy of the snapshot in the place of the data; killed at any point, it can be done
    again."""
    fresh = snapshot.with_name(f"{snapshot.name}.fresh")
    _remove(fresh)
    _copy(snapshot, fresh, how)
    _remove(data)
    fresh.rename(data)
    sync(data.parent)


class _Copier:
    """Copies a file with its times; with `reflink` its blocks are shared where the disk can."""

    def __init__(self, how: str) -> None:
        self._share = how == "reflink"

    def __call__(self, source: str | Path, target: str | Path) -> None:
        if Path(source).is_symlink():
            shutil.copy2(source, target, follow_symlinks=False)
            return
        if not (self._share and self._shared(source, target)):
            shutil.copyfile(source, target)
        shutil.copystat(source, target)
        with Path(target).open("rb") as file:
            os.fsync(file.fileno())

    def _shared(self, source: str | Path, target: str | Path) -> bool:
        import fcntl

        try:
            with Path(source).open("rb") as read, Path(target).open("wb") as written:
                fcntl.ioctl(written.fileno(), _FICLONE, read.fileno())
        except OSError:
            self._share = False
            note(f"the disk of {Path(source).parent} cannot share blocks; the snapshot is a copy")
            return False
        return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
