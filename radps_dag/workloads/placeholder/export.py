"""Placeholders for what leaves the pipeline: files, pictures, a manifest, the archive."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Literal
from urllib.parse import quote, urljoin

from radps_dag.remote import is_local, path_of
from radps_dag.workloads.contract import Product, Workdir, workload
from radps_dag.workloads.outcomes import Exported, Manifest, Submitted, Verified
from radps_dag.workloads.placeholder.fake_data import SIMULATED, read, spend, write
from radps_dag.workloads.reading import open_product
from radps_dag.workloads.scores import export_score

__all__ = [
    "draw_quicklook",
    "export_fits",
    "submit_to_archive",
    "verify_export",
    "write_manifest",
]


@workload(placeholder=True)
def export_fits(image: Product, *, workdir: Workdir) -> Exported:
    """Export an image for the archive, here as JSON that stands for FITS (placeholder).

    Args:
        image: the image
    """
    return _export(image, "fits", workdir)


@workload(placeholder=True)
def draw_quicklook(image: Product, *, workdir: Workdir) -> Exported:
    """Draw an image for people, here as JSON that stands for PNG (placeholder).

    Args:
        image: the image
    """
    return _export(image, "quicklook", workdir)


def _export(image: Product, kind: Literal["fits", "quicklook"], workdir: Workdir) -> Exported:
    data = read(image, "image")
    spend(data.observation)
    content = {"label": SIMULATED, "of": image.get("version", ""), "rms": data.content["rms"]}
    selection = image.get("selection")
    file = write(workdir, kind, data.observation, content, sources=[image], selection=selection)
    checksum, size = _checksum(file)
    return {"file": file, "checksum": checksum, "size": size}


def _checksum(file: Product) -> tuple[str, int]:
    with open_product(file) as opened:
        content = opened.read()
    return sha256(content).hexdigest(), len(content)


@workload(placeholder=True)
def write_manifest(files: list[Product], *, workdir: Workdir) -> Manifest:
    """List files with their checksums (placeholder).

    Args:
        files: what to list; at least one
    """
    if not files:
        raise ValueError("no files to list in a manifest")
    observation = read(files[0]).observation
    spend(observation)
    sums = [_checksum(file) for file in files]
    entries = [
        {
            "uri": file["uri"],
            "beside": _beside(workdir, file["uri"]),
            "kind": file["kind"],
            "sha256": checksum,
            "size": size,
        }
        for file, (checksum, size) in zip(files, sums, strict=True)
    ]
    manifest = write(workdir, "manifest", observation, {"files": entries}, sources=files)
    return {"manifest": manifest, "files": len(files), "size": sum(size for _, size in sums)}


@workload(placeholder=True)
def submit_to_archive(manifest: Product, *, workdir: Workdir) -> Submitted:
    """Hand the files of a manifest to the archive (placeholder: nothing is sent anywhere).

    Args:
        manifest: what to hand over
    """
    data = read(manifest, "manifest")
    spend(data.observation, 0.05)
    content = {"accepted": len(data.content["files"])}
    return {"receipt": write(workdir, "receipt", data.observation, content, sources=[manifest])}


@workload(placeholder=True)
def verify_export(manifest: Product) -> Verified:
    """Check that the files of a manifest are present with the right checksums (placeholder).

    Args:
        manifest: what to check
    """
    data = read(manifest, "manifest")
    spend(data.observation)
    files = data.content["files"]
    good = sum(
        any(_is_good(uri, file["kind"], file["sha256"]) for uri in _places(manifest["uri"], file))
        for file in files
    )
    return {"good": good, "total": len(files), "score": export_score(good, len(files))}


def _beside(workdir: Workdir, uri: str) -> str:
    """Where a file is, seen from the manifest: that holds when both are moved together."""
    return quote(os.path.relpath(path_of(uri), workdir.resolve())) if is_local(uri) else ""


def _places(manifest: str, file: dict[str, str]) -> list[str]:
    """Where a file of the manifest may be."""
    moved = urljoin(manifest, file["beside"]) if is_local(manifest) and file["beside"] else ""
    return [place for place in (moved, file["uri"]) if place]


def _is_good(uri: str, kind: str, checksum: str) -> bool:
    try:
        return _checksum({"uri": uri, "kind": kind})[0] == checksum
    except (FileNotFoundError, IsADirectoryError):
        return False
