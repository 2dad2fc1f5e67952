"""One strict JSON object per fact and line, for machines."""

from __future__ import annotations

from typing import TextIO

from radps_dag.facts import Fact, as_json, strict_json

__all__ = ["JsonLines"]


class JsonLines:
    """Listens, and writes each fact as it comes. Not a number and infinities become null."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, fact: Fact) -> None:
        """Write the fact as a line."""
        self._stream.write(strict_json(as_json(fact)) + "\n")
        self._stream.flush()
