"""Glance at a journal in a file, where there is no time for more: to complete a command line.

Checksums are not looked at, and nothing waits for who writes.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

__all__ = ["first_start"]

_FIRST = """
SELECT payload FROM radps_facts WHERE run = ? AND kind = 'run_started' ORDER BY seq LIMIT 1
"""


def first_start(journal: Path, run: str) -> dict[str, Any]:
    """Read the record of how a run began. Raises sqlite3.Error and LookupError."""
    place = f"file:{quote(str(journal.resolve()))}?mode=ro"
    with contextlib.closing(sqlite3.connect(place, uri=True, timeout=0.1)) as opened:
        row = opened.execute(_FIRST, (run,)).fetchone()
    if row is None:
        raise LookupError(run)
    payload: dict[str, Any] = json.loads(row[0])
    return payload
