"""`dtype` of a parameter of a cab, and its short form, to the keys of an input."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["Unsayable", "longhand", "type_of"]

_SCALARS = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_FILES = ("File", "Directory", "MS", "URI")
_SHORT = re.compile(
    r"(?P<dtype>[A-Za-z]+(\[.*\])?)\s*(=\s*(?P<default>\"[^\"]*\"|'[^']*'|[^\s*\"']+))?\s*"
    r"(?P<required>\*)?\s*(\"(?P<info>.*)\")?\s*"
)


class Unsayable(Exception):
    """Tool files have no word for something; the text says what."""


def longhand(text: str) -> dict[str, Any]:
    """`str = "x" * "what it is"` as the keys that it stands for. Raises Unsayable."""
    match = _SHORT.fullmatch(text.strip())
    if match is None:
        raise Unsayable(f"the schema {text!r:.60} is not understood")
    about: dict[str, Any] = {"dtype": match["dtype"]}
    if match["default"] is not None:
        about["default"] = _value(match["default"])
    if match["required"]:
        about["required"] = True
    if match["info"]:
        about["info"] = match["info"]
    return about


def _value(text: str) -> Any:
    if text[0] in "\"'":
        return text[1:-1]
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def type_of(dtype: str) -> dict[str, Any]:
    """Keys of an input: `type`, and `kind`, `items`, `minItems`, `maxItems` where they belong.

    Raises Unsayable.

    >>> type_of("List[int]")
    {'type': 'array', 'items': {'type': 'integer'}}
    >>> type_of("Union[str, List[str]]")
    {'type': 'array', 'items': {'type': 'string'}}
    >>> type_of("MS")
    {'type': 'Product', 'kind': 'visibilities'}
    """
    dtype = "".join(dtype.split())
    outer, bracket, inner = dtype.partition("[")
    parts = _parts(inner.removesuffix("]")) if bracket else []
    if outer in _SCALARS:
        return {"type": _SCALARS[outer]}
    if outer in _FILES:
        return {"type": "Product", **({"kind": "visibilities"} if outer == "MS" else {})}
    match outer, parts:
        case "Optional", [part]:
            return type_of(part)
        case "list" | "List", []:
            return {"type": "array", "items": {"type": "string"}}
        case "list" | "List", [part]:
            return _list(part)
        case "tuple" | "Tuple", [_, *_]:
            kinds = {part for part in parts if part != "..."}
            size = {} if "..." in parts else {"minItems": len(parts), "maxItems": len(parts)}
            return {**_list(kinds.pop() if len(kinds) == 1 else "str"), **size}
        case "Union", [_, *_]:
            return _union(parts)
    raise Unsayable(f"dtype {dtype!r:.60} is not one that a word of a command can have")


def _list(part: str) -> dict[str, Any]:
    items = type_of(part)
    if items["type"] == "array":
        raise Unsayable("a list of lists is no word of a command")
    return {"type": "array", "items": items}


def _union(parts: list[str]) -> dict[str, Any]:
    """A list where one is among them, which may have a single item; else what both can be."""
    types = [type_of(part) for part in parts if part != "None"]
    lists = [kind for kind in types if kind["type"] == "array"]
    if lists:
        return lists[0]
    if {kind["type"] for kind in types} == {"integer", "number"}:
        return {"type": "number"}
    return types[0] if len(types) == 1 else {"type": "string"}


def _parts(text: str) -> list[str]:
    """Split at the commas that are in no bracket."""
    parts, depth = [""], 0
    for sign in text:
        depth += (sign == "[") - (sign == "]")
        if sign == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part for part in parts if part]
