"""The products in a JSON value: objects with a URI and a kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["products_in", "uris_in"]

_SCALARS = {str, int, float, bool, type(None)}


def products_in(value: Any) -> list[Mapping[str, Any]]:
    """The products in a JSON value, at any depth."""
    products: list[Mapping[str, Any]] = []
    _gather(value, products)
    return products


def _gather(value: Any, products: list[Mapping[str, Any]]) -> None:
    # Every call comes here several times, with values in which there are mostly none.
    if isinstance(value, (list, tuple)):
        items: Iterable[Any] = value
    elif isinstance(value, (dict, Mapping)):
        if "uri" in value and isinstance(value["uri"], str) and isinstance(value.get("kind"), str):
            products.append(value)
            return
        items = value.values()
    else:
        return
    for item in items:
        if item and type(item) not in _SCALARS:  # as most are
            _gather(item, products)


def uris_in(value: Any) -> list[str]:
    """The addresses of the products in a value, and of all that those stand on."""
    uris: list[str] = []
    for product in products_in(value):
        uris.append(str(product["uri"]))
        uris += uris_in(product.get("stands_on"))
    return uris
