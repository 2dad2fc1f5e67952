"""Small records as JSON files: an observation, continuum ranges, a manifest, a receipt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.opening import open_product
from radps_dag.workloads.sim.stores.zarr_store import LAYOUT, StoreUnusable, origin

__all__ = ["read_record", "write_record"]


def write_record(
    workdir: Path,
    kind: str,
    content: Mapping[str, Any],
    selection: Mapping[str, Any] | None = None,
) -> Product:
    """Write a record of some kind, named with its digest, and return the reference to it."""
    document = {"kind": kind, "layout": LAYOUT, **origin(content), **content}
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    version = sha256(text.encode()).hexdigest()[:12]
    path = workdir.resolve() / f"{kind}-{version}.json"
    path.write_text(text, encoding="utf-8")
    product: Product = {"uri": path.as_uri(), "kind": kind, "version": version}
    if selection:
        product["selection"] = dict(selection)
    return product


def read_record(product: Product, kind: str) -> dict[str, Any]:
    """The content of a record; raises StoreUnusable for one of another kind or version."""
    if product["kind"] != kind:
        raise StoreUnusable(f"expected {kind}, found {product['kind']}: {product['uri']}")
    try:
        with open_product(product, "r") as file:
            document: dict[str, Any] = json.load(file)
        stored, layout = document["kind"], int(document["layout"])
    except (ValueError, KeyError, TypeError, IsADirectoryError) as error:
        raise StoreUnusable(
            f"{kind} {product['uri']} is not a record of the sim library"
            f" ({type(error).__name__}: {error}); was it made with another --library?"
        ) from error
    if stored != kind:
        raise StoreUnusable(f"expected {kind}, found {stored}: {product['uri']}")
    if layout > LAYOUT:
        raise StoreUnusable(
            f"{kind} {product['uri']} has layout {layout}, newer than {LAYOUT}, which is the "
            "newest that this radps-dag reads; update radps-dag"
        )
    return document
