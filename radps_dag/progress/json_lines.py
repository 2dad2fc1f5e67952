"""One strict JSON object per fact and line, for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, TextIO

from radps_dag.facts import Fact, as_json

__all__ = ["JsonLines"]


class JsonLines:
    """Listens, and writes each fact as it comes. Not a number and infinities become null."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, fact: Fact) -> None:
        record = as_json(fact)
        try:
            line = json.dumps(record, allow_nan=False)
        except (TypeError, ValueError):
            line = json.dumps(_strict(record), allow_nan=False)
        self._stream.write(line + "\n")
        self._stream.flush()


def _strict(value: Any) -> Any:
    match value:
        case float():
            return value if math.isfinite(value) else None
        case None | bool() | int() | str():
            return value
        case Mapping():
            return {str(key): _strict(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_strict(item) for item in value]
        case _:
            return str(value)
