"""Statements that the journal gives its database, in the SQL of SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = [
    "ADD",
    "CLEAR",
    "ELSEWHERE",
    "ENTER",
    "FACTS",
    "HEADLESS",
    "KEYED",
    "LEAVE",
    "MOVE",
    "RUNS",
    "WITH_KEY",
    "any_of",
]

# Columns as `Head` and `Row` have them.
RUNS = "SELECT run, pipeline, created, generation, last, checksum FROM radps_runs"
FACTS = "SELECT run, seq, time, place, kind, key, payload, checksum FROM radps_facts"

ENTER = (
    "INSERT INTO radps_runs (run, pipeline, created, generation, last, checksum)"
    " VALUES (:run, :pipeline, :created, :generation, :last, :checksum)"
    " ON CONFLICT DO NOTHING RETURNING run"
)
MOVE = (
    "UPDATE radps_runs SET pipeline = :pipeline, created = :created, generation = :generation,"
    " last = :last, checksum = :checksum WHERE run = :run"
)
LEAVE = "DELETE FROM radps_runs WHERE run = :run AND generation = :generation AND last = :last"
CLEAR = "DELETE FROM radps_facts WHERE run = :run"
ADD = (
    "INSERT INTO radps_facts (run, seq, time, place, kind, key, payload, checksum)"
    " VALUES (:run, :seq, :time, :place, :kind, :key, :payload, :checksum)"
)
# Two ranges, and no `run != :run`: a run of many calls that are alike has as many rows of that key,
# through none of which these go.
ELSEWHERE = (
    f"{FACTS} WHERE key = :key AND run < :run AND place = :place"
    f" UNION ALL {FACTS} WHERE key = :key AND run > :run AND place = :place"
    " ORDER BY time DESC LIMIT :most"
)
WITH_KEY = f"{FACTS} WHERE key = :key ORDER BY time DESC LIMIT :most"
KEYED = f"{FACTS} WHERE key = :key AND run = :run AND kind = :kind ORDER BY seq LIMIT 1"
# Runs that have rows and no head, found in as many steps as there are runs.
HEADLESS = (
    "WITH RECURSIVE found(run) AS (SELECT min(run) FROM radps_facts UNION ALL"
    " SELECT (SELECT min(run) FROM radps_facts WHERE run > found.run) FROM found"
    " WHERE found.run IS NOT NULL)"
    " SELECT run FROM found WHERE run IS NOT NULL AND run NOT IN (SELECT run FROM radps_runs)"
)


def any_of(column: str, wanted: Iterable[str]) -> tuple[str, dict[str, Any]]:
    """The condition that a column is one of these, and its values.

    >>> any_of("kind", ["noted", "tracked"])
    ('kind IN (:kind0, :kind1)', {'kind0': 'noted', 'kind1': 'tracked'})
    """
    values = {f"{column}{number}": value for number, value in enumerate(wanted)}
    return f"{column} IN ({', '.join(f':{name}' for name in values)})", values
