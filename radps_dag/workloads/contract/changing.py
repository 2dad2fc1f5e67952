"""Data that a workload changes in place: the inputs that name them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from radps_dag.language.shape import Shape
from radps_dag.storage.remote import is_local, path_of
from radps_dag.workloads.contract.description import Input

__all__ = ["address_of", "addresses", "can_name_data", "changed_inputs", "no_snapshot"]

SNAPSHOTS = ("copy", "reflink")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")


def changed_inputs(mutates: bool | str | Sequence[str], inputs: Sequence[Input]) -> tuple[str, ...]:
    """The inputs that `mutates` means. True is every product or, where no input is one, whatever
    can be a path. Raises LookupError with a name that no input has."""
    if isinstance(mutates, bool):
        products = [item.name for item in inputs if mutates and _is_product(item.shape)]
        paths = [item.name for item in inputs if mutates and can_name_data(item.shape)]
        return tuple(products or paths)
    names = (mutates,) if isinstance(mutates, str) else tuple(mutates)
    input_names = {item.name for item in inputs}
    for name in names:
        if name not in input_names:
            raise LookupError(name)
    return tuple(dict.fromkeys(names))


def no_snapshot(how: str, changes: Sequence[str]) -> str:
    """Say why no snapshot of this kind can be made before a call; "" if one can, or none is."""
    if how == "hardlink":
        return (
            "snapshot 'hardlink' is not one: what a program writes into a file in place, it writes "
            "into each hard link to it; write copy or reflink"
        )
    if how and how not in SNAPSHOTS:
        return f"snapshot {how!r} is not known; write copy or reflink"
    if how and not changes:
        return "'snapshot' is of data that are changed in place; say with 'mutates' which these are"
    return ""


def can_name_data(shape: Shape) -> bool:
    """Whether a value of the shape can be a product or a path, or hold one."""
    if shape.unknown or _is_product(shape):
        return True
    if "string" in shape.kinds and shape.choices is None:
        return True
    if "array" in shape.kinds and (shape.items is None or can_name_data(shape.items)):
        return True
    members = [of for _, of, _ in shape.fields] + ([shape.values] if shape.values else [])
    return any(map(can_name_data, members))


def _is_product(shape: Shape) -> bool:
    """Whether a value of the shape is a product, or a list of some."""
    if shape.kinds == {"array"} and shape.items is not None:
        return _is_product(shape.items)
    return {"uri", "kind"} <= {name for name, _, _ in shape.fields}


def addresses(value: Any) -> Iterator[str]:
    """The addresses of the products and paths in a value: URIs without links on the way."""
    match value:
        case {"uri": str(uri), "kind": str()}:
            yield address_of(uri)
        case str() if _SCHEME.match(value) or value.startswith("/") or os.path.lexists(value):
            yield address_of(value)
        case Mapping():
            for member in value.values():
                yield from addresses(member)
        case list() | tuple():
            for item in value:
                yield from addresses(item)


def address_of(text: str) -> str:
    """A path or a URI as the URI of what lies there, without links on the way."""
    if not _SCHEME.match(text):
        return Path(os.path.realpath(text)).as_uri()
    return Path(os.path.realpath(path_of(text))).as_uri() if is_local(text) else text.rstrip("/")
