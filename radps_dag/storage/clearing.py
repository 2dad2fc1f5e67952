"""Directories and object stores to less: all that is not below what is kept is removed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from radps_dag.problem import RadpsDagError
from radps_dag.storage.remote import is_local, listing, path_of, remove

__all__ = ["clear", "size_of"]

Parts = tuple[str, ...]


def size_of(url: str, kept: AbstractSet[Parts] = frozenset()) -> int:
    """The bytes below a URL that are not below what is `kept`. Raises RadpsDagError."""
    if not is_local(url):
        return sum(entry.size for name, entry in listing(url).items() if not _below(name, kept))
    return sum(_bytes(path) for path in _removable(path_of(url), kept))


def clear(url: str, kept: AbstractSet[Parts] = frozenset()) -> int:
    """Remove what lies below a URL, but for what is `kept`; links are removed, and not followed.

    The bytes that this frees. Raises RadpsDagError for what cannot be removed.
    """
    if not is_local(url):
        entries = {n: entry.size for n, entry in listing(url).items() if not _below(n, kept)}
        if entries:
            remove(url, entries)
        return sum(entries.values())
    freed = 0
    for path in list(_removable(path_of(url), kept)):
        size = _bytes(path)
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise RadpsDagError(
                f"{error.filename or path}: cannot be removed: {error.strerror}; let this account "
                "write there, then prune again"
            ) from error
        freed += size
    return freed


def _removable(folder: Path, kept: AbstractSet[Parts], parts: Parts = ()) -> Iterator[Path]:
    """Yield the entries that have nothing of what is kept in them."""
    around = {above[: len(parts) + 1] for above in kept if above[: len(parts)] == parts}
    if parts in kept:
        return
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise RadpsDagError(f"{folder}: cannot be read: {error.strerror}") from error
    for name in names:
        path, below = folder / name, (*parts, name)
        if below not in around:
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from _removable(path, kept, below)


def _below(name: str, kept: AbstractSet[Parts]) -> bool:
    parts = tuple(name.split("/"))
    return any(parts[:count] in kept for count in range(len(parts) + 1))


def _bytes(path: Path) -> int:
    """The bytes of a file, or of all files in a directory; 0 of what goes meanwhile."""
    if not path.is_symlink() and path.is_dir():
        total = 0
        for folder, _, names in os.walk(path):
            for name in names:
                total += _length(f"{folder}{os.sep}{name}")
        return total
    return _length(path)


def _length(path: str | Path) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
