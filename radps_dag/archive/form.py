"""The form of an archive: `journal.json` alone, or in a zip file with the products beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated, Any

from radps_dag.facts.typed import Moment, Text, check
from radps_dag.journal.rows import Row
from radps_dag.journal.store import Head
from radps_dag.problem import RadpsDagError

__all__ = ["JOURNAL", "VERSION", "Archive", "from_document", "is_plain", "to_document"]

JOURNAL = "journal.json"
FORMAT, VERSION = "radps-dag run", 1

_RUN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")


# Outside of strings, where rows have all that they say, a journal has a value in many characters.
# What has more would take many times its size in memory.
_STRINGS = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_DENSEST, _FEW = 8, 10_000


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


@dataclass(frozen=True, slots=True)
class _Document:
    """The document that `to_document` writes."""

    format: Text
    version: int
    radps_dag: Text
    run: Text
    pipeline: Text
    created: Moment
    generation: Annotated[int, _is_count]
    files: Mapping[str, tuple[int, Text]]
    rows: list[tuple[int, Moment, Text, Text, Text | None, Text, int]]


@dataclass(frozen=True, slots=True)
class Archive:
    """A run. `files` are its products by their names below the workspace: bytes and SHA-256."""

    head: Head
    rows: tuple[Row, ...]
    files: Mapping[str, tuple[int, str]] = field(default_factory=dict)


def to_document(archive: Archive, program: str) -> str:
    """The archive as JSON. `program` is the version of who writes it."""
    head = archive.head
    document = {
        "format": FORMAT,
        "version": VERSION,
        "radps_dag": program,
        "run": head.run,
        "pipeline": head.pipeline,
        "created": head.created,
        "generation": head.generation,
        "files": {name: list(entry) for name, entry in sorted(archive.files.items())},
        "rows": [
            [row.seq, row.time, row.place, row.kind, row.key, row.payload, row.checksum]
            for row in archive.rows
        ],
    }
    return json.dumps({**document, "sha256": _digest(document)}, indent=0, allow_nan=False)


def from_document(content: bytes, name: str) -> Archive:
    """The archive of such JSON. Raises RadpsDagError, with the file's name, for anything else."""
    try:
        if _values(content) > _FEW + len(content) / _DENSEST:
            raise RadpsDagError(f"{name}: no run that radps-dag has exported")
        document = json.loads(content)
        if not isinstance(document, dict) or document.get("format") != FORMAT:
            raise RadpsDagError(f"{name}: no run that radps-dag has exported")
        _check_version(document, name)
        if document.pop("sha256", "") != _digest(document):
            raise RadpsDagError(f"{name}: it is not what was exported: its checksum does not match")
        return _archive(document, name)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        why = " ".join(f"{error!r:.200}".split())
        raise RadpsDagError(f"{name}: no run that radps-dag has exported ({why})") from error


def _values(content: bytes) -> int:
    """The approximate number of values in a JSON text."""
    return _STRINGS.sub(b"", content).count(b",")


def _check_version(document: Mapping[str, Any], name: str) -> None:
    version = document.get("version")
    if not isinstance(version, int) or version < 1:
        raise RadpsDagError(f"{name}: no run that radps-dag has exported: version {version!r:.20}")
    if version > VERSION:
        raise RadpsDagError(
            f"{name}: its form is of version {version}, and this radps-dag knows only {VERSION}; "
            f"use radps-dag {document.get('radps_dag', '')!s:.20} or a newer one"
        )


def _archive(document: Mapping[str, Any], name: str) -> Archive:
    check(_Document, {field: document[field] for field in _Document.__slots__})
    run = document["run"]
    if not _RUN.fullmatch(run):
        raise RadpsDagError(f"{name}: {run!r:.60} is not a name of a run")
    rows = tuple(Row(run, *values) for values in document["rows"])
    for number, row in enumerate(rows, start=1):
        if row.seq != number:
            raise RadpsDagError(f"{name}: row {number} of run {run} is missing")
    pipeline, generation = document["pipeline"], document["generation"]
    if not rows:
        raise RadpsDagError(f"{name}: nothing has happened in run {run}")
    if len(pipeline) > 200 or any(len(row.key or "") > 64 for row in rows):
        raise RadpsDagError(f"{name}: the name of its pipeline, or a key, is too long")
    head = Head(run, pipeline, float(document["created"]), generation, len(rows))
    files = {key: (size, digest) for key, (size, digest) in document["files"].items()}
    for key, (size, _) in files.items():
        if not is_plain(key) or size < 0:
            raise RadpsDagError(f"{name}: {key!r:.100} is no place for a product")
    return Archive(head, rows, files)


def is_plain(key: str) -> bool:
    """Whether it names a product of a run below a workspace, and can lead nowhere else."""
    parts = key.split("/")
    return (
        len(parts) > 3
        and parts[0] == "runs"
        and _RUN.fullmatch(parts[1]) is not None
        and parts[2] in ("products", "exported")
        and all(part not in ("", ".", "..") for part in parts)
        and all(len(part.encode("utf-8", "replace")) < 256 for part in parts)
        and not any(char in key for char in "\\\0")
    )


def _digest(document: Mapping[str, Any]) -> str:
    text = json.dumps(document, sort_keys=True, allow_nan=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()
