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

__all__ = ["first_start", "names"]

_FIRST = """
SELECT payload FROM radps_facts WHERE run = ? AND kind = 'run_started' ORDER BY seq LIMIT 1
"""
_NAMES = """
SELECT r.run, json_extract(f.payload, '$.settings.name')
FROM radps_runs r JOIN radps_facts f ON f.run = r.run AND f.seq = 1
WHERE f.kind = 'run_started' AND json_extract(f.payload, '$.settings.name') IS NOT NULL
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


def names(journal: Path) -> dict[str, str]:
    """Read the names of runs, by id. Raises sqlite3.Error."""
    place = f"file:{quote(str(journal.resolve()))}?mode=ro"
    with contextlib.closing(sqlite3.connect(place, uri=True, timeout=0.1)) as opened:
        return dict(opened.execute(_NAMES).fetchall())
