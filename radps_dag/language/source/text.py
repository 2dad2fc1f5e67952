"""Bytes to text: UTF-8 of a sensible size, or a problem."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from pathlib import Path

from radps_dag.language.source.data import Report
from radps_dag.problem import Location, Problem, Source
from radps_dag.storage.files import content_of

__all__ = ["MAX_BYTES", "place_after", "read_source"]

# A pipeline of 10,000 nodes has some 3 MB.
MAX_BYTES = 10_000_000


def read_source(path: Path, name: str, report: Report) -> Source | None:
    """The text of a file, or nothing and a problem where it is too large or no UTF-8.

    Raises OSError where the file cannot be read.
    """
    content = content_of(path, MAX_BYTES + 1)
    nowhere = Source(name, "")
    if len(content) > MAX_BYTES:
        limit = f"{MAX_BYTES // 1_000_000} MB"
        message = f"the file is larger than {limit}, the most that a file can have"
        report(Problem(Location(nowhere, 1, 1), "size", message))
        return None
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        message = "the file is UTF-16; save it as UTF-8"
        report(Problem(Location(nowhere, 1, 1), "encoding", message))
        return None
    content = content.removeprefix(BOM_UTF8)
    try:
        return Source(name, content.decode())
    except UnicodeDecodeError as error:
        source = Source(name, content.decode(errors="replace"))
        before = content[: error.start].decode()
        at = place_after(source, before)
        message = f"byte 0x{content[error.start]:02x} is not UTF-8; save the file as UTF-8"
        report(Problem(at, "encoding", message))
        return None


def place_after(source: Source, before: str) -> Location:
    """The place where a part of the source's text ends."""
    lines = Source("", before).lines
    return Location(source, len(lines), len(lines[-1]) + 1)
