"""Places that fsspec reaches: what lies there listed, fetched, and written whole.

fsspec and its drivers are imported when something is to be reached: most runs stay on local disks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.storage.addresses import redacted

__all__ = [
    "RemoteEntry",
    "Unreachable",
    "discard",
    "fetch",
    "is_listed",
    "is_local",
    "listing",
    "make_sure",
    "open_url",
    "path_of",
    "put",
    "remove",
    "root_of",
]

# What file systems call the digest of an object's content, or what changes whenever that does.
_MARKS = ("ETag", "etag", "md5Hash", "contentHash", "content_md5", "checksum")
_PAGES = frozenset({"http", "https", "ftp"})
_TIMES = ("LastModified", "last_modified", "mtime", "updated", "created")


class Unreachable(RadpsDagError, ConnectionError):
    """A place elsewhere does not answer, or does not let us do what we want."""


@dataclass(frozen=True, slots=True)
class RemoteEntry:
    """An object: its bytes, what the file system says that changes with the content, and when it
    was written, where that is said."""

    size: int
    mark: str = ""
    time: str = ""


def is_local(uri: str) -> bool:
    """Whether it names a file of this machine's file system."""
    return uri.startswith("/") or urlsplit(uri).scheme in ("", "file")


def path_of(uri: str) -> Path:
    """The path that a file: URI names, or a text that is a path already.

    >>> path_of("file:///data/a%231.ms"), path_of("/data/a#1%.ms")
    (PosixPath('/data/a#1.ms'), PosixPath('/data/a#1%.ms'))
    """
    if not uri.lower().startswith("file:"):
        return Path(uri)
    path = uri[len("file:") :]
    if path.startswith("//"):  # a machine's name, or none
        path = "/" + path[2:].partition("/")[2]
    return Path(unquote(path))


def root_of(text: str) -> str:
    """A root for products as a URL without an end: `file:///data` for a directory.

    Raises UsageError for what is none, or has a password that would be recorded with each product.
    """
    _refuse_odd(text)
    if not text or text.startswith(("memory:", "file:")) or "://" not in text:
        if text.startswith("memory:"):
            return text.rstrip("/")
        try:
            path = path_of(text) if text.startswith("file:") else Path(text).expanduser()
            return path.resolve().as_uri() if text else ""
        except (RuntimeError, ValueError, OSError) as error:
            raise UsageError(f"{text}: no directory for products: {error}") from error
    if redacted(text) != text:
        raise UsageError(
            f"{redacted(text)}: a root for products must have no password in it, because it is "
            "part of each product's address; give it in the environment or to fsspec's own settings"
        )
    _reach(text)
    return text.rstrip("/")


def is_listed(uri: str) -> bool:
    """Whether it names a place elsewhere that can say what lies there, and not a page or a name of
    another kind."""
    return "://" in uri and urlsplit(uri).scheme not in _PAGES


def _refuse_odd(text: str) -> None:
    """Raises UsageError for what looks like a URL and is none that products can be kept at."""
    try:
        parts = urlsplit(text)
        text.encode()
    except ValueError as error:  # brackets that do not close; bytes that are not text
        raise UsageError(f"{redacted(text)!r} is not a URL for products: {error}") from error
    wrong = ""
    if parts.scheme == "data":
        wrong = "it holds data and is not a place"
    elif parts.scheme not in ("", "file", "memory") and not parts.netloc:
        wrong = f"a URL is {parts.scheme}://bucket/folder, and a directory ./{text}"
    elif parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        wrong = "a directory is file:///folder"
    if wrong:
        raise UsageError(f"{redacted(text)!r} is not a place for products: {wrong}")


def make_sure(root: str) -> None:
    """Make sure that the root can be written, before anything is computed. Raises RadpsDagError."""
    if is_local(root):
        path = path_of(root)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RadpsDagError(
                f"{path}: the directory for products cannot be made: {error.strerror}; "
                "choose another one with --products"
            ) from error
        return
    files, base = _reach(root)
    with _told(root, "written"):
        files.pipe_file(f"{base}/.radps-dag", b"radps-dag keeps products here\n")


def put(sources: Mapping[str, Path], url: str) -> None:
    """Write files under their names below a URL at which nothing is yet."""
    files, base = _reach(url)
    names = sorted(sources)
    with _told(url, "written"):
        files.put([str(sources[name]) for name in names], [f"{base}/{name}" for name in names])


def discard(url: str) -> None:
    """Remove what lies below a URL, as far as that is allowed."""
    files, base = _reach(url)
    with suppress(Exception):
        files.rm(base, recursive=True)


def remove(url: str, names: Iterable[str]) -> None:
    """Remove objects by their names below a URL. Raises Unreachable."""
    files, base = _reach(url)
    with _told(url, "removed"), suppress(FileNotFoundError):
        files.rm([f"{base}/{name}" for name in names])


def listing(url: str) -> dict[str, RemoteEntry]:
    """All objects below a URL, by their names relative to it; or the one that it names, by ""."""
    files, base = _reach(url)
    with _told(url, "listed"):
        files.invalidate_cache()
        base = base.rstrip("/")
        return {
            name[len(base) :].lstrip("/"): RemoteEntry(
                int(info.get("size") or 0), _mark(info), _first(info, _TIMES)
            )
            for name, info in files.find(base, detail=True).items()
        }


def fetch(url: str, target: Path) -> None:
    """Copy an object, or all objects below a URL, to a path at which nothing is yet.

    Raises FileNotFoundError where there is nothing.
    """
    files, base = _reach(url)
    entries = listing(url)
    if not entries:
        raise FileNotFoundError(f"{redacted(url)} is not there")
    with _told(url, "read"):
        if set(entries) == {""}:
            files.get_file(base, str(target))
            return
        names = sorted(entries)
        for name in names:
            path = target / name
            if not path.resolve().is_relative_to(target.resolve()):
                raise Unreachable(f"{redacted(url)}: the name {name!r} leads out of it")
            path.parent.mkdir(parents=True, exist_ok=True)
        files.get([f"{base}/{name}" for name in names], [str(target / name) for name in names])


def open_url(url: str, mode: str, encoding: str | None) -> Any:
    """The object of a URL as a file."""
    import io

    files, base = _reach(url)
    with _told(url, "read"):
        file = files.open(base, "rb")
    return file if "b" in mode else io.TextIOWrapper(file, encoding=encoding)


def _mark(info: Mapping[str, Any]) -> str:
    return _first(info, _MARKS)


def _first(info: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next((str(info[name]) for name in names if info.get(name)), "")


def _reach(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the place in it. Raises UsageError."""
    from fsspec.core import url_to_fs  # type: ignore[import-untyped]

    try:
        files, base = url_to_fs(url)
    except ImportError as error:
        hint = "pip install 'radps-dag[s3]'" if url.startswith("s3") else str(error)
        raise UsageError(f"{redacted(url)}: no driver for this kind of place; {hint}") from error
    except Exception as error:  # of a driver, so of any type
        raise UsageError(
            f"{redacted(url)}: no place for products ({error}); such as s3://bucket/folder"
        ) from error
    return files, str(base)


@contextmanager
def _told(url: str, done: str) -> Iterator[None]:
    """Report any error of a driver as one line; a missing file stays FileNotFoundError."""
    try:
        yield
    except (FileNotFoundError, Unreachable):
        if done == "written":
            raise Unreachable(
                f"{redacted(url)} cannot be written: there is no such place"
            ) from None
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0][:300] or type(error).__name__
        raise Unreachable(f"{redacted(url)} cannot be {done}: {reason}") from error
