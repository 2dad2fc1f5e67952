"""The products in a JSON value: objects with a URI and a kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

__all__ = ["products_in", "uris_in"]

_SCALARS = {str, int, float, bool, type(None)}


def products_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """The products in a JSON value, at any depth."""
    if isinstance(value, list | tuple):
        items: Iterable[Any] = value
    elif isinstance(value, (dict, Mapping)):
        if "uri" in value and isinstance(value["uri"], str) and isinstance(value.get("kind"), str):
            yield value
            return
        items = value.values()
    else:
        return
    for item in items:
        if type(item) not in _SCALARS:  # as most are
            yield from products_in(item)


def uris_in(value: Any) -> Iterator[str]:
    """The addresses of the products in a value, and of all that those stand on."""
    for product in products_in(value):
        yield str(product["uri"])
        yield from uris_in(product.get("stands_on"))
