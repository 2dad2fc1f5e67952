"""Facts to rows and back. A row carries a checksum, so that a damaged one is never believed."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any
from zlib import crc32

from radps_dag.facts import (
    Fact,
    NodeFailed,
    NodeStarted,
    NodeSucceeded,
    QuestionAnswered,
    QuestionAsked,
    RunEnded,
    as_json,
    from_json,
    strict_json,
    without_defaults,
)
from radps_dag.journal.workspace import Workspace
from radps_dag.problem import RadpsDagError

__all__ = [
    "ADVICE",
    "CANCELLED",
    "CHANGES",
    "Damaged",
    "DamagedRun",
    "Head",
    "Row",
    "believed",
    "digest",
    "to_fact",
    "to_row",
]

ADVICE = "restore it from a copy, or start a new run with --workspace elsewhere"

# Values of workloads have at most a hundred levels, and what is around them a few.
MAX_DEPTH = 120
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"')
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_BRACKETS = re.compile(r"[\[\]{}]")

# The key of the row that ends a run for good.
CANCELLED = "cancelled"
# The key of the rows that say which data a call is about to change in place.
CHANGES = "changes in place"


class Damaged(RadpsDagError):
    """The journal is not what was written."""


class DamagedRun(Damaged):
    """The journal of one run is damaged; others may be sound."""

    def __init__(self, message: str, run: str) -> None:
        super().__init__(message)
        self.run = run

    @property
    def warning(self) -> str:
        """The warning for those who can do without that run."""
        return f"nothing of run {self.run} is used again: {self}"


@dataclass(frozen=True, slots=True)
class Head:
    """A run as the list of runs has it. Newer runs have a later `created`."""

    run: str
    pipeline: str
    created: float
    generation: int
    last: int


@dataclass(frozen=True, slots=True)
class Row:
    """A fact as the journal keeps it; `seq` is its number in the run."""

    run: str
    seq: int
    time: float
    place: str
    kind: str
    key: str | None
    payload: str
    checksum: int


def to_row(run: str, fact: Fact, workspace: Workspace) -> Row:
    """The row of a fact, its number still to be given."""
    told = without_defaults(fact)
    time, place = told.pop("time"), told.pop("place")
    if "added" in told:
        told["added"] = asdict(told["added"])
    if (made := told.get("made")) is not None:
        told["made"] = without_defaults(made)
        if made.added:
            told["made"]["added"] = [without_defaults(addition) for addition in made.added]
    if (usage := told.get("usage")) is not None:
        told["usage"] = without_defaults(usage)
    if isinstance(fact, NodeFailed):
        told["ending"] = fact.ending  # always: journals that do not have it were written before
    payload = workspace.relative(strict_json(told))
    return Row(run, 0, float(time), place, _kind(fact), _key(fact), payload, 0)


_KINDS: dict[type[Fact], str] = {}


def _kind(fact: Fact) -> str:
    if type(fact) not in _KINDS:
        _KINDS[type(fact)] = as_json(fact)["fact"]
    return _KINDS[type(fact)]


def _key(fact: Fact) -> str | None:
    """The key by which a row is looked up."""
    match fact:
        case NodeSucceeded() | NodeFailed():
            return None if fact.made is None else fact.made.key
        case QuestionAsked() | QuestionAnswered():
            return fact.question
        case RunEnded(status="cancelled"):
            return CANCELLED
        case NodeStarted(changes=changes) if changes:
            return CHANGES
    return None


def checksum(row: Row, seq: int) -> int:
    """Checksum of all that a row says, as a signed integer of 32 bits, which every database has."""
    text = f"{row.run}\0{seq}\0{row.time!r}\0{row.place}\0{row.kind}\0{row.key}\0{row.payload}"
    return crc32(text.encode("utf-8", "surrogatepass")) - 2**31


def digest(head: Head) -> int:
    """The same of a run's head."""
    text = f"{head.run}\0{head.pipeline}\0{head.created!r}\0{head.generation!r}\0{head.last!r}"
    return crc32(text.encode("utf-8", "surrogatepass")) - 2**31


def believed(row: Row) -> Row:
    """The row, if it is what was written. Raises Damaged where it is not, whatever it is then."""
    if checksum(row, row.seq) != row.checksum:
        where = f"row {row.seq!r} of run {row.run!r}"
        raise Damaged(f"{where} is damaged: its checksum does not match")
    # Who counts rows reads no more of them than this.
    if not isinstance(row.time, (int, float)):
        where = f"row {row.seq!r} of run {row.run!r}"
        raise Damaged(f"{where} cannot be understood: its time is {row.time!r:.40}, not a number")
    return row


def to_fact(row: Row, workspace: Workspace) -> Fact:
    """The fact of a row, every member of the type that it must have. Raises Damaged where it cannot
    be one."""
    try:
        record: dict[str, Any] = json.loads(workspace.absolute(row.payload))
        if _depth(row.payload) > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        if _SURROGATE.search(row.payload):
            # Names of files may be bytes that are not text; half a pair is neither, and refused.
            json.dumps(record, ensure_ascii=False).encode(errors="surrogateescape")
        record["fact"], record["time"], record["place"] = row.kind, row.time, row.place
        fact = from_json(record)
        if row.key != _key(fact):
            raise ValueError("it has a key that is not its own")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = " ".join(f"{error!r:.200}".split())
        raise Damaged(f"row {row.seq} of run {row.run} cannot be understood: {reason}") from error
    return fact


def _depth(text: str) -> int:
    """The depth of nested JSON; the maximum, if that is not deep."""
    brackets = text.count("[") + text.count("{")
    if brackets <= MAX_DEPTH:
        return brackets
    deepest = depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
