"""Fake data: what stands for visibilities, caltables and images, one small JSON file each.

Every file says that it is simulated, which observation it belongs to (with the cost model), what
made it and of what. A product is written once, under a name with its digest, and never changed.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from radps_dag.workloads.contract.opening import open_product
from radps_dag.workloads.contract.workload import Product

__all__ = ["SIMULATED", "Fake", "read", "spend", "write"]

SIMULATED = "simulated by radps-dag's placeholder library; not a measurement"


@dataclass(frozen=True, slots=True)
class Fake:
    """The content of a product's file."""

    product: Product
    observation: Mapping[str, Any]
    content: Mapping[str, Any]


def read(product: Product, *kinds: str) -> Fake:
    """The fake data of a product; raises ValueError if it is of another kind."""
    with open_product(product) as file:
        document = json.load(file)
    if kinds and document["kind"] not in kinds:
        wanted = " or ".join(kinds)
        raise ValueError(f"expected {wanted}, found {document['kind']}: {product['uri']}")
    return Fake(product, document["observation"], document["content"])


def write(
    workdir: Path,
    kind: str,
    observation: Mapping[str, Any],
    content: Mapping[str, Any],
    *,
    sources: Sequence[Product] = (),
    group: str = "",
    selection: Mapping[str, Any] | None = None,
) -> Product:
    """Write a product, whole or not at all, and return the reference to it."""
    document = {
        "simulated": SIMULATED,
        "kind": kind,
        "group": group,
        "selection": dict(selection or {}),
        "sources": [source.get("version", "") for source in sources],
        "observation": observation,
        "content": content,
    }
    text = json.dumps(document, indent=1, sort_keys=True, allow_nan=False)
    version = sha256(text.encode()).hexdigest()[:12]
    path = workdir.resolve() / f"{kind}-{version}.json"
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    product: Product = {"uri": path.as_uri(), "kind": kind, "version": version}
    if group:
        product["group"] = group
    if selection:
        product["selection"] = dict(selection)
    return product


def spend(observation: Mapping[str, Any], seconds: float = 0.02) -> None:
    """Play the cost of a call: hold memory and sleep, as the observation's cost model says."""
    cost = observation["cost"]
    held = bytearray(int(cost["megabytes"] * 1e6))
    time.sleep(seconds * cost["pace"])
    del held
