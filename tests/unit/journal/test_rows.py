"""Facts to rows and back: nothing is lost, and what was changed is not believed."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from fact_strategy import facts
from hypothesis import example, given
from hypothesis import strategies as st

from radps_dag.facts import Fact, Made, NodeStarted, NodeSucceeded, Noted, RunEnded
from radps_dag.journal.rows import Damaged, Head, Row, believed, checksum, digest, to_fact, to_row
from radps_dag.journal.workspace import Workspace

HERE = Workspace(Path("/data/observations"), "s3://bucket/products")


def sealed(fact: Fact, seq: int = 1) -> Row:
    row = replace(to_row("run", fact, HERE), seq=seq)
    return replace(row, checksum=checksum(row, seq))


@given(facts)
def test_round_trip(fact: Fact) -> None:
    """A row gives the fact that it was made of, whatever is in it."""
    assert to_fact(believed(sealed(fact)), HERE) == fact


@given(facts)
@example(RunEnded(time=0.0, place="", status="cancelled", seconds=0.0))
def test_a_row_is_plain(fact: Fact) -> None:
    """What a row holds is text and numbers, which every database keeps as they are."""
    row = sealed(fact)
    assert type(row.time) is float
    assert -(2**31) <= row.checksum < 2**31
    made = getattr(fact, "made", None)
    key = None if made is None else made.key
    if isinstance(fact, RunEnded) and fact.status == "cancelled":
        key = "cancelled"  # under which a run has one end for good
    if isinstance(fact, NodeStarted) and fact.changes:
        key = "changes in place"  # under which all that is changed is found at once
    assert row.key == getattr(fact, "question", key)


@given(facts, st.data())
def test_every_change_is_noticed(fact: Fact, data: st.DataObject) -> None:
    """A row of which anything has changed is not believed, whatever it has become."""
    row = sealed(fact)
    name = data.draw(st.sampled_from([item.name for item in fields(Row)]))
    value: Any = data.draw(st.none() | st.integers() | st.text() | st.binary() | st.floats())
    if repr(value) == repr(getattr(row, name)):
        return
    with pytest.raises(Damaged):
        believed(replace(row, **{name: value}))


@given(facts, st.integers(0))
def test_every_flipped_bit_is_noticed(fact: Fact, at: int) -> None:
    """One bit of the payload is enough."""
    row = sealed(fact)
    content = bytearray(row.payload.encode("utf-32-le"))
    content[at % len(content) // 4 * 4] ^= 1
    with pytest.raises(Damaged):
        believed(replace(row, payload=content.decode("utf-32-le", "surrogatepass")))


def test_what_is_no_fact() -> None:
    """A row that is whole, but none of ours, is refused by its number."""
    row = sealed(Noted(time=1.0, place="", message="hello"), seq=7)
    for change in ({"kind": "unheard_of"}, {"payload": "{}"}, {"payload": "[1, 2"}):
        with pytest.raises(Damaged, match="row 7 of run run cannot be understood"):
            to_fact(replace(row, **change), HERE)


@pytest.mark.parametrize("name", ["run", "pipeline", "created", "generation", "last"])
def test_heads_have_a_digest_too(name: str) -> None:
    """Nothing of a run's head may change unnoticed."""
    head = Head("run", "cube", 1.5, 2, 17)
    for value in (None, "x", 3.25, b"run"):
        assert digest(replace(head, **{name: value})) != digest(head)  # type: ignore[arg-type]


@pytest.mark.parametrize("time", ["run_started", None, b"1"])
def test_a_forged_time_is_not_believed(time: Any) -> None:
    """Also where its checksum fits: who counts rows reads their time, and no more of them."""
    row = replace(to_row("run", Noted(time=1.0, place="a", message="b"), HERE), seq=1, time=time)
    with pytest.raises(Damaged, match=r"its time is .*, not a number"):
        believed(replace(row, checksum=checksum(row, 1)))


@pytest.mark.parametrize(("text", "sound"), [("\\ud800", False), ("\\ud83d\\ude00", True)])
def test_half_of_a_pair_is_no_text(text: str, sound: bool) -> None:
    """Half of a surrogate pair cannot be written to any file; a whole pair is a character."""
    row = to_row("run", Noted(time=1.0, place="a", message="b"), HERE)
    row = replace(row, payload=row.payload.replace('"b"', f'"{text}"'))
    if sound:
        assert to_fact(row, HERE) == Noted(time=1.0, place="a", message="\N{GRINNING FACE}")
        return
    with pytest.raises(Damaged, match="surrogates not allowed"):
        to_fact(row, HERE)


def test_defaults_take_no_room() -> None:
    """What a fact does not say is not written: a plain call is a short row."""
    made = Made(key="0" * 32)
    row = sealed(NodeSucceeded(time=1.0, place="a", outputs={"value": 1}, seconds=0.5, made=made))
    assert row.payload == f'{{"outputs":{{"value":1}},"seconds":0.5,"made":{{"key":"{"0" * 32}"}}}}'


def test_rows_of_before_changes_in_place_were_recorded() -> None:
    """What an older version has written is read: no revision, nothing that was changed."""
    started = Row("r", 1, 1.0, "a", "node_started", None, '{"kind":"task","workload":"w"}', 0)
    fact = to_fact(started, HERE)
    assert isinstance(fact, NodeStarted)
    assert fact.changes == {}
    made = '{"outputs":{},"seconds":1.0,"made":{"key":"k","workdir":"w","files":{"f":[1,"d"]}}}'
    ended = to_fact(Row("r", 2, 1.0, "a", "node_succeeded", "k", made, 0), HERE)
    assert isinstance(ended, NodeSucceeded)
    assert ended.made == Made(key="k", workdir="w", files={"f": (1, "d")})
