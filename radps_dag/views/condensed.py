"""Rows of a run to facts and counts: a call that only began and ended well is not decoded.

Of a fan-out with 10,000 instances a person sees how many are done, and those where something
happened. Decoding all the others takes most of the time that `status` takes. Their rows are
checked like all rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from radps_dag.facts import Fact, NodeSucceeded
from radps_dag.facts.places import parts
from radps_dag.journal.rows import Row

__all__ = ["CountedCall", "condensed"]

# As the journal writes them. What is written otherwise is decoded.
_CALL = '{"kind":"task",'
_ORIGIN = '"origin":"'
_PICTURE = re.compile(r'\.png|"(?:quicklook|plot|image|fits)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CountedCall:
    """A call in an instance of a fan-out that began and ended well, and nothing else happened.
    `success` is there where more than the count may be of interest, such as pictures."""

    fan_out: str
    reused: bool
    success: NodeSucceeded | None = None


def condensed(rows: Sequence[Row], read: Callable[[Row], Fact]) -> Iterator[Fact | CountedCall]:
    """Yield what rows say, in their order. `read` decodes a row."""
    uneventful = _uneventful(rows)
    for row in rows:
        if row.place not in uneventful:
            yield read(row)
        elif row.kind == "node_succeeded":
            yield _counted(row, read)


def _uneventful(rows: Sequence[Row]) -> set[str]:
    """The instances of which there is nothing but the start and the success of a call."""
    begun: set[str] = set()
    ended: set[str] = set()
    eventful: set[str] = set()
    for row in rows:
        place = row.place
        if row.kind == "question_asked":
            return set()  # for how long a run waits depends on all that goes on
        if not place.endswith("]"):
            continue
        if row.kind == "node_started" and place not in begun and row.payload.startswith(_CALL):
            begun.add(place)
        elif row.kind == "node_succeeded" and place in begun and place not in ended:
            ended.add(place)
        else:
            eventful.add(place)
    return {place for place in ended - eventful if parts(place)[-1].startswith("[")}


def _counted(row: Row, read: Callable[[Row], Fact]) -> CountedCall:
    fan_out = row.place[: -len(parts(row.place)[-1])]
    if _ORIGIN not in row.payload and not _PICTURE.search(row.payload):
        return CountedCall(fan_out, reused=False)
    success = read(row)
    assert isinstance(success, NodeSucceeded)
    return CountedCall(fan_out, success.made is not None and bool(success.made.origin), success)
