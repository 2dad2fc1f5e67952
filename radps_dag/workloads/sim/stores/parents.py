"""Parents of derived visibilities, and where those are.

Where it is stands beside a store and in the references to it, never in the store: what is in a
store is then the same wherever its parent lies, and whoever reads it need not run again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin

from radps_dag.storage.remote import is_local, path_of
from radps_dag.workloads.contract.description import Product
from radps_dag.workloads.contract.opening import open_product
from radps_dag.workloads.sim.stores.zarr_store import StoreUnusable, ZarrStore, open_store

__all__ = ["Line", "line_of", "note_parent", "standing_on"]

# Visibilities with what they were made of: the newest first, those that are whole last.
Line = Sequence[tuple[Product, ZarrStore]]


def line_of(ms: Product) -> Line:
    """Raises StoreUnusable where something in the line is not there, or is another."""
    line = [(ms, open_store(ms, "visibilities"))]
    told = [_bare(source) for source in ms.get("stands_on", [])]
    while parent := line[-1][1].about["parent"]:
        child, store = line[-1]
        source = _found(child, parent, told[len(line) - 1 :])
        try:
            line.append((source, open_store(source, "visibilities")))
        except FileNotFoundError:
            raise StoreUnusable(
                f"visibilities {source['uri']}, of which {store.path} was made, are not there; "
                "move them together, or import again"
            ) from None
        if line[-1][1].about["version"] != parent["version"]:
            raise StoreUnusable(
                f"visibilities {line[-1][1].path} are not those of which {store.path} was made"
            )
    return line


def standing_on(line: Line) -> list[dict[str, Any]]:
    """The same as references, for one to what is derived of the first."""
    return [dict(_bare(product)) for product, _ in line]


def note_parent(store: Path, ms: Product) -> None:
    """Write beside a store where it is that it was made of: seen from there, if both are here."""
    uri = ms["uri"]
    beside = quote(os.path.relpath(path_of(uri), store.parent.resolve())) if is_local(uri) else ""
    text = json.dumps({"uri": uri, "beside": beside})
    store.with_name(f"{store.name}{_NOTE}").write_text(text, encoding="utf-8")


_NOTE = ".parent.json"


def _found(child: Product, parent: Mapping[str, str], told: Sequence[Product]) -> Product:
    """Find the parent: by the reference, or as it was noted if that leads nowhere."""
    version, first = parent["version"], None
    noted: Iterator[Product] = (
        {"uri": uri, "kind": "visibilities", "version": version} for uri in _noted(child)
    )
    for product in chain(told[:1], noted):
        if not is_local(product["uri"]) or path_of(product["uri"]).exists():
            return product
        first = first or product
    if first is None:
        raise StoreUnusable(
            f"visibilities {child['uri']} do not tell of what they were made; hand on the whole "
            "reference to them, with stands_on"
        )
    return first


def _noted(child: Product) -> Iterator[str]:
    """Addresses of the parent, the likelier one first."""
    try:
        with open_product({"uri": f"{child['uri']}{_NOTE}", "kind": "note"}, "r") as file:
            note = json.load(file)
    except (FileNotFoundError, ValueError):
        return
    if is_local(child["uri"]) and note.get("beside"):
        yield urljoin(child["uri"], note["beside"])
    if note.get("uri"):
        yield note["uri"]


def _bare(product: Mapping[str, Any]) -> Product:
    """The reference without those that it stands on."""
    bare: Any = {name: value for name, value in product.items() if name != "stands_on"}
    return bare  # type: ignore[no-any-return]
