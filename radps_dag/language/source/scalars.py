"""Plain scalars to JSON values: YAML 1.2's core schema."""

from __future__ import annotations

import re
from math import isfinite

__all__ = ["CORE", "TYPES", "NotJson", "plain"]

CORE = "tag:yaml.org,2002:"
TYPES: dict[str, type | tuple[type, ...]] = {
    f"{CORE}null": type(None),
    f"{CORE}bool": bool,
    f"{CORE}int": int,
    f"{CORE}float": (int, float),
}

_CONSTANTS: dict[str, bool | None] = (
    dict.fromkeys(("", "~", "null", "Null", "NULL"))
    | dict.fromkeys(("true", "True", "TRUE"), True)
    | dict.fromkeys(("false", "False", "FALSE"), False)
)
_NUMBER = re.compile(
    r"(?P<decimal>[-+]?[0-9]+)|(?P<octal>0o[0-7]+)|(?P<hexadecimal>0x[0-9a-fA-F]+)"
    r"|(?P<float>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<special>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
_STARTS = frozenset("+-.0123456789")
_BASES = {"decimal": 10, "octal": 8, "hexadecimal": 16}


class NotJson(Exception):
    """A number that JSON cannot say; the text is what to do about it."""


def plain(text: str) -> str | int | float | bool | None:
    """The value of an unquoted scalar; raises NotJson.

    >>> [plain(text) for text in ("1e-3", "010", "12:30:45", "no", "~")]
    [0.001, 10, '12:30:45', 'no', None]
    """
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in _STARTS:
        return text
    match = _NUMBER.fullmatch(text)
    return text if match is None else _number(text, match.lastgroup or "")


def _number(text: str, kind: str) -> int | float:
    shown = text if len(text) <= 40 else f"{text[:37]}..."
    if kind == "special":
        raise NotJson(f"{text} is not a finite number; JSON has none: use null, or a large number")
    if kind == "float":
        if isfinite(number := float(text)):
            return number
        raise NotJson(f"{shown} is too large for a float (at most 1.8e308)")
    # The length first: Python itself refuses integers of thousands of digits.
    digits = text if kind == "decimal" else text[2:]
    if len(digits) < 400 and -(2**63) <= (value := int(digits, _BASES[kind])) < 2**63:
        return value
    raise NotJson(f"{shown} does not fit 64 bits; write a float (1e20)")
