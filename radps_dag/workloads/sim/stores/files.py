"""Bytes to a file that is a product: a picture, a FITS file."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from radps_dag.workloads.contract.description import Product

__all__ = ["write_file"]


def write_file(
    workdir: Path,
    kind: str,
    suffix: str,
    content: bytes,
    selection: Mapping[str, Any] | None = None,
) -> Product:
    """Write a file named with its digest, and return the reference to it."""
    version = sha256(content).hexdigest()[:12]
    path = workdir.resolve() / f"{kind}-{version}{suffix}"
    path.write_bytes(content)
    product: Product = {"uri": path.as_uri(), "kind": kind, "version": version}
    if selection:
        product["selection"] = dict(selection)
    return product
