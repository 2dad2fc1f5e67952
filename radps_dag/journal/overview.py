"""Counts over a run and the course of its nodes, by the database: no fact is read for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from radps_dag.facts import RunEnded, RunStarted
from radps_dag.journal.run_status import RunStatus, run_status
from radps_dag.journal.statements import any_of
from radps_dag.journal.store import Head, Store

__all__ = ["Mark", "Overview", "marks", "overview", "seconds_spent"]

# What others may add to the journal of a run that nobody drives.
_OF_OTHERS = ("tracked", "context_added", "question_answered")


@dataclass(frozen=True, slots=True)
class Overview:
    """Status of a run, and how many of its calls were done, failed, and were not made anew.

    `done` are all that any process that drove the run brought to an end; `failed` and `reused` are
    those of the latest one. `last` is when the latest fact was stated.
    """

    run_status: RunStatus
    done: int
    failed: int
    reused: int
    last: float


@dataclass(frozen=True, slots=True)
class Mark:
    """A fact at a place, without its content. `call` tells the end of a call, and whether it ran or
    used an earlier result, `seconds` what the end of a node says that it took.
    """

    seq: int
    time: float
    place: str
    kind: str
    call: Literal["", "ran", "reused"] = ""
    seconds: float | None = None


def overview(store: Store, head: Head) -> Overview:
    """The counts of a run. Raises Damaged."""
    store.check_run(head.run)
    at = run_status(store, head)
    begun = _begun(store, head.run)
    done, reused = _calls(store, head.run, begun)
    last = at.end.time if at.end is not None else _last(store, head)
    return Overview(at, done, len(_failed(store, head.run, begun)), reused, last)


def marks(store: Store, run: str) -> Iterator[Mark]:
    """All that happened in a run, in its order, without what it says. Raises Damaged."""
    store.check_run(run)
    query = (
        "SELECT seq, time, place, kind,"
        f" CASE WHEN key IS NULL THEN '' WHEN {_origin(store)} IS NULL THEN 'ran'"
        " ELSE 'reused' END,"
        " CASE WHEN kind IN ('node_succeeded', 'node_failed', 'node_stopped')"
        f" THEN CAST({_member(store, 'seconds')} AS FLOAT) END"
        " FROM radps_facts WHERE run = :run ORDER BY seq"
    )
    with store.look() as connection:
        rows = connection.execute(query, {"run": run}).fetchall()
    for row in rows:
        yield Mark(*row)


def seconds_spent(store: Store, run: str) -> float:
    """The seconds that the processes took which have driven the run so far. Those of one that was
    killed end with the last thing that it did."""
    spent = 0.0
    begun: tuple[int, float] | None = None
    for row in store.rows(run, kinds=("run_started", "run_ended")):
        fact = store.fact(row)
        if isinstance(fact, RunStarted):
            spent += _lasted(store, run, begun, row.seq)
            begun = row.seq, fact.time
        elif isinstance(fact, RunEnded) and begun is not None:
            spent += fact.seconds
            begun = None
    return spent + _lasted(store, run, begun)


def _lasted(
    store: Store, run: str, begun: tuple[int, float] | None, until: int | None = None
) -> float:
    """The time for which a process that never recorded its end has driven the run."""
    if begun is None:
        return 0.0
    seq, time = begun
    theirs, values = any_of("kind", _OF_OTHERS)
    query = (
        "SELECT max(time) FROM radps_facts WHERE run = :run AND seq >= :seq"
        f" AND NOT {theirs} AND seq < :until"
    )
    values |= {"run": run, "seq": seq, "until": 2**62 if until is None else until}
    return max(0.0, (_scalar(store, query, values) or time) - time)


def _begun(store: Store, run: str) -> int:
    """The row with which a process last began to drive the run."""
    query = "SELECT max(seq) FROM radps_facts WHERE run = :run AND kind = 'run_started'"
    return _scalar(store, query, {"run": run}) or 0


def _scalar(store: Store, query: str, values: dict[str, Any]) -> Any:
    with store.look() as connection:
        row = connection.execute(query, values).fetchone()
    return None if row is None else row[0]


def _calls(store: Store, run: str, begun: int) -> tuple[int, int]:
    """Count the calls that were done, and those of them that were not made anew."""
    query = (
        "SELECT count(DISTINCT place), count(DISTINCT CASE WHEN seq > :begun"
        f" AND {_origin(store)} IS NOT NULL THEN place END) FROM radps_facts"
        " WHERE run = :run AND kind = 'node_succeeded' AND key IS NOT NULL"
    )
    with store.look() as connection:
        done, reused = connection.execute(query, {"run": run, "begun": begun}).fetchone()
    return done, reused


def _origin(store: Store) -> str:
    """The run that computed what a call has, where that is another one, in SQL."""
    return _member(store, "made", "origin")


def _member(store: Store, *path: str) -> str:
    """A member of what a fact says, in SQL."""
    if store.postgres:
        return f"CAST(payload AS JSON) #>> '{{{','.join(path)}}}'"
    return f"json_extract(payload, '$.{'.'.join(path)}')"


def _failed(store: Store, run: str, begun: int) -> set[str]:
    """The places where the latest process failed, without those that failed only for something in
    them.
    """
    query = (
        "SELECT place, kind FROM radps_facts WHERE run = :run AND seq > :begun"
        " AND kind IN ('node_failed', 'retrying') ORDER BY seq"
    )
    failed: set[str] = set()
    around: set[str] = set()
    with store.look() as connection:
        for place, kind in connection.execute(query, {"run": run, "begun": begun}).fetchall():
            if kind == "retrying":
                if place in around:  # a group, and all in it is made again
                    failed = {inner for inner in failed if not inner.startswith(f"{place}/")}
            elif place not in around:
                failed.add(place)
                around.update(_outer(place))
    return failed


def _outer(place: str) -> Iterator[str]:
    """Yield the places that a place is in, and parts of keys, which name nothing."""
    for position, character in enumerate(place):
        if position and character in "/[#":
            yield place[:position]


def _last(store: Store, head: Head) -> float:
    query = "SELECT time FROM radps_facts WHERE run = :run AND seq = :last"
    return _scalar(store, query, {"run": head.run, "last": head.last}) or head.created
