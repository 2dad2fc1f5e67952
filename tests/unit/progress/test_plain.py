"""Lines for logs, JSON for machines, next to nothing for the quiet, and the summary."""

from __future__ import annotations

import io
import json
import random
from types import MappingProxyType

import pytest
from facts_demo import START, demo, many_nodes, wide

from radps_dag.facts import (
    Fact,
    Iterated,
    NodeFailed,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
    Noted,
    Retrying,
    RunEnded,
    RunStarted,
    Scored,
)
from radps_dag.progress import Mode, listener

T = START


def told(facts: list[Fact], mode: Mode = "plain") -> str:
    stream = io.StringIO()
    with listener(mode, stream) as listen:
        for fact in facts:
            listen(fact)
    return stream.getvalue()


def started(place: str, kind: str = "task", **more: object) -> NodeStarted:
    return NodeStarted(time=T, place=place, kind=kind, **more)  # type: ignore[arg-type]


def succeeded(place: str) -> NodeSucceeded:
    return NodeSucceeded(time=T + 2, place=place, outputs={}, seconds=2.0)


def failed(place: str, message: str = "no answer", **more: object) -> NodeFailed:
    error = {"error": "ConnectionError", "message": message, "seconds": 1.0}
    return NodeFailed(time=T + 1, place=place, **{**error, **more})  # type: ignore[arg-type]


def begun() -> RunStarted:
    return RunStarted(
        time=T, place="", run="r1", pipeline="p", file="p.yaml", params={}, library="placeholder",
        executor="threads", seed=1,
    )  # fmt: skip


def ended(status: str = "succeeded", **more: object) -> RunEnded:
    return RunEnded(time=T + 9, place="", status=status, seconds=9.0, **more)  # type: ignore[arg-type]


def test_lines_of_a_run() -> None:
    """Each event has a line with the time since the start, the place, and what happened."""
    text = told(
        [
            begun(),
            started("a", "group"),
            started("a/clean", "loop", total=20),
            Iterated(time=T + 12.3, place="a/clean", iteration=3, cap=20, score=0.83),
            Retrying(
                time=T + 13, place="a/x", attempt=2, attempts=4, delay=3.0, error="E", message="m"
            ),
            NodeSkipped(time=T + 14, place="b", reason="when is false"),
            succeeded("a"),
            Noted(time=T + 15, place="a", message="hot antenna", level="warning"),
        ]
    )
    assert text.splitlines() == [
        "    0.0s  p run r1, placeholder library, threads, seed 1",
        "    0.0s  a  started",
        "    0.0s  a/clean  started, at most 20 iterations",
        "   12.3s  a/clean  #3 of 20 score 0.83",
        "   13.0s  a/x  attempt 2 of 4 in 3 s: E: m",
        "   14.0s  b  skipped: when is false",
        "    2.0s  a  done in 2.0s",
        "   15.0s  a  warning: hot antenna",
    ]


def test_small_fan_out_has_a_line_for_each() -> None:
    """Up to eight instances are told one by one."""
    facts: list[Fact] = [begun(), started("f", "fan_out", total=3)]
    for n in range(3):
        facts += [started(f"f[spw={n}]"), succeeded(f"f[spw={n}]")]
    assert told(facts).count("f[spw=") == 3


def test_wide_fan_out_is_summarised() -> None:
    """Ten thousand instances take a few dozen lines; failures and retries are among them."""
    facts = wide(10_000, width=32, failing=0.01)
    text = told(facts)
    assert len(text.splitlines()) < 60
    assert "5,000 of 10,000" in text and "failed after" in text and "attempt 2 of 2" in text
    assert "more of these are counted, not listed" in text


def test_long_loop_is_thinned() -> None:
    """A solver of a thousand iterations tells the first, then fewer and fewer, and the last."""
    facts: list[Fact] = [begun(), started("s", "loop", total=5000)]
    for n in range(1, 1235):
        outcome = "converged" if n == 1234 else ""
        facts += [
            started(f"s#{n}"),
            succeeded(f"s#{n}"),
            Iterated(time=T, place="s", iteration=n, cap=5000, score=1 / n, outcome=outcome),
        ]
    text = told(facts)
    assert text.count("#") < 40 and "#1234 of 5000 score 0.00081 converged" in text


def test_no_colour_and_no_cursor_in_a_log() -> None:
    """Where the output is not a terminal there is not one escape sequence."""
    assert "\x1b" not in told(demo()) + told(demo(), "quiet")


def test_ascii_stream() -> None:
    """A stream that cannot carry the symbols gets plain ones, and no error for any message."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    with listener("plain", stream) as listen:
        for fact in [begun(), failed("a", "観測 \udcff"), ended("failed")]:
            listen(fact)
    stream.flush()
    assert b" x p failed after 9.0s  - run r1\n   a: ConnectionError: ??" in raw.getvalue()


def test_json_lines_are_strict() -> None:
    """Each fact is one line of strict JSON: no NaN, no raw line ends, any mapping, any object."""
    outputs = MappingProxyType({"x": float("nan"), "y": [float("inf")], "z": {1}, "o": object})
    facts: list[Fact] = [
        *demo(),
        NodeSucceeded(time=T, place="a\nb", outputs=outputs, seconds=1.0),
        Iterated(time=T, place="a", iteration=1, cap=2, score=float("-inf")),
        failed("a", "\udcff\u2028"),
    ]
    lines = told(facts, "json").split("\n")
    assert lines.pop() == "" and len(lines) == len(facts)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    read = [json.loads(line, parse_constant=refuse) for line in lines]
    assert read[0]["fact"] == "run_started"
    assert read[-3]["outputs"]["x"] is None and read[-3]["outputs"]["z"] == [1]
    assert read[-2]["score"] is None


def test_quiet_tells_only_trouble_and_the_result() -> None:
    """A good run is one line; warnings, alerts and what failed are told as well."""
    assert told([begun(), started("a"), succeeded("a"), ended()], "quiet").splitlines() == [
        " ✓ p succeeded in 9.0s  · run r1"
    ]
    text = told(demo(), "quiet")
    assert "antenna DA42" in text and "0.55 alert" in text and "uvcontsub[spw=3]" in text
    assert len(text.splitlines()) < 10


def test_result_names_the_cause_first() -> None:
    """The result of a failed run is followed by where it began, not by what came of it."""
    text = told(
        [
            begun(),
            started("a", "group"),
            started("a/x"),
            started("a/y"),
            failed("a/x"),
            failed("a/y", error="OSError", seconds=2.0),
            failed("a", "step 'x' failed", error="RunFailed"),
            ended("failed", message="stage 'a' failed"),
        ]
    )
    summary = text[text.index(" ✗ p failed") :].splitlines()
    assert summary[:2] == [
        " ✗ p failed after 9.0s  · run r1",
        "   a/x: ConnectionError: no answer",
    ]
    assert text.count("step 'x' failed") == 2  # when it happened, and in the row of the stage


def test_a_users_exception_may_be_called_cancelled() -> None:
    """What failed first is the first cause, whatever a workload calls its exception."""
    text = told(
        [
            begun(),
            started("x"),
            started("y"),
            failed("y", "by the operator", error="ObservationCancelled"),
            failed("x", seconds=2.0),
            ended("failed", message="stage 'y' failed"),
        ]
    )
    assert text[text.index(" ✗ p failed") :].splitlines()[1] == (
        "   y: ObservationCancelled: by the operator"
    )


def test_failed_inside_a_tolerated_group_is_tolerated() -> None:
    """What a group that the run goes on without held is no cause."""
    text = told(
        [
            begun(),
            started("g", "group"),
            started("g/x"),
            failed("g/x"),
            failed("g", tolerated=True),
            ended(),
        ]
    )
    assert "\nFailed, tolerated\n ! g/x  ConnectionError: no answer\n" in text
    assert "\nFailed\n" not in text


def test_too_few_good_instances() -> None:
    """A fan-out that fails for want of good instances is followed by what its instances said."""
    facts: list[Fact] = [begun(), started("f", "fan_out", total=20)]
    for n in range(20):
        facts += [started(f"f[{n}]"), failed(f"f[{n}]", tolerated=True)]
    facts += [failed("f", "0 of 20 good, 15 needed", error="TooFew"), ended("failed")]
    text = told(facts)
    section = text[text.index("\nFailed\n") :].splitlines()
    assert section[2] == " ✗ f  TooFew: 0 of 20 good, 15 needed"
    assert section[3] == (
        " ✗ f[0]  ConnectionError: no answer (and 19 more like it: 1, 2, 3, 4, ...)"
    )
    assert "tolerated" not in "\n".join(section)


def test_summary_has_every_section() -> None:
    """The end of a run tells stages, tolerated failures, QA, warnings and outputs."""
    text = told(demo())
    summary = text[text.index("full_cube succeeded") :]
    for expected in (
        "31 iterations",
        "1 failed, tolerated",
        "0.55 alert",
        "skipped: when is false",
        "\nFailed, tolerated\n",
        "(after 4 attempts)",
        "\nQA\n",
        "\nWarnings\n",
        "\nOutputs\n",
        "products/keen-otter/cube.zarr",
    ):
        assert expected in summary, expected


def test_interrupted_run_says_what_was_stopped() -> None:
    """A run that was interrupted names the stages it left."""
    text = told([begun(), started("a", "group"), started("a/x"), ended("interrupted")])
    assert " ✗ p was interrupted after 9.0s" in text and " ■ a" in text


@pytest.mark.parametrize("mode", ["plain", "quiet", "json", "live"])
def test_any_order_of_facts_is_survived(mode: Mode, capsys: pytest.CaptureFixture[str]) -> None:
    """A stream out of order, or cut, breaks no display."""
    facts = [*demo(), *demo(good=False), *wide(50), *many_nodes(40)]
    random.Random(3).shuffle(facts)
    told(facts, mode)
    assert capsys.readouterr().err == ""


def test_broken_display_does_not_reach_the_engine(capsys: pytest.CaptureFixture[str]) -> None:
    """When the stream fails the run goes on, and one line says so."""

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    with listener("plain", Full()) as listen:
        for fact in demo():
            listen(fact)
    assert capsys.readouterr().err.count("display broke (OSError: [Errno 28]") == 1


def test_reader_that_went_away_is_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json | head` ends without a word."""

    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    with listener("json", Gone()) as listen:
        listen(begun())
    assert capsys.readouterr().err == ""


def test_score_is_told_with_value_and_reason() -> None:
    """QA says metric, what it applies to, score in a word, value with units, and why."""
    scored = Scored(
        time=T, place="a", metric="snr", score=0.5, verdict="alert", value=3.14159, units="dB",
        reason="too little signal", applies_to="spw 2",
    )  # fmt: skip
    assert told([scored]).strip() == (
        "0.0s  a  QA snr of spw 2: 0.50 alert (3.14 dB): too little signal"
    )
