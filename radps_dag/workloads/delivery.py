"""Files for the archive: listed with their checksums, and looked for again where they may be."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote, urljoin

from radps_dag.links import refuse_leading_out
from radps_dag.remote import is_local, path_of
from radps_dag.workloads.description import Product
from radps_dag.workloads.reading import open_product

__all__ = ["Entry", "checksum_of", "entries", "is_there"]


class Entry(TypedDict):
    """A file of a manifest; `beside` is where it is, seen from the manifest."""

    uri: str
    beside: str
    kind: str
    sha256: str
    size: int


def checksum_of(file: Product) -> tuple[str, int]:
    """The SHA-256 of a file, and its size in bytes."""
    with open_product(file) as opened:
        content = opened.read()
    return sha256(content).hexdigest(), len(content)


def entries(files: Sequence[Product], workdir: Path) -> list[Entry]:
    """What a manifest in this directory says of files.

    Raises ValueError where there are none, FileNotFoundError for one that is not there, LeadsOut
    for a link to what was not made here.
    """
    if not files:
        raise ValueError("no files to list in a manifest")
    return [_entry(file, workdir) for file in files]


def _entry(file: Product, workdir: Path) -> Entry:
    if is_local(file["uri"]):
        path = path_of(file["uri"])
        # What calls of one run have made has a directory in common.
        common = Path(os.path.commonpath([path, workdir.absolute()]))
        refuse_leading_out(path, common, "list a copy of it instead")
    try:
        checksum, size = checksum_of(file)
    except IsADirectoryError:
        raise ValueError(
            f"{file['kind']} {file['uri']} is a directory; a manifest lists files: export it first"
        ) from None
    return {
        "uri": file["uri"],
        "beside": _beside(workdir, file["uri"]),
        "kind": file["kind"],
        "sha256": checksum,
        "size": size,
    }


def _beside(workdir: Path, uri: str) -> str:
    """Where a file is, seen from the manifest: that holds when both are moved together."""
    return quote(os.path.relpath(path_of(uri), workdir.resolve())) if is_local(uri) else ""


def is_there(manifest: str, entry: Entry) -> bool:
    """Whether a file of the manifest at this address is there with the right checksum."""
    return any(_is_good(uri, entry) for uri in _places(manifest, entry))


def _places(manifest: str, entry: Entry) -> Iterable[str]:
    """Where a file of the manifest may be."""
    moved = urljoin(manifest, entry["beside"]) if is_local(manifest) and entry["beside"] else ""
    return [place for place in (moved, entry["uri"]) if place]


def _is_good(uri: str, entry: Entry) -> bool:
    try:
        return checksum_of({"uri": uri, "kind": entry["kind"]})[0] == entry["sha256"]
    except (FileNotFoundError, IsADirectoryError):
        return False
