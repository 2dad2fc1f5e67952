"""The live tree: what is shown where there is room for only so much."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from examples import examples
from facts_demo import STAGES, START, demo, many_nodes, wide
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.facts import (
    Fact,
    Iterated,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
    QuestionAsked,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
)
from radps_dag.journal.occupancy import Occupancy, Wait
from radps_dag.progress.frame import Frame
from radps_dag.progress.look import ASCII, UNICODE, duration, number, short
from radps_dag.progress.state import RunState, fold
from radps_dag.workloads.contract.percents import report_percent, reporting

T = START
STREAMS = {
    "demo": demo(),
    "bad": demo(good=False),
    "wide": wide(60, failing=0.2),
    "many": many_nodes(120),
}


def lines(state: RunState, width: int = 100, height: int = 40, now: float = T + 5) -> list[str]:
    return [line.plain for line in Frame(UNICODE).lines(state, now, width, height)]


def started(place: str, kind: str = "task", **more: object) -> NodeStarted:
    return NodeStarted(time=T, place=place, kind=kind, **more)  # type: ignore[arg-type]


@examples(150)
@given(
    name=st.sampled_from(sorted(STREAMS)),
    share=st.floats(0, 1),
    width=st.integers(1, 200),
    height=st.integers(0, 60),
)
def test_a_frame_fits(name: str, share: float, width: int, height: int) -> None:
    """At any moment of any run a frame fits any terminal."""
    facts = STREAMS[name]
    state = RunState()
    state.expect(STAGES if name in ("demo", "bad") else ())
    for fact in facts[: int(share * len(facts))]:
        state.apply(fact)
    for symbols in (UNICODE, ASCII):
        frame = Frame(symbols).lines(state, T + 30, width, height)
        assert len(frame) <= height
        assert all(line.cell_len <= width for line in frame)


def test_wide_characters_are_counted_in_columns() -> None:
    """Names and messages of any script are cut by columns, not by characters."""
    failed = NodeFailed(time=T, place="a[銀河系]", error="E", message="観測" * 60, seconds=1.0)
    state = fold([started("a", "fan_out", total=3), started("a[観測所の名前がとても長い]"), failed])
    state.apply(NodeFailed(time=T, place="b", error="E", message="観測" * 60, seconds=1.0))
    for line in Frame(UNICODE).lines(state, T, 60, 20):
        assert line.cell_len <= 60


def test_running_stage_is_open_and_ended_stage_is_one_line() -> None:
    """What runs shows what is in it; what ended takes one line."""
    state = fold(
        [
            started("a", "group"),
            started("a/x"),
            NodeSucceeded(time=T, place="a/x", outputs={}, seconds=1.0),
            NodeSucceeded(time=T, place="a", outputs={}, seconds=1.0),
            started("b", "group"),
            started("b/y"),
        ]
    )
    _, a, b, y = lines(state)
    assert a.split() == ["✓", "a", "1.0s"]
    assert b.split()[1:] == ["b", "5.0s"] and y.split()[1:] == ["y", "5.0s"]
    assert y.index("y") > b.index("b")


def test_loop_shows_iteration_and_score() -> None:
    """A loop tells its iteration, cap and latest score, and what the iteration does."""
    facts: list[Fact] = [started("c", "loop", total=10)]
    for n in (1, 2):
        facts += [
            started(f"c#{n}", "group"),
            NodeSucceeded(time=T, place=f"c#{n}", outputs={}, seconds=1.0),
            Iterated(time=T, place="c", iteration=n, cap=10, score=2.4 / n),
        ]
    facts += [started("c#3", "group"), started("c#3/major_cycle")]
    _, loop, inside = lines(fold(facts))
    assert "#3/10  1.2" in loop
    assert "major_cycle" in inside


def test_fan_out_shows_counts() -> None:
    """A fan-out tells how many of how many ended and failed; instances that run have a line."""
    facts: list[Fact] = [started("f", "fan_out", total=8)]
    facts += [started(f"f[spw={n}]") for n in range(8)]
    facts += [NodeSucceeded(time=T, place=f"f[spw={n}]", outputs={}, seconds=1.0) for n in range(4)]
    facts += [
        NodeFailed(time=T, place="f[spw=4]", error="E", message="", seconds=1.0, tolerated=True)
    ]
    _, fan_out, *instances = lines(fold(facts))
    assert "5/8  1 failed" in fan_out
    assert [line.split()[1] for line in instances] == ["spw=5", "spw=6", "spw=7"]


def test_wide_fan_out_is_cut() -> None:
    """Of many instances the first few are shown, the rest is counted."""
    facts: list[Fact] = [started("f", "fan_out", total=10_000)]
    facts += [started(f"f[{n}]") for n in range(100)]
    shown = lines(fold(facts))
    assert len(shown) == 2 + 8
    assert shown[-1].strip() == "93 more running"


def test_retry_counts_down() -> None:
    """A node between attempts says which comes when, and why."""
    retrying = Retrying(
        time=T, place="a", attempt=2, attempts=4, delay=8.0, error="ConnectionError", message="no"
    )
    _, line = lines(fold([started("a"), retrying]))
    assert "attempt 2/4 in 3 s  ConnectionError: no" in line


def test_skipped_says_why() -> None:
    """A skipped node is there, dimmed, with its reason."""
    state = fold([NodeSkipped(time=T, place="a", reason="when is false")])
    (_, line) = Frame(UNICODE).lines(state, T, 80, 10)
    assert "skipped: when is false" in line.plain
    assert {str(span.style) for span in line.spans} == {"dim"}


@pytest.mark.parametrize(
    ("score", "colour", "word"),
    [(0.33, "red", "bad"), (0.66, "yellow", "low"), (0.9, "blue", "fair"), (0.91, "green", "good")],
)
def test_score_has_a_colour_and_a_word(score: float, colour: str, word: str) -> None:
    """QA has the colours of pipelines' QA pages, and reads without them."""
    scored = Scored(time=T, place="a", metric="snr", score=score, verdict="good")
    _, line = Frame(UNICODE).lines(fold([started("a"), scored]), T, 80, 10)
    assert f"{score:.2f} {word}" in line.plain
    assert colour in {str(span.style) for span in line.spans}


def test_alert_is_called_so() -> None:
    """A verdict below the node's own thresholds is named; a broken formula is an error."""
    alert = Scored(time=T, place="a", metric="snr", score=0.95, verdict="alert")
    broken = Scored(time=T, place="b", metric="snr", score=-0.1, verdict="error")
    _, a, b = lines(fold([started("a"), alert, started("b"), broken]))
    assert "0.95 alert" in a and b.split()[-2] == "error"


def test_too_many_stages_are_counted() -> None:
    """Where stages outgrow the terminal those that run have the room, the rest is counted."""
    done = [f"done_{n}" for n in range(30)]
    facts: list[Fact] = []
    for name in done:
        facts += [started(name), NodeSucceeded(time=T, place=name, outputs={}, seconds=1.0)]
    facts += [started("run_1"), started("run_2")]
    state = RunState()
    state.expect([*done, "run_1", "run_2", *(f"wait_{n}" for n in range(30))])
    for fact in facts:
        state.apply(fact)
    text = "\n".join(lines(state, height=12))
    assert "run_1" in text and "run_2" in text and "wait_0" in text and "done_29" in text
    assert "28 done" in text and "28 to come" in text


def test_control_characters_do_not_reach_the_terminal() -> None:
    """A message cannot move the cursor, clear the screen or end the line."""
    failed = NodeFailed(
        time=T, place="a", error="E", message="x\x1b[2J\r\n\x9b1Jy\u202e", seconds=1.0
    )
    _, line = lines(fold([failed]))
    assert line.isprintable() and "x [2J 1Jy" in line


def test_names_column_does_not_jump() -> None:
    """The column of names only ever widens while a run lasts."""
    frame = Frame(UNICODE)
    state = fold([started("a_rather_long_name_of_a_stage", description="one")])
    before = frame.lines(state, T, 100, 10)[1].plain.index("one")
    state = fold([started("b", description="one")])
    assert frame.lines(state, T, 100, 10)[1].plain.index("one") == before


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"kind": "image", "uri": "a/b.zarr"}, "a/b.zarr"),
        ([1, 2.5, None, True], "[1, 2.5, null, true]"),
        ("x" * 40, "x" * 17 + "..."),
        ({"k": "v\x1b"}, "{k: v }"),
    ],
)
def test_short_values(value: object, text: str) -> None:
    """Values are one line of bounded length, products are their URI."""
    assert short(value, 20) == text


def test_huge_values_are_cheap() -> None:
    """A huge output is cut before it is written out."""
    assert len(short({str(n): list(range(1000)) for n in range(1000)}, 60)) == 60


def test_durations_and_numbers() -> None:
    """Rounding never shows 60 seconds, and infinities are no error."""
    assert duration(59.97) == "1m 00s" and duration(3599.7) == "1h 00m"
    assert [number(x) for x in (float("inf"), float("nan"), -1432.0)] == ["inf", "nan", "-1,432"]


def test_a_narrow_terminal() -> None:
    """In 60 columns the first line leaves out what it says twice, a name what is in its middle, and
    a command that does not fit is none: a shorter one stands for it."""
    run = "20261125-093104-full_cube"
    begun = RunStarted(
        time=T,
        place="",
        run=run,
        pipeline="full_cube",
        file="f",
        params={},
        library="",
        executor="threads",
        seed=0,
    )
    asked = QuestionAsked(
        time=T, place="b/review", question="1" * 32, message="deep enough?", inputs={}
    )
    facts: list[Fact] = [
        begun,
        started("a", "fan_out", total=2),
        *(started(f"a[field=G09.62,spw=0,polarization={name}]", "group") for name in ("XX", "YY")),
        Retrying(
            time=T,
            place="a[field=G09.62,spw=0,polarization=YY]",
            attempt=2,
            attempts=3,
            delay=5.0,
            error="OSError",
            message="no",
        ),
        started("b", "group"),
        started("b/review", "pause"),
        asked,
    ]
    state = RunState()
    state.expect([*(f"stage_{n}" for n in range(9)), "a", "b"])
    for fact in facts:
        state.apply(fact)
    text = lines(state, 60)
    assert text[0].split() == [run, "·", "0/11", "stages", "·", "?", "1", "5.0s"]
    assert lines(state, 90)[0].split()[:3] == ["full_cube", "·", run]
    assert any("field=G09.62,spw=0,polarization=XX" in line for line in text)
    assert any("field=G09.6…ization=YY  attempt" in line for line in text)
    assert text[-1] == " ? a question waits: radps-dag questions"
    assert f"radps-dag answer {run} b/review" in lines(state, 100)[-1]


def test_a_program_says_how_far_it_is(tmp_path: Path) -> None:
    """A call that runs has a bar with its percentage, until it starts anew; others are as ever."""
    start = started("image", description="Clean")
    state = fold([start])
    state.note_percents(tmp_path / "none")
    assert "%" not in "".join(lines(state))
    with reporting(tmp_path / "progress", "image"):
        report_percent(42.4)
        state.note_percents(tmp_path / "progress")
    assert " 42%  Clean" in lines(state)[1]
    state.apply(start)
    assert "%" not in "".join(lines(state))


def test_what_waits_for_what() -> None:
    """A call that has begun and has no worker, one that has not begun, and the instances of a
    fan-out say what they wait for; the last line counts them."""
    state = RunState()
    state.expect(["prepare", "last", "image", "calibrate"])
    for place, kind in (("prepare", "task"), ("image", "fan_out"), ("calibrate", "fan_out")):
        state.apply(started(place, kind))
    state.apply(started("calibrate[ms=1]", "group"))
    memory = "memory, 8 GB of 16 GB"
    waits = (
        Wait("prepare", "worker", "a worker, and there is none", T),
        Wait("last", "gpus", "1 of 2 GPUs", T),
        Wait("image[spw=0]", "memory", memory, T),
        Wait("image[spw=1]", "memory", memory, T),
        Wait("calibrate[ms=1]/solve", "lock", "lock ms-1, held by a", T),
    )
    state.note_occupancy(Occupancy("far", 1, 4, 2, (), (), waits, 5))
    shown = lines(state)
    assert " · prepare           waits for a worker, and there is none" in shown[1]
    assert " · last              waits for 1 of 2 GPUs" in shown[2]
    assert f"0/0  2 wait for {memory}" in shown[3]
    assert "1 wait for lock ms-1, held by a" in shown[4]
    assert "   · ms=1            waits for lock ms-1, held by a" in shown[5]
    assert shown[-1].startswith(" far: no workers · 5 calls wait: 2 for memory, ")
    state.apply(NodeSucceeded(time=T, place="prepare", outputs={}, seconds=1.0))
    assert "waits" not in lines(state)[1]
    state.note_occupancy(None)
    assert "wait for" not in "".join(lines(state))


def test_what_another_process_has_left_is_not_true() -> None:
    """Nor what is there of a run that has ended."""
    state = RunState()
    state.apply(replace(demo()[0], generation=2))  # type: ignore[type-var]
    state.note_occupancy(Occupancy("far", 1, 4, 2, ()))
    assert state.occupancy is None
    state.note_occupancy(Occupancy("far", 2, 4, 2, ()))
    assert state.occupancy is not None
    state.apply(RunEnded(time=T, place="", status="failed", seconds=1.0))
    state.note_occupancy(Occupancy("far", 2, 4, 2, ()))
    assert state.occupancy is None
