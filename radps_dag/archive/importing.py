"""One file to a run in a journal, with what it has made; whoever wrote the file is not trusted.

Nothing is written before all that can be known of the file has been checked, no product gets its
name before all were checked, and the run is entered last, in one transaction. Where that fails,
nothing stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import IO

from radps_dag.archive.form import JOURNAL, Archive, from_document
from radps_dag.facts import NodeFailed, NodeSucceeded, RunStarted
from radps_dag.journal.rows import checksum, to_fact
from radps_dag.journal.store import Store
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError, UsageError

__all__ = ["bring_in", "examine"]

# A run of a hundred thousand calls has a third of it.
MOST_JOURNAL = 2**28
# How many times its own size may be in a zip file: what runs say packs to a twentieth, zeros to a
# thousandth.
MOST_PACKED = 50

_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, RuntimeError, ValueError, OverflowError),
)


def bring_in(store: Store, file: Path) -> Archive:
    """Enter the run of a file that `export` has written. Raises RadpsDagError."""
    with _reading(file) as packed:
        archive = _checked(file, packed, store.workspace)
        if store.head(archive.head.run) is not None:
            raise _there(store, archive)
        with (
            contextlib.nullcontext() if packed is None else _unpacked(store, archive, packed, file)
        ):
            if not store.add_run(archive.head, archive.rows):
                raise _there(store, archive)
    return archive


def examine(file: Path, workspace: Workspace) -> None:
    """Read all of a file, and write nothing. Raises RadpsDagError where it cannot be brought in,
    whatever is in the workspace."""
    with _reading(file) as packed:
        archive = _checked(file, packed, workspace)
        for name, (size, digest) in archive.files.items():
            assert packed is not None  # or there were no files
            with packed.open(name) as source:
                _compare(_digest(source, size), digest, name, file)


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[zipfile.ZipFile | None]:
    """The zip file, nothing for a file that is another one; what goes wrong with it, in a line."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise RadpsDagError(f"{file} is not a file")
        if not zipfile.is_zipfile(file):
            yield None
            return
        with zipfile.ZipFile(file) as packed:
            yield packed
    except OSError as error:
        name = error.filename or file
        raise RadpsDagError(f"{name}: {error.strerror or type(error).__name__}") from error
    except _BROKEN as error:
        why = " ".join(f"{error!s:.200}".split())
        raise RadpsDagError(f"{file}: this zip file cannot be read: {why}") from error


def _checked(file: Path, packed: zipfile.ZipFile | None, workspace: Workspace) -> Archive:
    """Read an archive and check every row; its products are compared later."""
    if packed is not None:
        archive = _opened(packed, file)
    else:
        with file.open("rb") as stream:
            archive = from_document(_bounded(stream, file), str(file))
        if archive.files:
            raise RadpsDagError(f"{file}: its products are not with it")
    _check(workspace, archive, file)
    return archive


def _there(store: Store, archive: Archive) -> UsageError:
    return UsageError(
        f"{store.name}: run {archive.head.run} is there already; import it into another "
        "workspace with --workspace"
    )


def _bounded(stream: IO[bytes], file: Path) -> bytes:
    content = stream.read(MOST_JOURNAL + 1)
    if len(content) > MOST_JOURNAL:
        raise RadpsDagError(f"{file}: it is larger than the journal of any run")
    return content


def _opened(packed: zipfile.ZipFile, file: Path) -> Archive:
    """Open a zip file, and compare what it lists with what it contains."""
    members: dict[str, zipfile.ZipInfo] = {}
    if sum(info.file_size for info in packed.infolist()) > MOST_PACKED * file.stat().st_size:
        raise RadpsDagError(
            f"{file}: more than {MOST_PACKED} times its size is packed into it, as no export does"
        )
    for info in packed.infolist():
        name = info.filename
        if name in members:
            raise RadpsDagError(f"{file}: {name!r:.100} is in it twice")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise RadpsDagError(f"{file}: {name!r:.100} is not a file; a run has files alone")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise RadpsDagError(f"{file}: {name!r:.100} is packed in a way that no export has")
        members[name] = info
    if JOURNAL not in members:
        raise RadpsDagError(f"{file}: no run that radps-dag has exported: no {JOURNAL} in it")
    with packed.open(JOURNAL) as stream:
        archive = from_document(_bounded(stream, file), str(file))
    del members[JOURNAL]
    for name in sorted({*members, *archive.files}):
        if name not in archive.files:
            raise RadpsDagError(f"{file}: {name!r:.100} does not belong to the run")
        if name not in members:
            raise RadpsDagError(f"{file}: {name!r:.100} is missing")
        if members[name].file_size != archive.files[name][0]:
            raise RadpsDagError(f"{file}: {name!r:.100} is not as large as it should be")
    return archive


def _check(workspace: Workspace, archive: Archive, file: Path) -> None:
    """Check that all rows of an archive are sound and can be understood."""
    for row in archive.rows:
        if checksum(row, row.seq) != row.checksum:
            raise RadpsDagError(f"{file}: row {row.seq} of run {row.run} is damaged")
        try:
            fact = to_fact(row, workspace)
        except RadpsDagError as error:
            raise RadpsDagError(f"{file}: {error}") from error
        if isinstance(fact, RunStarted) and fact.run != row.run:
            raise RadpsDagError(f"{file}: row {row.seq} begins another run, {fact.run!r:.60}")
        if isinstance(fact, RunStarted) and fact.settings.get("products"):
            # An export never says so; `prune` would remove what lies there under the run's name.
            raise RadpsDagError(f"{file}: row {row.seq} names a place for products outside of it")
        made = fact.made if isinstance(fact, NodeSucceeded | NodeFailed) else None
        if made is not None:
            names = [*made.workdir.split("/"), *made.files]
            if ".." in names or any("/" in name or not name for name in made.files):
                raise RadpsDagError(f"{file}: row {row.seq} names files outside of its place")


@contextlib.contextmanager
def _unpacked(
    store: Store, archive: Archive, packed: zipfile.ZipFile, file: Path
) -> Iterator[None]:
    """Put the products where the run says that they are; where the block fails, they go again."""
    runs = store.workspace.runs
    with contextlib.ExitStack() as undo:
        _make(runs, undo)
        _check_room(archive, runs, file)
        known_runs = {head.run for head in store.heads()}
        with tempfile.TemporaryDirectory(dir=runs, prefix=".import-") as scratch:
            copies: dict[Path, Path] = {}
            for number, (name, (size, digest)) in enumerate(sorted(archive.files.items())):
                target, copy = store.workspace.root / name, Path(scratch, str(number))
                if not target.parent.resolve().is_relative_to(runs.resolve()):
                    raise RadpsDagError(f"{file}: {name!r:.100} leads out of the workspace")
                with packed.open(name) as source, copy.open("xb") as written:
                    _compare(_digest(source, size, written), digest, name, file)
                if not os.path.lexists(target) and name.split("/")[1] not in known_runs:
                    copies[target] = copy
                elif not _is(target, digest):
                    raise RadpsDagError(f"{target} is here already, and another one")
            for target, copy in copies.items():
                _make(target.parent, undo)
                copy.rename(target)
                undo.callback(target.unlink, missing_ok=True)
            for folder in {target.parent for target in copies} | {runs}:
                _sync(folder)
        yield
        undo.pop_all()


def _make(folder: Path, undo: contextlib.ExitStack) -> None:
    """Make a directory and what it is in, each to be removed again if it is empty then."""
    if not folder.is_dir():
        _make(folder.parent, undo)
        folder.mkdir(exist_ok=True)
        undo.callback(_remove, folder)


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):  # somebody else has put something there
        folder.rmdir()


def _check_room(archive: Archive, runs: Path, file: Path) -> None:
    needed = sum(size for size, _ in archive.files.values())
    free = shutil.disk_usage(runs).free
    if needed > free:
        raise RadpsDagError(
            f"{file}: its products are {needed / 1e9:.1f} GB, and {runs} has room for "
            f"{free / 1e9:.1f} GB; choose another place with --workspace"
        )


def _compare(actual: str, digest: str, name: str, file: Path) -> None:
    if actual != digest:
        raise RadpsDagError(
            f"{file}: {name!r:.100} is not what was exported: its checksum does not match"
        )


def _digest(source: IO[bytes], size: int, copy: IO[bytes] | None = None) -> str:
    """The SHA-256 of a member, and of no more of it than it should have; a copy is made durable."""
    digest = sha256()
    remaining = size
    while piece := source.read(min(2**20, remaining + 1)):
        remaining -= len(piece)
        if remaining < 0:
            return ""
        digest.update(piece)
        if copy is not None:
            copy.write(piece)
    if copy is not None:
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


def _is(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        actual = sha256()
        while piece := stream.read(2**20):
            actual.update(piece)
    return actual.hexdigest() == digest


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
