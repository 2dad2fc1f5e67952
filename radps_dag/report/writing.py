"""A report to a folder, a zip file or a single page, whole or not at all."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from radps_dag.problem import UsageError
from radps_dag.report.links import RESOURCES, Links
from radps_dag.report.model import Report
from radps_dag.report.pages import pages, single_page
from radps_dag.report.pictures import content_of
from radps_dag.views.stats import as_csv

__all__ = ["write"]

_OURS = b'name="generator" content="radps-dag report"'


def write(report: Report, place: Path) -> Path:
    """Write a report: to a page if the name ends in `.html`, to an archive if it ends in `.zip`,
    else to a folder. The file to open is returned. Raises UsageError where it cannot be written."""
    ending = place.suffix.lower()
    try:
        if ending in (".html", ".htm"):
            with _replaced(place) as path:
                path.write_bytes(single_page(report))
            return place
        if ending == ".zip":
            with _replaced(place) as path:
                _zip(report, path)
            return place
        return _folder(report, place)
    except OSError as error:
        raise UsageError(
            f"cannot write {error.filename or place}: {error.strerror}; use -o for another place"
        ) from None


def _contents(report: Report) -> Iterator[tuple[str, bytes]]:
    """The files of a folder."""
    yield from pages(report)
    links = Links(report)
    yield from links.graphs()
    yield RESOURCES, as_csv(report.resources).encode("utf-8", "backslashreplace")
    for picture in links.pictures():
        yield f"pictures/{picture.name}", content_of(picture)


def _folder(report: Report, folder: Path) -> Path:
    """A folder that is there is written anew if a report is in it, and left alone if not."""
    index = folder / "index.html"
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not _is_ours(index))):
        raise UsageError(f"{folder}: something else is there; use -o for another place")
    (folder / "pictures").mkdir(parents=True, exist_ok=True)
    written = set()
    for name, content in _contents(report):
        written.add(name)
        with _replaced(folder / name) as path:
            path.write_bytes(content)
    for old in (
        *folder.glob("stage-*.html"),
        *folder.glob("pictures/*"),
        *folder.glob("graph*.svg"),
        folder / "comparison.html",
    ):
        if old.relative_to(folder).as_posix() not in written:
            old.unlink(missing_ok=True)
    return index


def _is_ours(index: Path) -> bool:
    try:
        with index.open("rb") as file:
            return _OURS in file.read(2000)
    except OSError:
        return False


def _zip(report: Report, path: Path) -> None:
    """One folder in an archive, with the time of the run, so that the same run is the same file."""
    at = max(time.gmtime(report.started)[:6], (1980, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in _contents(report):
            info = zipfile.ZipInfo(f"report/{name}", at)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)


@contextmanager
def _replaced(path: Path) -> Iterator[Path]:
    """A file beside the path, which takes its place when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield new
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
