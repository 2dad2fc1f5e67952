"""One file to a run in a journal, with what it has made; whoever wrote the file is not trusted.

Nothing is written before all that can be known of the file has been checked, each product is
checked before it gets its name, and the run is entered last, in one transaction.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import IO

from radps_dag.archive.form import JOURNAL, Archive, from_document
from radps_dag.facts import NodeFailed, NodeSucceeded
from radps_dag.journal.rows import checksum, to_fact
from radps_dag.journal.store import Store
from radps_dag.problem import RadpsDagError, UsageError

__all__ = ["bring_in"]

# A run of a hundred thousand calls has a tenth of it.
MOST_JOURNAL = 2**30


def bring_in(store: Store, file: Path) -> Archive:
    """Enter the run of a file that `export` has written. Raises RadpsDagError."""
    try:
        if not zipfile.is_zipfile(file):
            with file.open("rb") as stream:
                content = _bounded(stream, file)
            archive = from_document(content, str(file))
            if archive.files:
                raise RadpsDagError(f"{file}: its products are not with it")
            _check(store, archive, file)
        else:
            with zipfile.ZipFile(file) as packed:
                archive = _opened(packed, file)
                _check(store, archive, file)
                _unpack(store, archive, packed, file)
    except OSError as error:
        name = error.filename or file
        raise RadpsDagError(f"{name}: {error.strerror or type(error).__name__}") from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise RadpsDagError(f"{file}: this zip file cannot be read: {error!s:.200}") from error
    if not store.add_run(archive.head, archive.rows):
        raise _there(store, archive)
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
    """What a zip file says that it has, compared with what it has."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in packed.infolist():
        name = info.filename
        if name in members:
            raise RadpsDagError(f"{file}: {name!r:.100} is in it twice")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise RadpsDagError(f"{file}: {name!r:.100} is not a file; a run has files alone")
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


def _check(store: Store, archive: Archive, file: Path) -> None:
    """That the run is new here, and that all it says can be understood."""
    if store.head(archive.head.run) is not None:
        raise _there(store, archive)
    for row in archive.rows:
        if checksum(row, row.seq) != row.checksum:
            raise RadpsDagError(f"{file}: row {row.seq} of run {row.run} is damaged")
        try:
            fact = to_fact(row, store.workspace)
        except RadpsDagError as error:
            raise RadpsDagError(f"{file}: {error}") from error
        if not isinstance(fact, NodeSucceeded | NodeFailed):
            continue
        made = fact.made
        if (row.key or "") != (made.key if made is not None else ""):
            raise RadpsDagError(f"{file}: row {row.seq} has a key that is not its own")
        if made is not None:
            names = [*made.workdir.split("/"), *made.files]
            if ".." in names or any("/" in name or not name for name in made.files):
                raise RadpsDagError(f"{file}: row {row.seq} names files outside of its place")


def _unpack(store: Store, archive: Archive, packed: zipfile.ZipFile, file: Path) -> None:
    """Put the products where the run says that they are."""
    root = store.workspace.root
    runs = store.workspace.runs
    runs.mkdir(parents=True, exist_ok=True)
    _check_room(archive, runs, file)
    known = {head.run for head in store.heads()}
    scratch = Path(tempfile.mkdtemp(dir=runs, prefix=".import-"))
    try:
        for number, (name, (size, digest)) in enumerate(sorted(archive.files.items())):
            target = root / name
            if not target.parent.resolve().is_relative_to(runs.resolve()):
                raise RadpsDagError(f"{file}: {name!r:.100} leads out of the workspace")
            copy = scratch / str(number)
            if _copied(packed, name, copy, size) != digest:
                raise RadpsDagError(
                    f"{file}: {name!r:.100} is not what was exported: its checksum does not match"
                )
            if target.exists() or name.split("/")[1] in known:
                if not _is(target, digest):
                    raise RadpsDagError(f"{target} is here already, and another one")
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            copy.rename(target)
            _sync(target.parent)
        _sync(runs)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _check_room(archive: Archive, runs: Path, file: Path) -> None:
    needed = sum(size for size, _ in archive.files.values())
    free = shutil.disk_usage(runs).free
    if needed > free:
        raise RadpsDagError(
            f"{file}: its products are {needed / 1e9:.1f} GB, and {runs} has room for "
            f"{free / 1e9:.1f} GB; choose another place with --workspace"
        )


def _copied(packed: zipfile.ZipFile, name: str, target: Path, size: int) -> str:
    """Unpack a member, and no more of it than it should have; the SHA-256 of that."""
    digest = sha256()
    left = size
    with packed.open(name) as source, target.open("xb") as copy:
        while piece := source.read(min(2**20, left + 1)):
            left -= len(piece)
            if left < 0:
                return ""
            digest.update(piece)
            copy.write(piece)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest()


def _is(path: Path, digest: str) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        found = sha256()
        while piece := stream.read(2**20):
            found.update(piece)
    return found.hexdigest() == digest


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
