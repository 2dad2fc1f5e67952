"""Small records as JSON files: an observation, continuum ranges, a manifest, a receipt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.opening import open_product
from radps_dag.workloads.sim.stores.files import write_file
from radps_dag.workloads.sim.stores.zarr_store import LAYOUT, StoreUnusable, check, origin

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
    return write_file(workdir, kind, ".json", text.encode(), selection)


def read_record(product: Product, kind: str) -> dict[str, Any]:
    """The content of a record; raises StoreUnusable for one of another kind or version."""
    check(product["kind"], 0, [kind], product["uri"])
    try:
        with open_product(product, "r") as file:
            document: dict[str, Any] = json.load(file)
        stored, layout = document["kind"], int(document["layout"])
    except (ValueError, KeyError, TypeError, IsADirectoryError) as error:
        raise StoreUnusable(
            f"{kind} {product['uri']} is not a record of the sim library"
            f" ({type(error).__name__}: {error}); was it made with another --library?"
        ) from error
    check(stored, layout, [kind], product["uri"])
    return document
