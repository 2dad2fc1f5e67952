"""Manifest of what a call has written: made durable, counted, and identified by a digest."""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from radps_dag.facts import Files
from radps_dag.storage.links import leads_out

__all__ = ["damage", "describe", "files_in", "seal", "sync"]

# A larger file counts by its size and by pieces of it: to read terabytes again only to make sure
# that they can be used would cost more than it saves.
WHOLE = 64 * 2**20
# Of a link to nowhere, a pipe or a socket: to open one may take for ever.
_NO_CONTENT = "no file"
PIECES, PIECE = 64, 2**16


def seal(workdir: Path, root: Path) -> Files:
    """Make all that is in a directory durable, up to `root`, and describe it by name."""
    if not workdir.is_dir():
        return {}
    files: dict[str, tuple[int, str]] = {}
    for entry in sorted(workdir.iterdir()):
        files[entry.name] = describe(entry, durable=True, root=workdir)
    if files:
        folder = workdir
        while True:
            sync(folder)
            if folder in (root, folder.parent):
                break
            folder = folder.parent
    return files


def damage(workdir: Path, files: Files, *, thorough: bool = True, follow: bool = False) -> str:
    """Say what is wrong with the files that a call once wrote; "" if they are as they were.

    Without `thorough`, files count by their size alone. Of data from elsewhere, links are to be
    followed wherever they lead.
    """
    root = None if follow else workdir
    for name, (size, digest) in files.items():
        path = workdir / name
        try:
            if not os.path.lexists(path):
                return f"{path} is gone"
            if not thorough:
                now = sum(_size(file, root) for file in files_in(path, root)), digest
            else:
                now = describe(path, root=root)
        except OSError as error:
            return f"{path} cannot be read: {error.strerror}"
        if now != (size, digest):
            return f"{path} is not what was written"
    return ""


def describe(path: Path, *, durable: bool = False, root: Path | None = None) -> tuple[int, str]:
    """Bytes and digest of a file, or of all files in a directory with their names.

    With `root`, the directory that a call wrote, a link that leads out of it counts as a link: the
    whole disk may be behind it. Without, as of data from elsewhere, links are followed.
    """
    if not path.is_dir() or leads_out(path, root):
        return _of_file(path, root, durable)
    size, digest = 0, sha256()
    folders = {path}
    for file in files_in(path, root):
        bytes_, content = _of_file(file, root, durable)
        size += bytes_
        name = os.fsencode(file.relative_to(path).as_posix())  # also one that is no UTF-8
        digest.update(name + f"\0{bytes_}\0{content}\n".encode())
        folders.add(file.parent)
    if durable:
        for folder in folders:
            sync(folder)
    return size, digest.hexdigest()[:32]


def files_in(path: Path, root: Path | None = None) -> Iterator[Path]:
    """All files in a directory, in an order of their names; a file itself, and a link that leads
    out of `root`."""
    if not path.is_dir() or leads_out(path, root):
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        yield from (Path(folder, name) for name in sorted(names))


def _size(path: Path, root: Path | None) -> int:
    return 0 if leads_out(path, root) or not path.is_file() else path.stat().st_size


def _of_file(path: Path, root: Path | None, durable: bool) -> tuple[int, str]:
    if leads_out(path, root):
        return 0, sha256(b"link\0" + os.fsencode(path.readlink())).hexdigest()[:32]
    if not path.is_file():
        return 0, _NO_CONTENT
    digest = sha256()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size <= WHOLE:
            while piece := file.read(2**20):
                digest.update(piece)
        else:
            for number in range(PIECES):
                file.seek((size - PIECE) * number // (PIECES - 1))
                digest.update(file.read(PIECE))
        if durable:
            os.fsync(file.fileno())
    return size, digest.hexdigest()[:32]


def sync(folder: Path) -> None:
    """Make durable which names a directory has."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
