"""A run in a journal to one file that can be read elsewhere."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from radps_dag import __version__
from radps_dag.archive.form import JOURNAL, Archive, is_plain, to_document
from radps_dag.executors.publishing import harm
from radps_dag.facts import Made, NodeFailed, NodeSucceeded, strict_json
from radps_dag.journal.rows import Row, checksum
from radps_dag.journal.store import Store
from radps_dag.problem import RadpsDagError, UsageError
from radps_dag.storage.links import refuse_leading_out
from radps_dag.storage.remote import fetch, is_local, path_of

__all__ = ["Exported", "export"]

_TOKEN = "workspace-uri:/"  # noqa: S105  # as the journal has it: the workspace, wherever it is


@dataclass(frozen=True, slots=True)
class Exported:
    """Summary of an export: the number of facts, and the number and bytes of products."""

    facts: int
    files: int = 0
    size: int = 0


def export(store: Store, run: str, file: Path, *, products: bool = False) -> Exported:
    """Write a run to a file that is not there yet, whole or not at all.

    Raises RadpsDagError where the run is not whole, or a product is not as it was.
    """
    head = store.head(run)
    if head is None:
        raise UsageError(f"{store.name}: no run {run!r}")
    if file.exists():
        raise UsageError(f"{file} is there already; remove it, or name another file")
    rows = tuple(store.rows(run))
    for row in rows:
        store.fact(row)  # what is damaged is not handed on
    archive = Archive(replace(head, last=len(rows)), rows)
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        if products:
            archive = _with_products(store, archive, partial)
        else:
            partial.write_text(to_document(archive, __version__), encoding="utf-8")
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(file)
    except OSError as error:
        raise RadpsDagError(f"{error.filename or file}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    size = sum(size for size, _ in archive.files.values())
    return Exported(len(rows), len(archive.files), size)


def _with_products(store: Store, archive: Archive, file: Path) -> Archive:
    """The archive as a zip file with all that the run names; what it names elsewhere than in the
    workspace gets a place there."""
    moved: dict[str, str] = {}
    files: dict[str, tuple[int, str]] = {}
    runs = {head.run for head in store.heads()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as packed:
        for made in _made(store, archive):
            if made.workdir in moved:
                continue
            if is_local(made.workdir):
                folder = path_of(made.workdir)
                for name in made.files:
                    refuse_leading_out(folder / name, folder, "export the run without --products")
            wrong = harm(made)
            if wrong:
                raise RadpsDagError(
                    f"{wrong}; export the run without --products, or run the pipeline again"
                )
            place = _place(store, runs, made.workdir)
            if place in moved.values() or not is_plain(f"{place}/x"):
                name = sha256(made.workdir.encode()).hexdigest()[:16]
                place = f"runs/{archive.head.run}/exported/{name}"
            moved[made.workdir] = place
            for name in made.files:
                files.update(_pack(packed, f"{made.workdir}/{name}", f"{place}/{name}"))
        rows = tuple(_told_anew(row, moved) for row in archive.rows)
        with_files = Archive(archive.head, rows, files)
        packed.writestr(JOURNAL, to_document(with_files, __version__), zipfile.ZIP_DEFLATED)
    return with_files


def _made(store: Store, archive: Archive) -> Iterator[Made]:
    for row in archive.rows:
        fact = store.fact(row) if row.key is not None else None
        if isinstance(fact, NodeSucceeded | NodeFailed) and fact.made and fact.made.files:
            yield fact.made


def _place(store: Store, runs: set[str], workdir: str) -> str:
    """The place below a workspace of what a call has written there, or below another root; "" if it
    has none."""
    if is_local(workdir) and path_of(workdir).is_relative_to(store.workspace.runs):
        return path_of(workdir).relative_to(store.workspace.root).as_posix()
    parts = (path_of(workdir).as_posix() if is_local(workdir) else workdir).split("/")
    for number, part in enumerate(parts):
        if part in runs:
            return "/".join(["runs", part, "products", *parts[number + 1 :]])
    return ""


def _pack(packed: zipfile.ZipFile, uri: str, place: str) -> Iterator[tuple[str, tuple[int, str]]]:
    """Pack a file, or all files of a directory; their places with bytes and SHA-256."""
    if is_local(uri):
        # As a call names its files: not quoted, below the URI of a directory.
        folder, _, name = uri.rpartition("/")
        yield from _pack_path(packed, path_of(folder) / name, place)
        return
    with tempfile.TemporaryDirectory(prefix="radps-dag-") as scratch:
        copy = Path(scratch, "copy")
        fetch(uri, copy)
        yield from _pack_path(packed, copy, place)


def _pack_path(
    packed: zipfile.ZipFile, path: Path, place: str
) -> Iterator[tuple[str, tuple[int, str]]]:
    if not path.is_dir():
        yield place, _pack_file(packed, path, place)
        return
    for inside in sorted(path.rglob("*")):
        if inside.is_file():
            below = f"{place}/{inside.relative_to(path).as_posix()}"
            yield below, _pack_file(packed, inside, below)


def _pack_file(packed: zipfile.ZipFile, path: Path, place: str) -> tuple[int, str]:
    if place != place.encode("utf-8", "replace").decode():
        raise RadpsDagError(
            f"{path}: a name that is no text cannot be put into a zip file; export the run without "
            "--products"
        )
    digest, size = sha256(), 0
    with path.open("rb") as source, packed.open(place, "w", force_zip64=True) as target:
        while piece := source.read(2**20):
            digest.update(piece)
            size += len(piece)
            target.write(piece)
    return size, digest.hexdigest()


def _told_anew(row: Row, moved: dict[str, str]) -> Row:
    """A row in which everything that was packed is below the workspace, wherever that is."""
    told = json.loads(row.payload)
    anew = _moved(told, {uri: place for uri, place in moved.items() if uri})
    if row.kind == "run_started" and anew.get("settings", {}).get("products"):
        anew["settings"]["products"] = None
    if anew == told:
        return row
    row = replace(row, payload=strict_json(anew))
    return replace(row, checksum=checksum(row, row.seq))


def _moved(value: Any, places: dict[str, str]) -> Any:
    if isinstance(value, str) and "://" in value:
        # From the longest that it may be in to the shortest.
        folder, rest = value, ""
        while folder and "/" in folder:
            if folder in places:
                rest = rest if is_local(folder) else quote(rest)
                return f"{_TOKEN}{places[folder]}{rest}"
            folder, _, last = folder.rpartition("/")
            rest = f"/{last}{rest}"
        return value
    if isinstance(value, dict):
        return {name: _moved(member, places) for name, member in value.items()}
    if isinstance(value, list):
        return [_moved(item, places) for item in value]
    return value
