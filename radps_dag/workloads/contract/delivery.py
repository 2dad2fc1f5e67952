"""Files for the archive: listed with their checksums, and looked for again where they may be.

Where they are stands in the reference to the manifest, as what that stands on, and not in it: a
manifest of the same files is the same wherever they lie.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TypedDict
from urllib.parse import unquote, urljoin

from radps_dag.storage.links import refuse_leading_out
from radps_dag.storage.remote import is_local, path_of
from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.opening import open_product

__all__ = ["Entry", "are_there", "checksum_of", "entries", "name_of", "standing_on"]


class Entry(TypedDict):
    """A file of a manifest."""

    name: str
    kind: str
    sha256: str
    size: int


def checksum_of(file: Product) -> tuple[str, int]:
    """The SHA-256 of a file, and its size in bytes."""
    with open_product(file) as opened:
        content = opened.read()
    return sha256(content).hexdigest(), len(content)


def entries(files: Sequence[Product], workdir: Path) -> list[Entry]:
    """Entries for files in a manifest in this directory.

    Raises ValueError where there are none, FileNotFoundError for one that is not there, LeadsOut
    for a link to what was not made here.
    """
    if not files:
        raise ValueError("no files to list in a manifest")
    return [_entry(file, workdir) for file in files]


def standing_on(manifest: Product, files: Sequence[Product]) -> Product:
    """The reference to a manifest with where its files are, in their order."""
    return {**manifest, "stands_on": [dict(file) for file in files]}


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
    name = file["uri"].rpartition("/")[2]
    return {
        "name": unquote(name) if is_local(file["uri"]) else name,
        "kind": file["kind"],
        "sha256": checksum,
        "size": size,
    }


def are_there(manifest: Product, listed: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Check that each file of a manifest is there with the right checksum."""
    places = [str(product["uri"]) for product in manifest.get("stands_on", [])]
    return [
        any(_is_good(uri, entry) for uri in (*places[number : number + 1], *_said(manifest, entry)))
        for number, entry in enumerate(listed)
    ]


def name_of(entry: Mapping[str, Any]) -> str:
    """The name of a file in a manifest."""
    return str(entry.get("name") or entry.get("beside") or entry.get("uri", ""))


def _said(manifest: Product, entry: Mapping[str, Any]) -> Iterator[str]:
    """The addresses that a manifest itself gives for a file: only manifests of older versions
    do.
    """
    if is_local(manifest["uri"]) and entry.get("beside"):
        yield urljoin(manifest["uri"], entry["beside"])
    if entry.get("uri"):
        yield entry["uri"]


def _is_good(uri: str, entry: Mapping[str, Any]) -> bool:
    try:
        return bool(checksum_of({"uri": uri, "kind": entry["kind"]})[0] == entry["sha256"])
    except (FileNotFoundError, IsADirectoryError):
        return False
